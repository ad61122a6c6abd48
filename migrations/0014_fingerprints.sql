-- How the pages of the streams are read that were there before sources had files, in the words of a file: the same facts,
-- and where times stand beside them. A stream that has stored nothing yet has no facts.
UPDATE ingestion_streams
SET fingerprint = fingerprint || '{
    "time": "timestamp or occurredAt or occurred_at",
    "next": "body to query:cursor"
}'::jsonb
WHERE fingerprint @> '{"next": "nextCursor", "id": "id or eventId or event_id"}'::jsonb;
