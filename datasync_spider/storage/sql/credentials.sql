-- name: make_salt
-- There is one from the migration on. Where someone has emptied the table, the digests begin anew.
INSERT INTO ingestion_credential_salt DEFAULT VALUES ON CONFLICT DO NOTHING;

-- name: read_salt
SELECT salt::text FROM ingestion_credential_salt;

-- name: read_opening
-- What a slice's next run finds of the credential that the last one had, and of what was kept for this slice alone. After its
-- row is locked: what others have heard until then counts. Seconds as read_waits gives them.
SELECT salt.salt::text, said.credential_id, said.fingerprint,
       (CASE WHEN said.closed_until > now() THEN extract(epoch FROM least(said.closed_until, now() + INTERVAL '200 years') - now()) ELSE 0 END)::float8 AS seconds,
       (CASE WHEN said.advised_until > now() THEN extract(epoch FROM least(said.advised_until, now() + INTERVAL '200 years') - now()) ELSE 0 END)::float8 AS advised_seconds,
       EXISTS (SELECT FROM ingestion_budgets AS budget WHERE budget.credential_id = said.credential_id) AS has_budget,
       EXISTS (SELECT FROM ingestion_credentials AS kept WHERE kept.fingerprint = %(keeper)s) AS has_keeper,
       EXISTS (SELECT FROM ingestion_credentials AS poll WHERE poll.fingerprint = %(poll)s) AS has_poll
FROM ingestion_state AS slice
LEFT JOIN ingestion_credential_salt AS salt ON true
LEFT JOIN ingestion_credentials AS said USING (credential_id)
WHERE slice.id = %(slice_id)s;

-- name: find_credential
SELECT credential_id FROM ingestion_credentials WHERE fingerprint = %(fingerprint)s;

-- name: insert_credential
-- Makes no row where another process makes it: what it does is waited for.
INSERT INTO ingestion_credentials (fingerprint) VALUES (%(fingerprint)s) ON CONFLICT DO NOTHING;

-- name: claim_kept_waits
-- What the slice has kept for the credential that it would turn out to use.
UPDATE ingestion_credentials AS own
SET closed_until = GREATEST(own.closed_until, kept.closed_until),
    advised_until = GREATEST(own.advised_until, kept.advised_until),
    updated_at = now()
FROM ingestion_credentials AS kept
WHERE own.credential_id = %(credential_id)s AND kept.fingerprint = %(keeper)s;

-- name: use_credential
UPDATE ingestion_state SET credential_id = %(credential_id)s
WHERE id = %(slice_id)s AND credential_id IS DISTINCT FROM %(credential_id)s;

-- name: drop_keeper
DELETE FROM ingestion_credentials WHERE fingerprint = %(keeper)s;

-- name: raise_waits
-- Only later ones: what was said once holds, whoever has heard it.
UPDATE ingestion_credentials
SET closed_until = GREATEST(closed_until, now() + nullif(%(seconds)s, 0) * INTERVAL '1 second'),
    advised_until = GREATEST(advised_until, now() + nullif(%(advised_seconds)s, 0) * INTERVAL '1 second'),
    updated_at = now()
WHERE credential_id = %(credential_id)s;

-- name: read_waits
-- In seconds from now, the longest first. A moment that someone has set by hand may be infinity, from which nothing can be
-- taken away.
SELECT credential_id,
       (CASE WHEN closed_until > now() THEN extract(epoch FROM least(closed_until, now() + INTERVAL '200 years') - now()) ELSE 0 END)::float8 AS seconds,
       (CASE WHEN advised_until > now() THEN extract(epoch FROM least(advised_until, now() + INTERVAL '200 years') - now()) ELSE 0 END)::float8 AS advised_seconds,
       EXISTS (SELECT FROM ingestion_budgets AS budget WHERE budget.credential_id = said.credential_id) AS has_budget
FROM ingestion_credentials AS said
WHERE credential_id = ANY(%(credential_ids)s) OR fingerprint = ANY(%(fingerprints)s)
ORDER BY seconds DESC, advised_seconds DESC;

-- name: note_poll
-- One row a slice, which goes when its next sync begins.
INSERT INTO ingestion_credentials (fingerprint, advised_until)
VALUES (%(poll)s, now() + %(seconds)s * INTERVAL '1 second')
ON CONFLICT (fingerprint) DO UPDATE SET advised_until = EXCLUDED.advised_until, updated_at = now();

-- name: take_poll
DELETE FROM ingestion_credentials WHERE fingerprint = %(poll)s
RETURNING GREATEST(extract(epoch FROM advised_until - now()), 0)::float8;

-- name: read_poll
SELECT GREATEST(extract(epoch FROM advised_until - now()), 0)::float8 FROM ingestion_credentials WHERE fingerprint = %(poll)s;
