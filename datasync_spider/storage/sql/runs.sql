-- name: lock_slice
SELECT cursor, fence, lease_owner, lease_run_id, lease_acquired_at,
       coalesce(lease_expires_at < now(), true) AS lease_expired,
       pass_number, pass_kind, pass_status, pass_expected_total, walk AS chain,
       newest_occurred_at, total_ingested,
       paused_at, completed_at, backfilled_at, coalesce(pass_known_before, pass_started_at) AS known_before,
       floor_at, pass_since_at, walk_since_at, validator, bookmark, full_wanted_at IS NOT NULL
FROM ingestion_state
WHERE id = %(slice_id)s
FOR UPDATE;

-- name: supersede_runs
-- A run that was still called running when its lease was taken has died, or has yet to learn that it is fenced off.
UPDATE ingestion_runs
SET status = 'failed', reason = %(reason)s, detail = %(detail)s, ended_at = now()
WHERE slice_id = ANY(%(slice_ids)s) AND status = 'running' AND run_id <> %(run_id)s;

-- name: take_slice
-- The run's row, and the lease for it; whatever was still called running before has been lost. Also whether anyone is writing to
-- the slice at this moment, which is what an earlier run has left on the server (end_backends_of_earlier_runs): hardly ever.
WITH taker AS (
    INSERT INTO ingestion_runs (slice_id, stream, fence, owner, version, pass_number, pass_kind, start_cursor, end_cursor)
    VALUES (%(slice_id)s, %(stream)s, %(fence)s, %(person)s, %(version)s, %(pass_number)s, %(pass_kind)s, %(cursor)s, %(cursor)s)
    RETURNING run_id
), lost AS (
    UPDATE ingestion_runs AS run
    SET status = 'failed', reason = %(reason)s, ended_at = now(),
        detail = %(why_lost)s || '; run ' || taker.run_id || ' took over'
    FROM taker
    WHERE run.slice_id = %(slice_id)s AND run.status = 'running'
)
UPDATE ingestion_state
SET fence = %(fence)s,
    lease_owner = %(owner)s,
    lease_run_id = taker.run_id,
    lease_acquired_at = now(),
    lease_expires_at = now() + %(lease_ttl_ms)s * INTERVAL '1 millisecond',
    checkpoint_page = 0
FROM taker
WHERE id = %(slice_id)s
RETURNING taker.run_id, EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND classid = 1684107123 AND objid = (%(slice_id)s::bigint %% 4294967296)::oid AND objsubid = 1
);

-- name: begin_pass
-- A full one begins at the head, and forgets what the passes before have ended with.
-- At the instant itself: the transaction may have begun before those of the run that it has waited for. What a backfill has
-- stored since the last pass began is not known to this one, and neither is what came after it. A full one proves its floor
-- anew.
UPDATE ingestion_state
SET pass_number = %(pass_number)s,
    pass_kind = %(pass_kind)s,
    pass_status = 'open',
    pass_started_at = clock_timestamp(),
    pass_known_before = LEAST(backfilled_at, clock_timestamp()),
    backfilled_at = NULL,
    pass_expected_total = NULL,
    pass_oldest_at = NULL,
    pass_in_order = true,
    pass_since_at = %(since_at)s,
    walk_since_at = %(since_at)s,
    pass_top_at = NULL,
    pass_window_total = NULL,
    pass_repeated = 0,
    pass_validator = NULL,
    floor_at = CASE WHEN %(pass_kind)s = 'full' THEN NULL ELSE floor_at END,
    -- A full one that was asked for looks at everything again, and nothing that was proven is forgotten.
    kept_floor_at = CASE WHEN full_wanted_at IS NOT NULL THEN GREATEST(floor_at, kept_floor_at) END,
    validator = CASE WHEN full_wanted_at IS NULL THEN validator END,
    full_wanted_at = NULL,
    walk = 1,
    named_walk = 0,
    known_walk = 0,
    total_filtered = 0,
    bookmark = CASE WHEN %(pass_kind)s = 'full' THEN NULL ELSE bookmark END,
    cursor = NULL
WHERE id = %(slice_id)s
RETURNING pass_known_before;

-- name: begin_backfill
-- Whatever it stores comes later than this.
UPDATE ingestion_state SET backfilled_at = coalesce(backfilled_at, clock_timestamp()) WHERE id = %(slice_id)s
RETURNING backfilled_at;

-- name: has_counted_dead_letters
-- Whether the pass has met dead letters without an id.
SELECT EXISTS (SELECT FROM rejected_events WHERE slice_id = %(slice_id)s AND seen_pass = %(pass_number)s) AS exists;

