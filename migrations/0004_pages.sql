-- The ledger: one row a committed page. Audit trail, cycle guard across restarts, and what charts are drawn from.
CREATE TABLE ingestion_pages (
    run_id        BIGINT NOT NULL REFERENCES ingestion_runs,
    page_number   BIGINT NOT NULL,
    stream        TEXT NOT NULL,
    pass_number   BIGINT NOT NULL,
    walk          INTEGER NOT NULL,
    batch_number  BIGINT NOT NULL,
    cursor        TEXT NULL,
    next_cursor   TEXT NULL,
    request_id    TEXT NULL,
    events        INTEGER NOT NULL,
    inserted      INTEGER NOT NULL,
    duplicates    INTEGER NOT NULL,
    rejected      INTEGER NOT NULL,
    filtered      INTEGER NOT NULL,
    bytes         BIGINT NOT NULL,
    attempts      INTEGER NOT NULL,
    waited_ms     BIGINT NOT NULL,
    fetch_ms      INTEGER NOT NULL,
    -- The time that the page's batch took in PostgreSQL until just before its COMMIT.
    write_ms      INTEGER NOT NULL,
    newest_at     TIMESTAMPTZ NULL,
    oldest_at     TIMESTAMPTZ NULL,
    fetched_at    TIMESTAMPTZ NOT NULL,
    committed_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, page_number)
);

CREATE INDEX ingestion_pages_pass_idx ON ingestion_pages (stream, pass_number, walk);
