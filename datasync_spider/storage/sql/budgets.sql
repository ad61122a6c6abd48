-- name: add_budget
INSERT INTO ingestion_budgets (credential_id) VALUES (%(credential_id)s) ON CONFLICT DO NOTHING;

-- name: lock_budget
-- The clock is read when the row is ours, and not when it was asked for. A refusal's wait comes with it, in seconds from then.
WITH locked AS MATERIALIZED (
    SELECT credential_id, book FROM ingestion_budgets WHERE credential_id = %(credential_id)s FOR NO KEY UPDATE
)
SELECT locked.book::text, extract(epoch FROM clock_timestamp())::float8,
       (CASE WHEN closed_until > now() THEN extract(epoch FROM least(closed_until, now() + INTERVAL '200 years') - now()) ELSE 0 END)::float8
FROM locked JOIN ingestion_credentials USING (credential_id);

-- name: write_budget
UPDATE ingestion_budgets SET book = %(book)s, updated_at = now() WHERE credential_id = %(credential_id)s;
