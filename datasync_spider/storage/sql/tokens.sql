-- name: add_token_row
-- Makes no row where another process makes it: what it does is waited for.
INSERT INTO ingestion_tokens (fingerprint, source) VALUES (%(fingerprint)s, %(source)s) ON CONFLICT DO NOTHING;

-- name: lock_token_row
-- For one renewal: any other process that wants it waits here, and reads what has become of it.
SELECT token_id, generation, tokens, sealed_by, lifetime_seconds,
       extract(epoch FROM expires_at - now())::float8 AS left_seconds
FROM ingestion_tokens WHERE fingerprint = %(fingerprint)s FOR UPDATE;

-- name: save_tokens
-- Nothing where the row was renewed by another process meanwhile.
UPDATE ingestion_tokens
SET generation = generation + 1, tokens = %(tokens)s, sealed_by = %(sealed_by)s, lifetime_seconds = %(lifetime_seconds)s,
    expires_at = now() + %(left_seconds)s * INTERVAL '1 second', renewed_at = now()
WHERE token_id = %(token_id)s AND generation = %(generation)s;

-- name: count_tokens_of
SELECT count(*) FROM ingestion_tokens
WHERE source = (SELECT name FROM ingestion_sources WHERE source_id = %(source_id)s);
