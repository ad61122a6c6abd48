-- The dead letters: events that cannot be stored, with the bytes exactly as received.
CREATE TABLE rejected_events (
    rejected_id  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream       TEXT NOT NULL,
    run_id       BIGINT NOT NULL REFERENCES ingestion_runs,
    page_number  BIGINT NOT NULL,
    position     INTEGER NOT NULL,
    reason       TEXT NOT NULL,
    detail       TEXT NULL,
    raw          BYTEA NOT NULL,
    raw_sha256   BYTEA NOT NULL,
    -- The how-manieth event of its page with these very bytes: tells twins of a page apart, so that a page that is
    -- read again adds nothing and a page that holds two of a kind keeps both.
    twin         INTEGER NOT NULL,
    rejected_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    replayed_at  TIMESTAMPTZ NULL,
    UNIQUE (stream, raw_sha256, twin)
);

CREATE INDEX rejected_events_reason_idx ON rejected_events (stream, reason);
