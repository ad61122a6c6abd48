"""The same work with what users would pick instead, in an environment of its own."""
