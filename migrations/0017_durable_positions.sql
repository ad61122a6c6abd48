-- Where the next sync of a slice begins: the durable token that its last complete pass ended with, or the time up to which its
-- windows are finished. Opaque, as the cursor is; NULL where a pass begins at the head.
ALTER TABLE ingestion_state ADD COLUMN bookmark TEXT NULL;