-- name: read_trail
-- The cursors that this chain has asked for: a repeat of one is a circle, across restarts too. A run may have to ask for its
-- position again, though: for the last page of a pass that was refused its verdict.
SELECT cursor FROM ingestion_pages
WHERE slice_id = %(slice_id)s AND pass_number = %(pass_number)s AND walk = %(walk)s AND cursor IS NOT NULL
  AND cursor IS DISTINCT FROM %(position)s;

-- name: read_last_end
-- How the run ended that has moved the position last. A replay has no pages, and a backfill moves none; earlier runs than
-- first_run_id have moved one that is forgotten.
SELECT reason FROM ingestion_runs
WHERE slice_id = %(slice_id)s AND pages > 0 AND pass_kind <> 'backfill'
  AND run_id >= (SELECT first_run_id FROM ingestion_state WHERE id = %(slice_id)s)
ORDER BY run_id DESC
LIMIT 1;

-- name: read_pass_depth
-- Whether a time may stand for all that lies above it: not where the pass has met dead letters without an id, which are
-- counted from the head on, nor where it has met known ground, above which they are counted. To a backfill, which is not in
-- the pass, it says nothing.
SELECT pass_oldest_at,
       pass_in_order AND known_walk = 0 AND NOT EXISTS (
           SELECT FROM rejected_events AS letter
           WHERE letter.slice_id = state.id AND letter.seen_pass = state.pass_number
       ) AND NOT EXISTS (
           SELECT FROM ingestion_runs AS run WHERE run.run_id = state.lease_run_id AND run.pass_kind = 'backfill'
       ),
       newest_occurred_at, total_ingested + total_rejected, floor_at
FROM ingestion_state AS state
WHERE id = %(slice_id)s;

-- name: renew_leases
-- Of many runs at once, without a wait for anyone's lock: a row that someone has is left for the next time, whoever it is,
-- so that no slice keeps another's lease from being renewed. In the order of all who take both: the slices' rows first.
-- is_ours: as of the last commit, which is enough, since a fence never comes back.
WITH held AS (
    SELECT * FROM unnest(
        %(slice_ids)s::bigint[], %(fences)s::bigint[], %(run_ids)s::bigint[], %(lease_ttls_ms)s::bigint[],
        %(retries)s::bigint[], %(waits_ms)s::bigint[]
    ) AS held (slice_id, fence, run_id, lease_ttl_ms, retries, waited_ms)
), free AS (
    SELECT state.id FROM ingestion_state AS state JOIN held ON state.id = held.slice_id
    WHERE state.fence = held.fence AND state.lease_run_id = held.run_id
    FOR NO KEY UPDATE OF state SKIP LOCKED
), renewed AS (
    UPDATE ingestion_state AS state
    SET lease_expires_at = GREATEST(lease_expires_at, now() + held.lease_ttl_ms * INTERVAL '1 millisecond')
    FROM held JOIN free ON free.id = held.slice_id
    WHERE state.id = held.slice_id
    RETURNING state.id
), open AS (
    SELECT run.run_id FROM ingestion_runs AS run JOIN held ON run.run_id = held.run_id
    JOIN renewed ON renewed.id = held.slice_id
    WHERE run.status = 'running'
    FOR NO KEY UPDATE OF run SKIP LOCKED
), beating AS (
    UPDATE ingestion_runs AS run SET heartbeat_at = now(), retries = held.retries, waited_ms = held.waited_ms
    FROM held JOIN open ON open.run_id = held.run_id
    WHERE run.run_id = held.run_id
)
SELECT held.run_id, renewed.id IS NOT NULL AS is_renewed,
       (state.fence = held.fence AND state.lease_run_id = held.run_id) IS TRUE AS is_ours
FROM held
LEFT JOIN renewed ON renewed.id = held.slice_id
LEFT JOIN ingestion_state AS state ON state.id = held.slice_id;

-- name: finish_run
-- Two statements, in the order of all who lock both rows. The lease is given back where it is still the run's. Only a run that is still open can be ended: what a commit has said stays said. The one exception: a run that was called
-- lost, and then woke up to find itself fenced off, says so.
UPDATE ingestion_state
SET lease_owner = NULL, lease_run_id = NULL, lease_acquired_at = NULL, lease_expires_at = NULL
WHERE id = %(slice_id)s AND fence = %(fence)s AND lease_run_id = %(run_id)s;
UPDATE ingestion_runs
SET status = %(status)s, reason = %(reason)s, detail = %(detail)s, retries = %(retries)s, waited_ms = %(waited_ms)s,
    heartbeat_at = now(), ended_at = now()
WHERE run_id = %(run_id)s AND (status = 'running' OR (reason = 'lost' AND %(status)s = 'fenced'));

