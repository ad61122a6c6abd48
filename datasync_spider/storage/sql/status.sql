-- name: read_state
SELECT cursor, total_ingested, total_rejected, total_filtered, updated_at, completed_at,
       pass_number, pass_kind, pass_status, pass_started_at, pass_expected_total, walk,
       oldest_occurred_at, newest_occurred_at, fence, lease_owner, lease_run_id, lease_acquired_at, lease_expires_at,
       coalesce(lease_expires_at < now(), true) AS lease_expired, credential_id, paused_at, first_run_id,
       floor_at, pass_since_at
FROM ingestion_state
WHERE id = %(slice_id)s;

-- name: read_stream_names
-- Streams that were ever begun; a migration makes the row of the default one.
SELECT stream
FROM ingestion_state s
WHERE pass_status <> 'new' OR total_ingested > 0 OR EXISTS (SELECT FROM ingestion_runs r WHERE r.slice_id = s.id)
GROUP BY stream
ORDER BY min(id);

-- name: read_last_backfill
-- Where it is newer than the last run of a pass.
SELECT run_id, status, reason, detail, started_at, ended_at, pages, events, inserted, duplicates, rejected
FROM ingestion_runs AS run
WHERE slice_id = %(slice_id)s AND pass_kind = 'backfill'
  AND run_id >= (SELECT first_run_id FROM ingestion_state WHERE id = %(slice_id)s)
  AND NOT EXISTS (
      SELECT FROM ingestion_runs AS later
      WHERE later.slice_id = run.slice_id AND later.run_id > run.run_id AND later.pass_kind NOT IN ('replay', 'backfill')
  )
ORDER BY run_id DESC
LIMIT 1;

-- name: read_last_runs
-- Runs of the passes: a replay or a backfill says nothing of them.
SELECT run_id, stream, status, reason, detail, owner, version, pass_number, pass_kind, started_at, heartbeat_at, ended_at,
       pages, events, inserted, duplicates, rejected, filtered, conflicts, bytes, retries, waited_ms, expected_total, start_cursor,
       end_cursor
FROM ingestion_runs
WHERE slice_id = %(slice_id)s AND pass_kind NOT IN ('replay', 'backfill')
ORDER BY run_id DESC
LIMIT %(limit)s;
