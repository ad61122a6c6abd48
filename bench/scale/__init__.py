"""What many slices cost, a slice: ``python -m bench slices``."""
