"""What one answer reports of the API: its shape, the fields that count, its limits, and what does not fit.

Invariant: pure, values in and values out; and nothing is claimed that the reader in :mod:`datasync_spider.records` does
not do: which field becomes what is found by asking that reader, not by a second list of names. Fetching and printing
are the commands'.
"""
