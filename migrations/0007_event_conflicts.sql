-- Events that came with an id that was taken and with other content. The version that is not in ingested_events is kept
-- here for a look; which one that is follows from CONFLICT_RULE.
CREATE TABLE event_conflicts (
    conflict_id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream          TEXT NOT NULL,
    run_id          BIGINT NOT NULL REFERENCES ingestion_runs,
    event_id        TEXT NOT NULL,
    occurred_at     TIMESTAMPTZ NULL,
    payload         JSONB NOT NULL,
    payload_sha256  BYTEA NOT NULL,
    -- Whether this version lost to the one that was there, or was there and lost.
    was_stored      BOOLEAN NOT NULL,
    seen_at         TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (event_id, payload_sha256)
);

ALTER TABLE ingestion_runs ADD COLUMN conflicts BIGINT NOT NULL DEFAULT 0;