-- name: read_ended_run
-- What one line of many says of a run, from its own row and its slice's. The views of facts say more, and the server takes longer
-- to plan them than for all else that the end of a run needs.
SELECT run.run_id, run.stream, slice.slice, run.status, run.reason, run.detail, run.pass_kind, run.started_at, run.ended_at,
       run.expected_total, run.pages, run.events, run.inserted, run.duplicates, run.rejected, run.filtered, run.retries,
       run.waited_ms, slice.total_ingested AS stored, slice.lease_run_id IS NOT DISTINCT FROM run.run_id AS holds_lease
FROM ingestion_runs AS run JOIN ingestion_state AS slice ON slice.id = run.slice_id
WHERE run.run_id = %(run_id)s;

-- name: end_open_run
UPDATE ingestion_runs SET status = %(status)s, reason = %(reason)s, heartbeat_at = now(), ended_at = now()
WHERE run_id = %(run_id)s AND status = 'running';

-- name: release_lease_of
UPDATE ingestion_state
SET lease_owner = NULL, lease_run_id = NULL, lease_acquired_at = NULL, lease_expires_at = NULL
WHERE lease_run_id = %(run_id)s;

-- name: end_lost_backends
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = %(label)s AND pid <> pg_backend_pid();

-- name: end_backends_of_earlier_runs
-- Those in whose transaction the slice is being written to (begin_transaction), while it is ours and we do not write yet.
-- An advisory lock of that number may be another program's, so the name must be ours as well.
SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
WHERE locktype = 'advisory' AND classid = 1684107123 AND objid = (%(slice_id)s::bigint %% 4294967296)::oid AND objsubid = 1
  AND datname = current_database() AND activity.datid = pg_locks.database AND pid <> pg_backend_pid()
  AND starts_with(application_name, 'datasync')
  AND EXISTS (
      SELECT FROM ingestion_state WHERE id = %(slice_id)s AND fence = %(fence)s AND lease_run_id = %(run_id)s
  );

-- name: find_backends_of_run
-- Those in whose transaction the run's slice is being written to.
SELECT pid FROM pg_locks JOIN pg_stat_activity AS activity USING (pid) JOIN ingestion_runs AS run ON run.run_id = %(run_id)s
WHERE locktype = 'advisory' AND classid = 1684107123 AND objid = (run.slice_id %% 4294967296)::oid AND objsubid = 1
  AND datname = current_database() AND activity.datid = pg_locks.database AND starts_with(application_name, 'datasync');

-- name: count_known
-- How many of these ids are known to the pass: only those say that the chain has reached known ground.
SELECT count(*) FROM {table}
WHERE event_id = ANY(%(event_ids)s) AND {of_slice} AND ingested_at < %(before)s;

-- name: count_same
-- How many of these records are stored with this content; their ids and their payloads in one order.
SELECT count(*)
FROM ROWS FROM (unnest(%(event_ids)s::text[]), jsonb_array_elements(%(payloads)s::jsonb)) AS given (event_id, payload)
JOIN (
    SELECT event_id, payload FROM {table}
    WHERE event_id = ANY(%(event_ids)s) AND {of_slice} AND ingested_at < %(before)s
) AS stored USING (event_id)
WHERE stored.payload = given.payload;

-- name: count_stored
SELECT count(*) FROM {table} WHERE {of_slice};

-- name: find_known_before
-- Which they are.
SELECT event_id FROM {table}
WHERE event_id = ANY(%(event_ids)s) AND {of_slice} AND ingested_at < %(before)s;

-- name: count_known_rejected
SELECT count(*) FROM rejected_events
WHERE slice_id = %(slice_id)s AND raw_sha256 = ANY(%(digests)s) AND twin = 1 AND rejected_at < %(before)s;

-- name: find_known_rejected
-- Which they are.
SELECT raw_sha256 FROM rejected_events
WHERE slice_id = %(slice_id)s AND raw_sha256 = ANY(%(digests)s) AND twin = 1 AND rejected_at < %(before)s;

-- name: end_pass_unmodified
UPDATE ingestion_state SET pass_status = 'complete', completed_at = now(), updated_at = now()
WHERE id = %(slice_id)s AND fence = %(fence)s AND lease_run_id = %(run_id)s
RETURNING total_ingested;

-- name: end_run_unmodified
UPDATE ingestion_runs
SET status = %(status)s, reason = %(reason)s, detail = %(detail)s, heartbeat_at = now(), ended_at = now()
WHERE run_id = %(run_id)s AND status = 'running';

-- name: name_pass_of_run
-- A run that begins a pass anew goes on in that one.
UPDATE ingestion_runs SET pass_number = %(pass_number)s, pass_kind = %(pass_kind)s WHERE run_id = %(run_id)s;

-- name: forget_validator
UPDATE ingestion_state SET validator = NULL WHERE id = %(slice_id)s;

-- name: read_run_status
SELECT status FROM ingestion_runs WHERE run_id = %(run_id)s;
