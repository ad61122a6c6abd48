"""What is stored, as a file of another format: a whole one or none. What is in it was read by storage."""
