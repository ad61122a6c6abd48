"""One pure class for each way in which pages follow each other."""
