-- The two tables that everything else grows from. IF NOT EXISTS adopts a database that already has them.
CREATE TABLE IF NOT EXISTS ingested_events (
    event_id     TEXT PRIMARY KEY,
    occurred_at  TIMESTAMPTZ NULL,
    payload      JSONB NOT NULL,
    ingested_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS ingestion_state (
    id              SMALLINT PRIMARY KEY,
    cursor          TEXT NULL,
    total_ingested  BIGINT NOT NULL DEFAULT 0,
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now()
);
