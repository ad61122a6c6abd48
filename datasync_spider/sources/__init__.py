"""What an API is, as data: sources, their streams, and how their pages follow each other. Pure: no I/O, no clock."""
