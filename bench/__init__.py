"""Measurements and torture: what is run by hand, takes minutes, and prints what it did."""
