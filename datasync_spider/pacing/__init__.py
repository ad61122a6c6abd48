"""How fast we may go. Pure: the time is always an argument, so that every rule can be tested without waiting."""
