"""One sync of one slice: what is to be done (``plan``), how plans are made (``planning``), and which slices there are.

Invariant: a plan is a value that is made once. How pages travel and how they are asked for is not known here.
"""
