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

-- Of the open pass of a slice: ids that it has met and that were stored before, and those of dead letters. What it has stored
-- itself is known by ingested_at. Without a foreign key, which would cost a look-up for each row.
CREATE TABLE ingestion_seen (
    slice_id  BIGINT NOT NULL,
    event_id  TEXT NOT NULL,
    PRIMARY KEY (slice_id, event_id)
);
