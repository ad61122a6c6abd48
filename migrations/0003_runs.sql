-- One row a run: what it did and how it ended. Its status is the truth that exit codes are made from.
CREATE TABLE ingestion_runs (
    run_id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream          TEXT NOT NULL,
    fence           BIGINT NOT NULL,
    status          TEXT NOT NULL DEFAULT 'running'
                    CHECK (status IN ('running', 'complete', 'incomplete', 'stopped', 'failed', 'fenced')),
    reason          TEXT NULL,
    detail          TEXT NULL,
    owner           TEXT NOT NULL,
    version         TEXT NOT NULL,
    pass_number     BIGINT NOT NULL,
    pass_kind       TEXT NOT NULL,
    started_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    heartbeat_at    TIMESTAMPTZ NOT NULL DEFAULT now(),
    ended_at        TIMESTAMPTZ NULL,
    pages           BIGINT NOT NULL DEFAULT 0,
    events          BIGINT NOT NULL DEFAULT 0,
    inserted        BIGINT NOT NULL DEFAULT 0,
    duplicates      BIGINT NOT NULL DEFAULT 0,
    rejected        BIGINT NOT NULL DEFAULT 0,
    filtered        BIGINT NOT NULL DEFAULT 0,
    bytes           BIGINT NOT NULL DEFAULT 0,
    retries         BIGINT NOT NULL DEFAULT 0,
    waited_ms       BIGINT NOT NULL DEFAULT 0,
    expected_total  BIGINT NULL,
    start_cursor    TEXT NULL,
    end_cursor      TEXT NULL
);

CREATE INDEX ingestion_runs_stream_idx ON ingestion_runs (stream, run_id DESC);
