-- Until when the API advised us not to ask again, by an answer that was no refusal for the rate: an error, a page, a window
-- that a page describes. A later run keeps it, too, but never for longer than its budget for waits.
ALTER TABLE ingestion_state ADD COLUMN advised_until TIMESTAMPTZ NULL;
