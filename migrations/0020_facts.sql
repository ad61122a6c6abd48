-- What is known of each stream and of each run, once, for all that show it: the status page, scrapy status, scrapy streams, the
-- end of a crawl, metrics. A column that is added here and to datasync_spider/observe/columns.py is shown by all of them.
-- A later migration makes them anew where it adds a column: CREATE OR REPLACE VIEW, the new ones last.

-- A row for each slice, and one without a slice for each stream that has none yet.
CREATE VIEW ingestion_stream_facts AS
SELECT stream.stream_id, source.name AS source, stream.name AS stream, stream.is_sliced,
       coalesce(stream.table_schema, current_schema()::text) AS table_schema, stream.table_name,
       slice.id, slice.slice,
       slice.total_ingested, slice.total_rejected, slice.total_filtered, slice.total_unseen,
       slice.total_ingested + slice.total_rejected + slice.total_filtered AS accounted,
       slice.pass_expected_total,
       slice.pass_number, slice.pass_kind, slice.pass_status, slice.pass_started_at, slice.pass_since_at, slice.walk,
       slice.cursor, slice.floor_at, slice.oldest_occurred_at, slice.newest_occurred_at, slice.completed_at, slice.updated_at,
       slice.paused_at, slice.credential_id, slice.first_run_id, slice.fence,
       slice.lease_owner, slice.lease_run_id, slice.lease_acquired_at, slice.lease_expires_at,
       coalesce(slice.lease_expires_at < now(), true) AS lease_expired,
       -- The newest run that is in a pass: a replay or a backfill says nothing of it, and neither does a run whose rows are
       -- forgotten.
       (
           SELECT run.run_id FROM ingestion_runs AS run
           WHERE run.slice_id = slice.id AND run.run_id >= slice.first_run_id AND run.pass_kind NOT IN ('replay', 'backfill')
           ORDER BY run.run_id DESC
           LIMIT 1
       ) AS newest_run_id,
       now() AS read_at
FROM ingestion_streams AS stream
JOIN ingestion_sources AS source USING (source_id)
LEFT JOIN ingestion_state AS slice USING (stream_id);

CREATE VIEW ingestion_run_facts AS
SELECT run.run_id, run.slice_id, run.stream, slice.slice, run.status, run.reason, run.detail, run.owner, run.version,
       run.pass_number, run.pass_kind, run.started_at, run.heartbeat_at, run.ended_at,
       run.pages, run.events, run.inserted, run.duplicates, run.conflicts, run.rejected, run.filtered, run.bytes, run.retries,
       run.waited_ms, run.waited_ms / 1000.0::float8 AS waited_seconds, run.expected_total, run.start_cursor, run.end_cursor,
       extract(epoch FROM greatest(coalesce(run.ended_at, now()) - run.started_at, INTERVAL '0'))::float8 AS duration_seconds,
       coalesce(slice.lease_run_id = run.run_id, false) AS holds_lease, slice.lease_run_id, slice.lease_expires_at,
       greatest(credential.closed_until, credential.advised_until) AS closed_until,
       run.run_id >= slice.first_run_id AS is_current, now() AS read_at
FROM ingestion_runs AS run
JOIN ingestion_state AS slice ON slice.id = run.slice_id
LEFT JOIN ingestion_credentials AS credential USING (credential_id);

-- Whoever reads them sees what that role may see of the tables below, be it by rights or by policies of rows. PostgreSQL 14 has no
-- word for it, and looks with the eyes of the owner.
DO $$
BEGIN IF current_setting('server_version_num')::integer >= 150000 THEN
    ALTER VIEW ingestion_stream_facts SET (security_invoker = true); ALTER VIEW ingestion_run_facts SET (security_invoker = true); END IF; END
$$;

-- Whoever may read what they are made of may read them, and the names of sources: a page or a report that has worked goes on to.
DO $$
DECLARE reader record; BEGIN
    FOR reader IN
        SELECT DISTINCT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS name
        FROM pg_class, aclexplode(relacl)
        WHERE oid = 'ingestion_state'::regclass AND privilege_type = 'SELECT'
    LOOP
        EXECUTE format('GRANT SELECT ON ingestion_stream_facts, ingestion_run_facts, ingestion_sources TO %s', reader.name); END LOOP; END
$$;
