-- name: read_other_streams
-- Those that have stored anything.
SELECT stream FROM ingestion_state WHERE stream <> %(stream)s AND total_ingested > 0 ORDER BY id;

-- name: find_shared
-- Which of these ids stand in rows that are not this stream's. A row is stored in the transaction of its page, so both have
-- the same instant; a replay has no page, and old pages may be deleted, but a run lasts from its start to its end. Row 1
-- may also own what was there before any run, and a stream whose first run is known owns nothing from before that.
WITH met AS MATERIALIZED (
    SELECT event_id, ingested_at FROM ingested_events
    WHERE event_id = ANY ((SELECT string_to_array(%(event_ids)s, %(separator)s))::text[])
),
first_run AS (
    SELECT min(run.started_at) AS began
    FROM ingestion_runs AS run JOIN ingestion_state AS state ON state.stream = run.stream
    WHERE run.stream = %(stream)s AND run.fence = 1 AND state.id <> 1
),
-- Most are the stream's own by a page, and the runs are asked for the others alone.
strange AS MATERIALIZED (
    SELECT stored_at FROM (SELECT DISTINCT ingested_at AS stored_at FROM met) AS instants
    WHERE NOT EXISTS (SELECT FROM ingestion_pages WHERE committed_at = stored_at AND stream = %(stream)s)
),
others AS (
    SELECT stored_at FROM strange
    WHERE EXISTS (SELECT FROM ingestion_pages WHERE committed_at = stored_at)
       OR coalesce(stored_at < (SELECT began FROM first_run), false)
       OR coalesce((
           SELECT bool_and(stream <> %(stream)s) FROM ingestion_runs
           WHERE stored_at BETWEEN started_at AND coalesce(ended_at, 'infinity')
       ), false)
)
SELECT event_id FROM met WHERE (ingested_at IN (SELECT stored_at FROM others)) IS TRUE;

-- name: unstage
DELETE FROM staged_events WHERE event_id = ANY(%(event_ids)s);
