-- Streams of one database share a table of events, and with it their ids. How often the pass has met an id whose row is
-- another stream's: such a pass has events that are nowhere, and is not complete.
ALTER TABLE ingestion_state ADD COLUMN pass_shared BIGINT NOT NULL DEFAULT 0;

-- A row is the stream's whose page was committed at the row's instant.
CREATE INDEX ingestion_pages_committed_idx ON ingestion_pages (committed_at);
