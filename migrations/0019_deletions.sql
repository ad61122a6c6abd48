-- Records that a full pass has not met are marked as deleted, in streams that declare it: how a pass remembers what it has met.

-- The column of the stream's table that says when: deleted_at, or unseen_at where deleted_at is made of it and of a tombstone.
-- NULL: the table has none.
ALTER TABLE ingestion_streams ADD COLUMN unseen_column TEXT NULL CHECK (unseen_column IN ('deleted_at', 'unseen_at'));

-- What the open pass remembers: all that it has met (all), or why nothing follows from what it has not met. NULL: it remembers
-- nothing.
ALTER TABLE ingestion_state ADD COLUMN pass_seen TEXT NULL CHECK (pass_seen IN ('all', 'unreadable', 'filtered'));
-- The greatest total of the API that such a pass was given.
ALTER TABLE ingestion_state ADD COLUMN pass_seen_total BIGINT NULL;
-- So many rows of the slice are marked.
ALTER TABLE ingestion_state ADD COLUMN total_unseen BIGINT NOT NULL DEFAULT 0;

-- What the open pass of a slice has met and has not stored itself, a row for each batch: ids of records that were stored
-- before, and of dead letters, as a JSON array. What it has stored itself is known by ingested_at. Ids may be there twice. A row
-- and an index entry for each id would cost as much as storing the records did.
CREATE TABLE ingestion_seen (
    seen_id    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slice_id   BIGINT NOT NULL,
    event_ids  JSON NOT NULL
);
CREATE INDEX ingestion_seen_by_slice ON ingestion_seen (slice_id);
