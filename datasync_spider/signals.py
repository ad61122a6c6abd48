"""The signals by which the components notify each other of what happened, beside Scrapy's own.

Each is a unique object, as Scrapy's signals are. The comment behind it lists the keyword arguments that handlers get.
What is about one sync has it as ``sync``, a datasync_spider.sync.slicesync.SliceSync, beside those: a crawl may have
several. What is not comes in the lines that say so.
"""

run_opened = object()  # run: datasync_spider.storage.runs.OpenRun
# reported: datasync_spider.sync.syncs.Reported; the end of the run is recorded, or there was none. It is waited for.
sync_closed = object()
run_failed = object()  # error: DatasyncError; the run is to end as failed, the position is kept
run_ending = object()  # reason: str; the run has failed, nothing new is fetched and the end is being recorded
stop_requested = object()  # signal_name: str; of no sync: fetching must stop and every wait must end
# Of no sync: the crawl is over, be it that it has closed or that a second signal cut its event loop off.
loop_ended = object()
# reason: str, seconds: float, asked: str, by which answer the API asked for it; empty for a pause of our own
wait_started = object()
# seconds: float, is_binding: bool; for how long the API wants no request. Binding is what a refusal for the rate says.
wait_asked = object()
# asked: datasync_spider.pacing.headers.AskedWait; a page that was read asks that the next request waits
page_asked_wait = object()
# seconds: float; so long the API wants no further sync of the stream to begin. It holds back no page of this one.
poll_interval_asked = object()
# closed: datasync_spider.pacing.askedwaits.Closed; another run has heard it from the API, for the same credential
wait_learned = object()
wait_ended = object()  # reason: str, waited_seconds: float
batch_committed = object()  # summary: datasync_spider.storage.batch.Committed, newest: Watermark | None of its events
# pages: int, rows: int, both waiting for a writer; writing: int, batches with the writers; batch_size_rows: int
# Reported when a batch begins or ends, else at most twenty times a second.
buffer_changed = object()
writer_retrying = object()  # error: StorageError, attempt: int, delay_seconds: float
request_retrying = object()  # reason: str, attempt: int, delay_seconds: float
# limit: int | None, remaining: int | None, reset_seconds: float | None; at most twenty times a second while some remain
rate_window_observed = object()
page_fetched = object()  # page: datasync_spider.items.EventPage, cursor_seconds: float | None, its next cursor's life
chain_restarted = object()  # chain: int, the new chain's number
