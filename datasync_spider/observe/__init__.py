"""What is said of streams and runs, once for all that say it: columns, reasons, stats, exit codes, and foreign text.

Pure, and needs nothing of this package. Columns' values come from the views ``ingestion_stream_facts`` and
``ingestion_run_facts``, or from a running crawl.
"""
