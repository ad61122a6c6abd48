"""Throughput against the machine's limits, against peers and by size; ``bench.torture`` hurts the pipeline instead."""
