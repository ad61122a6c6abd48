"""Slices that do not stand in a source's file: what a command prints, and the records of another stream."""
