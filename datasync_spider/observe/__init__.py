"""What is said of streams and runs, once for all that say it: status, status page, live view, exit report, metrics.

Pure. The values come from the views ``ingestion_stream_facts`` and ``ingestion_run_facts``, or from a running crawl.
"""
