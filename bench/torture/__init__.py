"""Runs crawls under random faults and compares what they leave with what the mock says it served.

``python -m bench.torture --minutes 10 --seed 7``. The oracle stands outside of every process that is hurt; the
mutants show that it can fail.
"""
