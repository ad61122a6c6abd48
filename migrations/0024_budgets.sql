-- Who may send how many requests with a credential: a row is made when the first slot of it is asked for. Apart from the
-- credential's own row, which runs lock beside their slice's: this one is locked alone, for a few milliseconds.
CREATE TABLE ingestion_budgets (
    credential_id  BIGINT PRIMARY KEY REFERENCES ingestion_credentials ON DELETE CASCADE,
    -- Slots that are given or used, who waits, and the windows that the API has reported; moments in seconds since 1970 by
    -- the database's clock.
    book           JSONB NOT NULL DEFAULT '{}',
    updated_at     TIMESTAMPTZ NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
