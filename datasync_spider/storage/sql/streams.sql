-- name: list_slices
-- Sources, streams and slices by name; a stream without a slice has a row, too. Only of what is shown the newest run is looked
-- up.
WITH shown AS (
    SELECT stream.stream_id, slice.id, count(*) OVER () AS slices
    FROM ingestion_streams AS stream
    JOIN ingestion_sources AS source USING (source_id)
    LEFT JOIN ingestion_state AS slice USING (stream_id)
    WHERE %(streams)s::text[] IS NULL OR stream.name = ANY(%(streams)s)
    ORDER BY source.name, stream.name, slice.slice
    LIMIT nullif(%(limit)s, 0)
)
SELECT facts.*, shown.slices, run.run_id, run.status, run.reason
FROM shown
JOIN ingestion_stream_facts AS facts ON facts.stream_id = shown.stream_id AND facts.id IS NOT DISTINCT FROM shown.id
LEFT JOIN ingestion_runs AS run ON run.run_id = facts.newest_run_id
ORDER BY facts.source, facts.stream, facts.slice;

-- name: read_names
-- Of all streams and slices; a stream without a slice has a row, too.
SELECT stream.stream_id, stream.name AS stream, slice.slice
FROM ingestion_streams AS stream LEFT JOIN ingestion_state AS slice USING (stream_id)
ORDER BY stream.stream_id, slice.slice;

-- name: find_stream
SELECT stream_id, source_id, table_schema, table_name, history_name, timeline_name, is_sliced FROM ingestion_streams
WHERE name = %(stream)s;

-- name: peek_slices
-- Without a lock: what it says may be over in a moment. No name: all slices of the stream.
SELECT id, slice, total_ingested, total_rejected, paused_at, lease_owner, lease_run_id, lease_acquired_at,
       coalesce(lease_expires_at < now(), true) AS lease_expired
FROM ingestion_state
WHERE stream_id = %(stream_id)s AND (%(slice)s::text IS NULL OR slice = %(slice)s)
ORDER BY id;

-- name: lock_slices
-- After it no run of them commits anything, and none begins.
SELECT id, slice, total_ingested, total_rejected, paused_at, lease_owner, lease_run_id, lease_acquired_at,
       coalesce(lease_expires_at < clock_timestamp(), true) AS lease_expired
FROM ingestion_state
WHERE stream_id = %(stream_id)s AND (%(slice)s::text IS NULL OR slice = %(slice)s)
ORDER BY id
FOR UPDATE;

-- name: lock_stream_whole
-- Against new slices as well, which a reference to this row waits for.
SELECT FROM ingestion_streams WHERE stream_id = %(stream_id)s FOR UPDATE;

-- name: raise_fences
UPDATE ingestion_state
SET fence = fence + 1, lease_owner = NULL, lease_run_id = NULL, lease_acquired_at = NULL, lease_expires_at = NULL,
    checkpoint_page = 0
WHERE id = ANY(%(slice_ids)s);

-- name: end_backends_of_slices
-- Those in whose transaction one of these slices is being written to, as end_backends_of_earlier_runs knows them. Their rows
-- are locked by us: none can commit.
SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity AS activity USING (pid)
WHERE locktype = 'advisory' AND classid = 1684107123 AND objsubid = 1
  AND objid = ANY(SELECT (id %% 4294967296)::oid FROM ingestion_state WHERE id = ANY(%(slice_ids)s))
  AND datname = current_database() AND activity.datid = pg_locks.database AND pid <> pg_backend_pid()
  AND starts_with(application_name, 'datasync');

-- name: lock_leased_slices
-- Those of these that someone holds, each with its stream before it.
SELECT slice.id, stream.name AS stream, slice.slice, slice.lease_owner
FROM ingestion_state AS slice JOIN ingestion_streams AS stream USING (stream_id)
JOIN unnest(%(streams)s::text[], %(slices)s::text[]) AS named (stream, slice) ON named.stream = stream.name AND named.slice = slice.slice
WHERE slice.lease_owner IS NOT NULL
ORDER BY slice.id
FOR UPDATE OF slice;

-- name: read_table_facts
-- Whether there is such a table, whether it can be emptied as a whole, and which keys of other tables lead to it.
SELECT named.oid IS NOT NULL AS is_there,
       coalesce(has_table_privilege(named.oid, 'TRUNCATE'), false) AND pointing.names IS NULL AS may_truncate,
       coalesce(pointing.names, '{}') AS foreign_keys
FROM (SELECT to_regclass(format('%%I.%%I', coalesce(%(schema)s, current_schema()), %(name)s))::oid AS oid) AS named
CROSS JOIN LATERAL (
    SELECT array_agg(
        conname || ' of ' || conrelid::regclass
            || CASE confdeltype WHEN 'c' THEN ' (whose rows go with ours)' WHEN 'n' THEN ' (set to NULL)'
                                WHEN 'd' THEN ' (set to its default)' ELSE '' END
        ORDER BY conname
    ) AS names
    FROM pg_constraint
    WHERE contype = 'f' AND confrelid = named.oid AND conrelid <> named.oid
) AS pointing;

-- name: lock_table
LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;

-- name: empty_table
TRUNCATE {table};

