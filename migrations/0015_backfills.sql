-- A backfill stores a window of the feed beside the passes. What it has stored is no proven ground: newer records may lie
-- behind it that no pass has fetched.
ALTER TABLE ingestion_state
    -- When the first backfill since the pass began took the lease. The next pass knows nothing that came after it.
    ADD COLUMN backfilled_at      TIMESTAMPTZ NULL,
    -- What the pass may call known was stored before it.
    ADD COLUMN pass_known_before  TIMESTAMPTZ NULL;

UPDATE ingestion_state SET pass_known_before = pass_started_at;

-- A chain of cursors of a backfill counts dead letters without an id for itself, so that the pass's count stays what it is.
ALTER TABLE rejected_events
    ADD COLUMN backfill_run   BIGINT NULL,
    ADD COLUMN backfill_walk  INTEGER NULL,
    ADD COLUMN backfill_seen  INTEGER NULL;
