-- On which machine each sync runs or has run, and of a fleet by which worker; how machines are; and where Dask's own page is.

-- What ended lately is asked for by whoever looks at machines. Runs end about in the order in which they lie.
CREATE INDEX ingestion_runs_ended_idx ON ingestion_runs USING brin (ended_at);

-- A row for each driver of a fleet that is at work; one that has not been seen for a while has died.
CREATE TABLE ingestion_fleets (
    -- What distinguishes it from all others.
    driver         TEXT PRIMARY KEY,
    host           TEXT NOT NULL,
    -- How many bundles its workers have room for, all in all.
    places         INTEGER NOT NULL,
    -- Where the scheduler serves Dask's own page. NULL: nowhere.
    dashboard_url  TEXT NULL,
    seen_at        TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- The facts of a run have the machine as well, behind whatever columns there are. A run's owner names it: "process 4711 on
-- crawler-2", and of a fleet "process 4711 on crawler-2, worker 10.0.0.2:40001".
DO $$
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE VIEW %s AS
         SELECT run.*, nullif(split_part(split_part(run.owner, '', worker '', 1), '' on '', 2), '''') AS host,
                nullif(split_part(run.owner, '', worker '', 2), '''') AS worker
         FROM (%s) AS run',
        'ingestion_run_facts', rtrim(pg_get_viewdef('ingestion_run_facts'::regclass), '; ')
    );
END
$$;

-- How a slice is, with the machine that holds its lease, be it dead or alive: found by index, as its newest run is.
CREATE OR REPLACE VIEW ingestion_slice_states AS
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
       CASE WHEN known.paused_at IS NULL AND known.every_seconds IS NOT NULL THEN known.due_at END AS due_at, now() AS read_at,
       known.host, known.worker, known.host || coalesce(', worker ' || known.worker, '') AS machine
FROM (
    SELECT source.name AS source, stream.name AS stream, slice.slice, slice.id AS slice_id, run.run_id AS newest_run_id,
           -- Of one that was refused before it had a run, the run before that says nothing.
           run.status AS run_status, CASE WHEN run.status <> 'complete' THEN run.reason END AS reason,
           coalesce(run.inserted, 0) AS new_records, slice.total_ingested, slice.total_rejected,
           -- A record from the future says nothing of how old the news are, unless its clock is a little ahead.
           CASE WHEN slice.newest_occurred_at < now() + INTERVAL '1 hour'
                THEN greatest(extract(epoch FROM now() - slice.newest_occurred_at), 0)::float8 END AS lag_seconds,
           coalesce(due.late_seconds, 0) AS late_seconds, slice.completed_at, coalesce(due.failures, 0) AS failures,
           due.every_seconds, due.due_at, slice.paused_at, coalesce(slice.lease_expires_at >= now(), false) AS is_running,
           nullif(split_part(split_part(holder.owner, ', worker ', 1), ' on ', 2), '') AS host,
           nullif(split_part(holder.owner, ', worker ', 2), '') AS worker
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
    LEFT JOIN LATERAL (SELECT owner FROM ingestion_runs WHERE run_id = slice.lease_run_id LIMIT 1) AS holder ON true
    WHERE run.run_id IS NOT NULL OR due.stream IS NOT NULL OR slice.paused_at IS NOT NULL OR slice.lease_expires_at >= now()
       OR slice.pass_status <> 'new' OR slice.pass_number > 0 OR slice.total_ingested > 0
    UNION ALL
    SELECT due.source, due.stream, due.slice, NULL, NULL, NULL, NULL, 0, 0, 0, NULL, due.late_seconds, NULL, due.failures,
           due.every_seconds, due.due_at, NULL, false, NULL, NULL
    FROM ingestion_due_facts AS due
    WHERE due.slice_id IS NULL AND (due.every_seconds IS NOT NULL OR due.failures > 0)
) AS known;

-- A row for each machine, and of a fleet for each worker, that syncs or has ended a sync within the last hour: what it has under
-- way, what it has ended, when it was last heard, and how it is.
CREATE VIEW ingestion_machines AS
SELECT host, worker, host || coalesce(', worker ' || worker, '') AS machine,
       CASE WHEN silent > 0 THEN 'silent'
            WHEN late > 0 THEN 'late'
            -- What it had last, others have taken over since.
            WHEN held = 0 AND lost_at = heard_at THEN 'lost'
            WHEN held > 0 THEN 'running'
            ELSE 'idle' END AS state,
       held, syncs, new_records, lost, heard_at, now() AS read_at
FROM (
    SELECT host, worker,
           count(*) FILTER (WHERE is_open) AS held,
           count(*) FILTER (WHERE is_open AND lease_expires_at < now()) AS silent,
           -- Leases are renewed thrice in their lives, as the run's heartbeat is: two of three are missing.
           count(*) FILTER (
               WHERE is_open AND lease_expires_at >= now() AND now() - heartbeat_at > (lease_expires_at - heartbeat_at) * 2 / 3
           ) AS late,
           count(*) FILTER (WHERE NOT is_open AND NOT is_lost AND pass_kind <> 'replay') AS syncs,
           coalesce(sum(inserted) FILTER (WHERE NOT is_open), 0)::bigint AS new_records,
           count(*) FILTER (WHERE is_lost) AS lost,
           max(heartbeat_at) AS heard_at,
           max(heartbeat_at) FILTER (WHERE is_lost) AS lost_at
    FROM (
        SELECT host, worker, true AS is_open, false AS is_lost, pass_kind, inserted, heartbeat_at, lease_expires_at
        FROM ingestion_run_facts
        WHERE run_id IN (SELECT lease_run_id FROM ingestion_state) AND ended_at IS NULL
        UNION ALL
        SELECT host, worker, false, coalesce(reason = 'lost', false), pass_kind, inserted, heartbeat_at, NULL
        FROM ingestion_run_facts
        WHERE ended_at > now() - INTERVAL '1 hour'
    ) AS run
    WHERE host IS NOT NULL
    GROUP BY host, worker
) AS counted;

-- As in 0020: whoever reads the views sees what that role may see below, and whoever may read the slices may read all of them.
DO $$
DECLARE reader record; BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        ALTER VIEW ingestion_run_facts SET (security_invoker = true); ALTER VIEW ingestion_slice_states SET (security_invoker = true);
        ALTER VIEW ingestion_machines SET (security_invoker = true);
    END IF;
    FOR reader IN
        SELECT DISTINCT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS name
        FROM pg_class, aclexplode(relacl)
        WHERE oid = 'ingestion_state'::regclass AND privilege_type = 'SELECT'
    LOOP
        EXECUTE format('GRANT SELECT ON ingestion_machines, ingestion_fleets TO %s', reader.name);
    END LOOP;
END
$$;
