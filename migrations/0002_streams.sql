-- One row of ingestion_state a stream: its position, its lease and its fence.
ALTER TABLE ingestion_state
    ADD COLUMN stream               TEXT,
    ADD COLUMN fence                BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN lease_owner          TEXT NULL,
    ADD COLUMN lease_run_id         BIGINT NULL,
    ADD COLUMN lease_acquired_at    TIMESTAMPTZ NULL,
    ADD COLUMN lease_expires_at     TIMESTAMPTZ NULL,
    -- The last page of lease_run_id that is committed: what an ambiguous COMMIT is resolved by.
    ADD COLUMN checkpoint_page      BIGINT NOT NULL DEFAULT 0,
    -- A pass is one walk through the feed, from its head to its end or to what is known; runs resume it.
    ADD COLUMN pass_number          BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN pass_kind            TEXT NOT NULL DEFAULT 'full' CHECK (pass_kind IN ('full', 'incremental')),
    ADD COLUMN pass_status          TEXT NOT NULL DEFAULT 'new' CHECK (pass_status IN ('new', 'open', 'complete', 'short')),
    ADD COLUMN pass_started_at      TIMESTAMPTZ NULL,
    ADD COLUMN pass_expected_total  BIGINT NULL,
    ADD COLUMN pass_oldest_at       TIMESTAMPTZ NULL,
    ADD COLUMN pass_in_order        BOOLEAN NOT NULL DEFAULT true,
    -- Within a pass each restart from the head is a new walk: cursors may repeat across walks, never within one.
    ADD COLUMN walk                 INTEGER NOT NULL DEFAULT 1,
    ADD COLUMN oldest_occurred_at   TIMESTAMPTZ NULL,
    ADD COLUMN oldest_event_id      TEXT NULL,
    ADD COLUMN newest_occurred_at   TIMESTAMPTZ NULL,
    ADD COLUMN newest_event_id      TEXT NULL,
    ADD COLUMN total_rejected       BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN total_filtered       BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN completed_at         TIMESTAMPTZ NULL;

UPDATE ingestion_state SET stream = CASE id WHEN 1 THEN 'events' ELSE 'stream-' || id END;
-- An adopted database that was in the middle of the feed goes on there.
UPDATE ingestion_state SET pass_number = 1, pass_status = 'open', pass_started_at = now() WHERE cursor IS NOT NULL;

ALTER TABLE ingestion_state ALTER COLUMN stream SET NOT NULL;
ALTER TABLE ingestion_state ADD CONSTRAINT ingestion_state_stream_key UNIQUE (stream);

INSERT INTO ingestion_state (id, stream) VALUES (1, 'events') ON CONFLICT DO NOTHING;
