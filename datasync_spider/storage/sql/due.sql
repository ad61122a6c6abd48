-- name: lock_names
-- One at a time changes many rows: two that name the same new slices would wait for each other for ever. Whoever claims passes
-- over what is locked, and whoever ends a sync locks one row.
SELECT pg_advisory_xact_lock(1684107123, 25);

-- name: name_slices
-- One that is named with another rhythm is due by that from its last sync on; one that backs off is not due later than that from
-- now. One that is new is due at once, or where it was synced already before there was this table, an interval after that.
INSERT INTO ingestion_due AS due (source, stream, slice, every_seconds, began_at, due_at)
SELECT %(source)s, named.stream, named.slice, named.every_seconds, state.completed_at,
       coalesce(state.completed_at + named.every_seconds * INTERVAL '1 second', now())
FROM unnest(%(streams)s::text[], %(slices)s::text[], %(every_seconds)s::float8[]) AS named (stream, slice, every_seconds)
LEFT JOIN ingestion_streams AS stream ON stream.name = named.stream
LEFT JOIN ingestion_state AS state ON state.stream_id = stream.stream_id AND state.slice = named.slice
ORDER BY named.stream, named.slice
ON CONFLICT (stream, slice) DO UPDATE
SET source = EXCLUDED.source, every_seconds = EXCLUDED.every_seconds,
    due_at = CASE WHEN due.failures > 0 THEN LEAST(due.due_at, now() + EXCLUDED.every_seconds * INTERVAL '1 second')
             ELSE coalesce(due.began_at + EXCLUDED.every_seconds * INTERVAL '1 second', due.due_at, now()) END
WHERE (due.source, due.every_seconds) IS DISTINCT FROM (EXCLUDED.source, EXCLUDED.every_seconds);

-- name: unname_slices
-- Of the source all that is not among these; of these streams alone where it may have others.
UPDATE ingestion_due AS due SET every_seconds = NULL, claimed_by = NULL, claimed_until = NULL
WHERE source = %(source)s AND every_seconds IS NOT NULL AND (%(is_all)s OR stream = ANY(%(of_streams)s))
  AND NOT EXISTS (
      SELECT FROM unnest(%(streams)s::text[], %(slices)s::text[]) AS named (stream, slice)
      WHERE named.stream = due.stream AND named.slice = due.slice
  );

-- name: claim_due
-- The latest first, each by its own measure. What another process is claiming at this moment is passed over, and not waited for;
-- what one has claimed or synced meanwhile is seen when the row is locked.
WITH latest AS MATERIALIZED (
    SELECT own.stream, own.slice, facts.late_seconds
    FROM ingestion_due AS own JOIN ingestion_due_facts AS facts USING (stream, slice)
    WHERE own.due_at <= now() AND coalesce(own.claimed_until, '-infinity') <= now() AND own.every_seconds IS NOT NULL
      AND facts.is_due
      AND (%(is_all)s OR own.stream = ANY(%(streams)s)
           OR (own.stream, own.slice) IN (SELECT stream, slice FROM unnest(%(of_streams)s::text[], %(slices)s::text[]) AS one (stream, slice)))
    ORDER BY facts.late_seconds / facts.every_seconds DESC, own.stream, own.slice
    LIMIT %(limit)s
    FOR UPDATE OF own SKIP LOCKED
)
UPDATE ingestion_due AS due
SET claimed_by = %(process)s, claimed_until = now() + %(claim_seconds)s * INTERVAL '1 second'
FROM latest
WHERE due.stream = latest.stream AND due.slice = latest.slice
RETURNING due.source, due.stream, due.slice, due.every_seconds, due.failures, latest.late_seconds;

-- name: release_claims
UPDATE ingestion_due AS due SET claimed_by = NULL, claimed_until = NULL
FROM unnest(%(streams)s::text[], %(slices)s::text[]) AS given (stream, slice)
WHERE due.stream = given.stream AND due.slice = given.slice AND due.claimed_by = %(process)s;

-- name: read_next_due
-- In seconds from now; NULL where nothing will be due by itself. A claim that runs out counts as well, and so does a lease.
SELECT min(greatest(extract(epoch FROM least(
           greatest(facts.due_at, facts.claimed_until, slice.lease_expires_at), now() + INTERVAL '200 years'
       ) - now()), 0))::float8
FROM ingestion_due_facts AS facts LEFT JOIN ingestion_state AS slice ON slice.id = facts.slice_id
WHERE facts.every_seconds IS NOT NULL AND facts.paused_at IS NULL
  AND (%(is_all)s OR facts.stream = ANY(%(streams)s)
       OR (facts.stream, facts.slice) IN (SELECT stream, slice FROM unnest(%(of_streams)s::text[], %(slices)s::text[]) AS one (stream, slice)));

