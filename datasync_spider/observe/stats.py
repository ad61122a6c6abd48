"""The names of the stats that this project adds to Scrapy's collector.

They leave the process (dumps, exports), so they are API: each has its line in docs/reference/stats.md. Counters count
from the start of the run; what is committed is reported by ``COMMITTED_*`` alone.
"""

RUN_ID = "datasync/run_id"
REFUSED = "datasync/refused"
REFUSED_DETAIL = "datasync/refused_detail"
STOP_SIGNAL = "datasync/stop_signal"
FAILURE = "datasync/failure"
EXPORTS_FAILED = "datasync/exports_failed"

REQUESTS = "datasync/requests"
REPEATED = "datasync/requests/repeated"
PAGES_FETCHED = "datasync/pages_fetched"
RETRIES = "datasync/retries"
RETRIES_BY_REASON = "datasync/retries/{reason}"
WAITED_MS = "datasync/waited_ms"
WAITED_MS_BY_REASON = "datasync/waited_ms/{reason}"
RESTARTS_FROM_HEAD = "datasync/restarts_from_head"
WRITE_RETRIES = "datasync/write_retries"

COMMITTED_BATCHES = "datasync/committed/batches"
COMMITTED_PAGES = "datasync/committed/pages"
COMMITTED_EVENTS = "datasync/committed/events"
COMMITTED_INSERTED = "datasync/committed/inserted"
COMMITTED_DUPLICATES = "datasync/committed/duplicates"
COMMITTED_REJECTED = "datasync/committed/rejected"
COMMITTED_FILTERED = "datasync/committed/filtered"
COMMITTED_CONFLICTS = "datasync/committed/conflicts"
COMMITTED_DRIFTED = "datasync/committed/drifted"
COMMITTED_BYTES = "datasync/committed/bytes"
