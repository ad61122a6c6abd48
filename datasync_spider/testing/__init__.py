"""What an author of a plug-in tests it with. Needs no test framework: what does not hold is an AssertionError."""
