-- name: read_submission_basis
SELECT state.pass_status, state.pass_kind, state.pass_number, state.pass_expected_total, state.completed_at,
       coalesce(state.lease_expires_at > now(), false) AS is_running,
       state.total_ingested AS booked_events,
       (SELECT count(*) FROM rejected_events WHERE slice_id = state.id AND replayed_at IS NULL) AS rejected_events
FROM ingestion_state AS state
WHERE state.id = %(slice_id)s;

-- name: count_event_ids
-- Also one id, if any, that cannot stand on a line of its own.
SELECT count(*),
       min(event_id COLLATE "C") FILTER (
           WHERE position(E'\n' IN event_id) > 0 OR position(E'\r' IN event_id) > 0 OR btrim(event_id) = ''
       )
FROM {table} WHERE {of_slice};

-- name: select_event_ids
-- The order of their bytes, whatever the database's collation: the same events give the same text everywhere.
SELECT event_id FROM {table} WHERE {of_slice} ORDER BY event_id COLLATE "C";

-- name: lock_attempts_in_progress
SELECT attempt_id, status, owner, planned_at, expires_at < now() AS expired
FROM submission_attempts
WHERE key_fingerprint = %(key_fingerprint)s AND ended_at IS NULL
FOR UPDATE;

-- name: resolve_attempt
UPDATE submission_attempts
SET status = %(status)s, detail = %(detail)s, ended_at = now()
WHERE attempt_id = %(attempt_id)s AND ended_at IS NULL;

-- name: plan_attempt
-- Fails on the unique index where another attempt of this key is in progress.
INSERT INTO submission_attempts (
    stream, api, key_fingerprint, repo, event_count, body_bytes, sha256, owner, expires_at
) VALUES (
    %(stream)s, %(api)s, %(key_fingerprint)s, %(repo)s, %(event_count)s, %(body_bytes)s, %(sha256)s, %(owner)s,
    now() + %(lasts_ms)s * INTERVAL '1 millisecond'
)
RETURNING attempt_id;

-- name: count_attempts_used
-- Whatever has left may have used up a try: only what was never sent has not.
SELECT count(*) FROM submission_attempts WHERE key_fingerprint = %(key_fingerprint)s AND status <> 'planned';

-- name: mark_attempt_sent
-- Touches the row only while the plan is still in force.
UPDATE submission_attempts
SET status = 'sent', sent_at = now()
WHERE attempt_id = %(attempt_id)s AND status = 'planned' AND ended_at IS NULL
RETURNING attempt_id;

-- name: end_attempt
-- Also one that was called unknown meanwhile: its sender knows better.
UPDATE submission_attempts
SET status = %(status)s, detail = %(detail)s, http_status = %(http_status)s, receipt = %(receipt)s, ended_at = now()
WHERE attempt_id = %(attempt_id)s
RETURNING attempt_id;

-- name: read_attempts
SELECT attempt_id, stream, api, key_fingerprint = %(key_fingerprint)s AS is_this_key, repo, event_count, body_bytes, sha256,
       status, detail, http_status, receipt, planned_at, sent_at, ended_at
FROM submission_attempts
ORDER BY attempt_id;
