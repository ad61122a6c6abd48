"""From the URL of an unknown API to the file of a source: what its answers show, tried with a few requests.

Invariant: what is proposed comes from answers and is tried where a request is left for it; what was not tried, or is a
guess, is said to be one. All but :mod:`sending` is pure: :mod:`investigating` says what to ask and is given what came.
"""