-- name: delete_rows
DELETE FROM {table} WHERE {of_slice};

-- name: drop_table
-- What depends on it is not ours: it is named, and nothing is dropped.
DROP TABLE {table};

-- name: read_table_holders
-- Who has the table, in any mode.
SELECT DISTINCT holder.pid, holder.application_name, holder.state
FROM pg_locks JOIN pg_stat_activity AS holder USING (pid)
WHERE locktype = 'relation' AND granted AND holder.pid <> pg_backend_pid()
  AND relation = to_regclass(format('%%I.%%I', coalesce(%(schema)s, current_schema()), %(name)s))
ORDER BY holder.pid
LIMIT 5;

-- name: delete_conflicts_of
DELETE FROM event_conflicts WHERE slice_id = ANY(%(slice_ids)s);

-- name: delete_drift_of
DELETE FROM ingestion_field_drift WHERE slice_id = ANY(%(slice_ids)s);

-- name: delete_fields_of
DELETE FROM ingestion_fields WHERE stream_id = %(stream_id)s;

-- name: delete_seen_of
DELETE FROM ingestion_seen WHERE slice_id = ANY(%(slice_ids)s);

-- name: delete_dead_letters_of
DELETE FROM rejected_events WHERE slice_id = ANY(%(slice_ids)s);

-- name: delete_pages_of
DELETE FROM ingestion_pages WHERE slice_id = ANY(%(slice_ids)s);

-- name: delete_runs_of
DELETE FROM ingestion_runs WHERE slice_id = ANY(%(slice_ids)s);

-- name: delete_slices
DELETE FROM ingestion_state WHERE id = ANY(%(slice_ids)s);

-- name: delete_stream
DELETE FROM ingestion_streams WHERE stream_id = %(stream_id)s;

-- name: lock_source
-- A stream of it that another process is registering is waited for, and seen by the next statement.
SELECT FROM ingestion_sources WHERE source_id = %(source_id)s FOR UPDATE;

-- name: delete_source_without_streams
DELETE FROM ingestion_sources AS source
WHERE source_id = %(source_id)s
  AND NOT EXISTS (SELECT FROM ingestion_streams AS stream WHERE stream.source_id = source.source_id);

-- name: forget_progress
-- As a slice that was never begun; but the number of its pass goes on rising, so that no page of the ledger is taken for one
-- of the passes to come. What the API has asked for and whether it is paused is not forgotten.
UPDATE ingestion_state AS slice
SET cursor = NULL, bookmark = NULL, pass_status = 'new', pass_kind = 'full', pass_started_at = NULL, pass_expected_total = NULL,
    pass_oldest_at = NULL, pass_in_order = true, pass_known_before = NULL, backfilled_at = NULL,
    floor_at = NULL, pass_since_at = NULL, walk_since_at = NULL, pass_top_at = NULL, pass_window_total = NULL, pass_repeated = 0,
    validator = NULL, pass_validator = NULL, pass_seen = NULL, pass_seen_total = NULL, total_unseen = 0,
    walk = 1, named_walk = 0, known_walk = 0, counted_from_pass = pass_number + 1,
    total_ingested = 0, total_rejected = 0, total_filtered = 0, total_adopted = 0,
    oldest_occurred_at = NULL, oldest_event_id = NULL, newest_occurred_at = NULL, newest_event_id = NULL,
    completed_at = NULL, full_wanted_at = NULL, kept_floor_at = NULL, updated_at = now(),
    first_run_id = greatest(
        first_run_id, (SELECT coalesce(max(run_id), 0) + 1 FROM ingestion_runs AS run WHERE run.slice_id = slice.id)
    )
WHERE id = ANY(%(slice_ids)s);

-- name: forget_fingerprint
UPDATE ingestion_streams SET fingerprint = NULL WHERE stream_id = %(stream_id)s;

-- name: forget_table
-- Someone has dropped it: the next crawl makes it anew.
UPDATE ingestion_streams SET table_schema = NULL, table_name = NULL, unseen_column = NULL WHERE stream_id = %(stream_id)s;

-- name: pause_slices
-- One that is paused already stays so since then. No names: all slices of the stream.
UPDATE ingestion_state SET paused_at = coalesce(paused_at, now())
WHERE stream_id = %(stream_id)s AND (%(slices)s::text[] IS NULL OR slice = ANY(%(slices)s));

-- name: resume_slices
UPDATE ingestion_state SET paused_at = NULL
WHERE stream_id = %(stream_id)s AND (%(slices)s::text[] IS NULL OR slice = ANY(%(slices)s)) AND paused_at IS NOT NULL;

-- name: want_full
-- The next pass that begins is a full one. Where one is open, it is that one, and goes on.
UPDATE ingestion_state SET full_wanted_at = now()
WHERE stream_id = %(stream_id)s AND (%(slices)s::text[] IS NULL OR slice = ANY(%(slices)s))
  AND NOT (pass_status = 'open' AND pass_kind = 'full');

-- name: count_named
-- And of how many a run is under way.
SELECT count(*), count(*) FILTER (WHERE lease_expires_at > now()) FROM ingestion_state
WHERE stream_id = %(stream_id)s AND (%(slices)s::text[] IS NULL OR slice = ANY(%(slices)s));
