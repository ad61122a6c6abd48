-- Dead letters without an id are told apart by their number: they are counted along a cursor chain (a walk of a pass). On
-- the row with the twin 1 stands how far the chain that met these bytes last has counted; NULL where none has since this
-- migration.
ALTER TABLE rejected_events
    ADD COLUMN seen_pass     BIGINT NULL,
    ADD COLUMN seen_walk     INTEGER NULL,
    -- So many of them the chain has counted, and so many of those stood before its first record with an id.
    ADD COLUMN seen          INTEGER NULL,
    ADD COLUMN seen_at_head  INTEGER NULL,
    -- So many were kept before the pass began and lie where it does not go: the chain's first one is the next.
    ADD COLUMN seen_before   INTEGER NULL;

ALTER TABLE ingestion_state
    -- The last walk of the pass that has met a record with an id, and one that was there before the pass began.
    ADD COLUMN named_walk         INTEGER NOT NULL DEFAULT 0,
    ADD COLUMN known_walk         INTEGER NOT NULL DEFAULT 0,
    -- The first pass that was counted from its head on. What earlier ones have met says nothing of where it stood.
    ADD COLUMN counted_from_pass  BIGINT NOT NULL DEFAULT 1;

UPDATE ingestion_state SET counted_from_pass = pass_number + 1;
