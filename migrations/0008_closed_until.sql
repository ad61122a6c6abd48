-- Until when the API told us not to ask again. A run that dies takes what it was told with it; the next one must not ask
-- earlier all the same.
ALTER TABLE ingestion_state ADD COLUMN closed_until TIMESTAMPTZ NULL;
