"""How fast we may go. Pure: what the server told and the time are arguments; nothing here waits or reads a clock."""
