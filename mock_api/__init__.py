"""A stand-alone imitation of the DataSync events API, for tests, demonstrations and benchmarks.

Its invariant: what it serves follows from the seed and the options alone, so a second process can compute the same
events and compare. It imports nothing of the pipeline that it tests: a mistake that both shared would pass unseen.
"""