-- name: lock_due
-- Made where a run has ended of a slice that nothing names.
INSERT INTO ingestion_due AS due (source, stream, slice) VALUES (%(source)s, %(stream)s, %(slice)s)
ON CONFLICT (stream, slice) DO UPDATE SET source = due.source
RETURNING every_seconds, run_id, failures, health;

-- name: lock_due_at_once
-- The same, but for one that is not there, or is another's at the moment.
SELECT every_seconds, run_id, failures, health FROM ingestion_due
WHERE stream = %(stream)s AND slice = %(slice)s
FOR NO KEY UPDATE SKIP LOCKED;

-- name: read_run_end
SELECT run_id, status, reason, started_at FROM ingestion_runs WHERE run_id = %(run_id)s;

-- name: end_sync
-- is_failure: the pause counts from now, else from where the sync began. A sync of a slice that nothing says how often to sync
-- moves nothing but what is known of it.
UPDATE ingestion_due
SET began_at = coalesce(%(began_at)s, now()), run_id = coalesce(%(run_id)s, run_id), failures = %(failures)s, claimed_by = NULL, claimed_until = NULL,
    due_at = CASE WHEN %(is_failure)s THEN now() ELSE coalesce(%(began_at)s, now()) END
             + coalesce(%(pause_seconds)s, 0) * INTERVAL '1 second',
    health = %(health)s, health_since = CASE WHEN health = %(health)s THEN health_since ELSE now() END
WHERE stream = %(stream)s AND slice = %(slice)s;

-- name: make_due
UPDATE ingestion_due SET due_at = now(), failures = 0
WHERE stream = %(stream)s AND (%(slices)s::text[] IS NULL OR slice = ANY(%(slices)s)) AND every_seconds IS NOT NULL;

-- name: delete_due_of
DELETE FROM ingestion_due
WHERE stream = %(stream)s AND (%(slice)s::text IS NULL OR slice = %(slice)s);

-- name: read_late
SELECT source, stream, slice, every_seconds, late_seconds FROM ingestion_due_facts
WHERE late_seconds > %(factor)s * every_seconds
ORDER BY late_seconds / every_seconds DESC, stream, slice
LIMIT %(limit)s;

-- name: note_late
-- Looks first at what this table alone says, since it is asked whenever a run ends.
WITH late AS MATERIALIZED (
    SELECT own.stream, own.slice, facts.late_seconds
    FROM ingestion_due AS own JOIN ingestion_due_facts AS facts USING (stream, slice)
    WHERE own.health = 'fine' AND own.due_at < now() - %(factor)s * own.every_seconds * INTERVAL '1 second'
      AND facts.late_seconds > %(factor)s * facts.every_seconds
    FOR UPDATE OF own SKIP LOCKED
)
UPDATE ingestion_due AS due SET health = 'late', health_since = now()
FROM late
WHERE due.stream = late.stream AND due.slice = late.slice
RETURNING due.source, due.stream, due.slice, due.every_seconds, late.late_seconds;

-- name: read_freshness
-- Of each stream how many of these slices are late, and of all of them the few that are the latest, as JSON in their streams' rows.
WITH known AS (
    SELECT source, stream, slice, every_seconds, late_seconds, late_seconds > %(factor)s * every_seconds AS is_late, is_due,
           CASE WHEN every_seconds IS NOT NULL AND paused_at IS NULL THEN due_at END AS due_at
    FROM ingestion_due_facts
    WHERE (stream, slice) IN (SELECT stream, slice FROM unnest(%(of_streams)s::text[], %(slices)s::text[]) AS one (stream, slice))
), placed AS (
    SELECT *, row_number() OVER (ORDER BY is_late DESC NULLS LAST, late_seconds / every_seconds DESC NULLS LAST, stream, slice) AS place
    FROM known
)
SELECT source, stream, count(*) FILTER (WHERE is_due) AS due, count(*) FILTER (WHERE is_late) AS late, max(late_seconds) AS late_seconds,
       extract(epoch FROM min(least(due_at, now() + INTERVAL '200 years')) FILTER (WHERE due_at > now()) - now())::float8 AS next_seconds,
       coalesce(json_agg(json_build_object(
           'source', source, 'stream', stream, 'slice', slice, 'every_seconds', every_seconds, 'late_seconds', late_seconds
       ) ORDER BY place) FILTER (WHERE is_late AND place <= %(limit)s), '[]') AS latest
FROM placed
GROUP BY source, stream
ORDER BY source, stream;
