"""Syncs of many machines, by Dask: who is given which slices, and what becomes of a worker's when it dies.

Invariant: correctness rests on lease and fence alone, and on nothing that Dask says: what it gives to two workers is
synced by one. Nothing here is imported but by ``scrapy fleet``, since Dask is installed by those who want it.
"""
