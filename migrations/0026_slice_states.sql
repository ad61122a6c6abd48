-- How each slice is, in one word, with what a line of a list says of it; also of one that is named and was never synced. One that
-- is registered and was never begun, as the first stream is in every database, has none.
CREATE VIEW ingestion_slice_states AS
SELECT known.source, known.stream, known.slice, known.slice_id,
       CASE
           WHEN known.is_running THEN 'running'
           WHEN known.paused_at IS NOT NULL THEN 'paused'
           -- A run that neither ended nor holds its lease has died. A sync may fail before it has a run.
           WHEN known.run_status IN ('failed', 'incomplete', 'running') OR known.failures > 0 THEN 'failing'
           WHEN known.late_seconds > 2 * known.every_seconds THEN 'late'
           WHEN known.run_status IN ('stopped', 'fenced') THEN 'stopped'
           WHEN known.newest_run_id IS NULL THEN 'new'
           ELSE 'fine'
       END AS state,
       known.newest_run_id, known.run_status, known.reason, known.new_records, known.total_ingested, known.total_rejected,
       known.lag_seconds, known.late_seconds, known.completed_at, known.failures, known.every_seconds, known.paused_at,
       CASE WHEN known.paused_at IS NULL AND known.every_seconds IS NOT NULL THEN known.due_at END AS due_at, now() AS read_at
FROM (
    SELECT source.name AS source, stream.name AS stream, slice.slice, slice.id AS slice_id, run.run_id AS newest_run_id,
           -- Of one that was refused before it had a run, the run before that says nothing.
           run.status AS run_status, CASE WHEN run.status <> 'complete' THEN run.reason END AS reason,
           coalesce(run.inserted, 0) AS new_records, slice.total_ingested, slice.total_rejected,
           -- A record from the future says nothing of how old the news are, unless its clock is a little ahead.
           CASE WHEN slice.newest_occurred_at < now() + INTERVAL '1 hour'
                THEN greatest(extract(epoch FROM now() - slice.newest_occurred_at), 0)::float8 END AS lag_seconds,
           coalesce(due.late_seconds, 0) AS late_seconds, slice.completed_at, coalesce(due.failures, 0) AS failures,
           due.every_seconds, due.due_at, slice.paused_at, coalesce(slice.lease_expires_at >= now(), false) AS is_running
    FROM ingestion_state AS slice
    JOIN ingestion_streams AS stream USING (stream_id)
    JOIN ingestion_sources AS source USING (source_id)
    LEFT JOIN ingestion_due_facts AS due ON due.stream = stream.name AND due.slice = slice.slice
    -- As in ingestion_stream_facts. Each is found by index: how many runs there are makes no difference.
    LEFT JOIN LATERAL (
        SELECT run_id, status, reason, inserted FROM ingestion_runs
        WHERE slice_id = slice.id AND run_id >= slice.first_run_id AND pass_kind NOT IN ('replay', 'backfill')
        ORDER BY run_id DESC
        LIMIT 1
    ) AS run ON true
    WHERE run.run_id IS NOT NULL OR due.stream IS NOT NULL OR slice.paused_at IS NOT NULL OR slice.lease_expires_at >= now()
       OR slice.pass_status <> 'new' OR slice.pass_number > 0 OR slice.total_ingested > 0
    UNION ALL
    SELECT due.source, due.stream, due.slice, NULL, NULL, NULL, NULL, 0, 0, 0, NULL, due.late_seconds, NULL, due.failures,
           due.every_seconds, due.due_at, NULL, false
    FROM ingestion_due_facts AS due
    WHERE due.slice_id IS NULL AND (due.every_seconds IS NOT NULL OR due.failures > 0)
) AS known;

-- As in 0025: whoever reads the view sees what that role may see below, and whoever may read the slices may read it.
DO $$
DECLARE reader record; BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        ALTER VIEW ingestion_slice_states SET (security_invoker = true);
    END IF;
    FOR reader IN
        SELECT DISTINCT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS name
        FROM pg_class, aclexplode(relacl)
        WHERE oid = 'ingestion_state'::regclass AND privilege_type = 'SELECT'
    LOOP
        EXECUTE format('GRANT SELECT ON ingestion_slice_states TO %s', reader.name);
    END LOOP;
END
$$;
