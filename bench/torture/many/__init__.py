"""Many slices of three sources, kept fresh by two processes that are killed, while their feeds grow."""
