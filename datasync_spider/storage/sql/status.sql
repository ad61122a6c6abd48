-- name: read_state
SELECT * FROM ingestion_stream_facts WHERE id = %(slice_id)s;

-- name: read_stream_names
-- Streams that were ever begun; a migration makes the row of the default one.
SELECT stream
FROM ingestion_state s
WHERE pass_status <> 'new' OR total_ingested > 0 OR EXISTS (SELECT FROM ingestion_runs r WHERE r.slice_id = s.id)
GROUP BY stream
ORDER BY min(id);

-- name: read_run
SELECT * FROM ingestion_run_facts WHERE run_id = %(run_id)s;

-- name: read_last_backfill
-- Where it is newer than the last run of a pass.
SELECT run.* FROM ingestion_run_facts AS run
WHERE slice_id = %(slice_id)s AND pass_kind = 'backfill' AND is_current
  AND NOT EXISTS (
      SELECT FROM ingestion_runs AS later
      WHERE later.slice_id = run.slice_id AND later.run_id > run.run_id AND later.pass_kind NOT IN ('replay', 'backfill')
  )
ORDER BY run_id DESC
LIMIT 1;

-- name: read_last_runs
-- Runs of the passes: a replay or a backfill says nothing of them.
SELECT * FROM ingestion_run_facts
WHERE slice_id = %(slice_id)s AND pass_kind NOT IN ('replay', 'backfill')
ORDER BY run_id DESC
LIMIT %(limit)s;
