"""How fast we may go. Pure: what the server said and the time are arguments; nothing here waits or reads a clock."""
