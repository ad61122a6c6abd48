-- What is known of the fields of each stream's records, by samples of its pages, and how they have changed.

-- A row for each field and each kind of value that it was met with; '@' is the record itself. Counts are of samples. Of a field
-- the container is the record, or the object that it stands in. No row refers to the stream's: whoever removes that would wait
-- for a run that waits for it.
CREATE TABLE ingestion_fields (
    stream_id      BIGINT NOT NULL,
    path           TEXT NOT NULL,
    kind           TEXT NOT NULL CHECK (kind IN ('text', 'bigint', 'numeric', 'boolean', 'timestamptz', 'object', 'array', 'null')),
    -- On so many pages, in so many records.
    pages          BIGINT NOT NULL,
    records        BIGINT NOT NULL,
    -- So many samples of the container, and so many values of other kinds, came before the first one. 0: it is simply known.
    records_before BIGINT NOT NULL,
    values_before  BIGINT NOT NULL,
    -- So many samples and pages of the container there were when it was met last.
    last_record    BIGINT NOT NULL,
    last_page      BIGINT NOT NULL,
    -- It may still turn out to be a change.
    is_new         BOOLEAN NOT NULL,
    -- Of an object: it has more members than are followed.
    is_full        BOOLEAN NOT NULL,
    first_seen_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    last_seen_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    vanished_at    TIMESTAMPTZ NULL,
    PRIMARY KEY (stream_id, path, kind)
)
-- Its rows are written with each batch: so that a new version finds room beside the old one.
WITH (fillfactor = 50);

-- A change of a field, once in a stream's life.
CREATE TABLE ingestion_field_drift (
    drift_id     BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream_id    BIGINT NOT NULL,
    slice_id     BIGINT NOT NULL,
    run_id       BIGINT NOT NULL,
    -- The last page of the batch with which it was found.
    page_number  INTEGER NOT NULL,
    path         TEXT NOT NULL,
    change       TEXT NOT NULL CHECK (change IN ('appeared', 'vanished', 'changed_type')),
    -- Kinds, joined by "or".
    was          TEXT NOT NULL,
    now          TEXT NOT NULL,
    found_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- Somebody has looked at it: scrapy streams accept.
    accepted_at  TIMESTAMPTZ NULL,
    UNIQUE (stream_id, path, change, now)
);
CREATE INDEX ingestion_field_drift_by_run ON ingestion_field_drift (run_id);
CREATE INDEX ingestion_field_drift_by_slice ON ingestion_field_drift (slice_id) WHERE accepted_at IS NULL;

CREATE OR REPLACE VIEW ingestion_stream_facts AS
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
       now() AS read_at,
       (SELECT count(*) FROM ingestion_field_drift AS drift WHERE drift.slice_id = slice.id AND drift.accepted_at IS NULL) AS drifted,
       (
           SELECT json_agg(json_build_object('path', path, 'what', change, 'was', was, 'now', now) ORDER BY drift_id DESC)
           FROM (
               SELECT drift_id, path, change, was, now FROM ingestion_field_drift AS drift
               WHERE drift.slice_id = slice.id AND drift.accepted_at IS NULL
               ORDER BY drift_id DESC
               LIMIT 5
           ) AS newest
       ) AS newest_drift
FROM ingestion_streams AS stream
JOIN ingestion_sources AS source USING (source_id)
LEFT JOIN ingestion_state AS slice USING (stream_id);

CREATE OR REPLACE VIEW ingestion_run_facts AS
SELECT run.run_id, run.slice_id, run.stream, slice.slice, run.status, run.reason, run.detail, run.owner, run.version,
       run.pass_number, run.pass_kind, run.started_at, run.heartbeat_at, run.ended_at,
       run.pages, run.events, run.inserted, run.duplicates, run.conflicts, run.rejected, run.filtered, run.bytes, run.retries,
       run.waited_ms, run.waited_ms / 1000.0::float8 AS waited_seconds, run.expected_total, run.start_cursor, run.end_cursor,
       extract(epoch FROM greatest(coalesce(run.ended_at, now()) - run.started_at, INTERVAL '0'))::float8 AS duration_seconds,
       coalesce(slice.lease_run_id = run.run_id, false) AS holds_lease, slice.lease_run_id, slice.lease_expires_at,
       greatest(credential.closed_until, credential.advised_until) AS closed_until,
       run.run_id >= slice.first_run_id AS is_current, now() AS read_at,
       (SELECT count(*) FROM ingestion_field_drift AS drift WHERE drift.run_id = run.run_id) AS drifted,
       (
           SELECT json_agg(json_build_object('path', path, 'what', change, 'was', was, 'now', now) ORDER BY drift_id DESC)
           FROM (
               SELECT drift_id, path, change, was, now FROM ingestion_field_drift AS drift
               WHERE drift.run_id = run.run_id
               ORDER BY drift_id DESC
               LIMIT 5
           ) AS newest
       ) AS newest_drift
FROM ingestion_runs AS run
JOIN ingestion_state AS slice ON slice.id = run.slice_id
LEFT JOIN ingestion_credentials AS credential USING (credential_id);

-- As before, which their making anew has undone: whoever reads them sees what that role may see of the tables below. PostgreSQL 14
-- has no word for it, and looks with the eyes of the owner.
DO $$
BEGIN IF current_setting('server_version_num')::integer >= 150000 THEN
    ALTER VIEW ingestion_stream_facts SET (security_invoker = true); ALTER VIEW ingestion_run_facts SET (security_invoker = true); END IF; END
$$;

-- Whoever may read what they were made of may read what they are made of now: a page or a report that has worked goes on to.
DO $$
DECLARE reader record; BEGIN
    FOR reader IN
        SELECT DISTINCT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS name
        FROM pg_class, aclexplode(relacl)
        WHERE oid = 'ingestion_state'::regclass AND privilege_type = 'SELECT'
    LOOP
        EXECUTE format('GRANT SELECT ON ingestion_fields, ingestion_field_drift TO %s', reader.name); END LOOP; END
$$;
