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

-- The facts of a run, and how a slice is, have the machine as well, behind whatever columns there are. A run's owner names it:
-- "process 4711 on crawler-2", and of a fleet "process 4711 on crawler-2, worker 10.0.0.2:40001". A slice is on the machine that
-- holds its lease, be it dead or alive.
DO $$
DECLARE
    host CONSTANT text := 'nullif(split_part(split_part(run.owner, '', worker '', 1), '' on '', 2), '''')';
    worker CONSTANT text := 'nullif(split_part(run.owner, '', worker '', 2), '''')';
BEGIN
    EXECUTE format(
        'CREATE OR REPLACE VIEW %s AS SELECT run.*, %s AS host, %s AS worker FROM (%s) AS run',
        'ingestion_run_facts', host, worker, rtrim(pg_get_viewdef('ingestion_run_facts'::regclass), '; ')
    );
    EXECUTE format(
        'CREATE OR REPLACE VIEW %s AS
         SELECT state.*, run.host, run.worker, run.host || coalesce('', worker '' || run.worker, '''') AS machine
         FROM (%s) AS state
         LEFT JOIN ingestion_state AS slice ON slice.id = state.slice_id
         LEFT JOIN (SELECT run.run_id, %s AS host, %s AS worker FROM ingestion_runs AS run) AS run ON run.run_id = slice.lease_run_id',
        'ingestion_slice_states', rtrim(pg_get_viewdef('ingestion_slice_states'::regclass), '; '), host, worker
    );
END
$$;

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
