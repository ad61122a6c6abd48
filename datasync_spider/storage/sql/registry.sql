-- name: find_slice
SELECT slice.id, stream.stream_id, stream.table_schema, stream.table_name, stream.history_name, stream.is_sliced
FROM ingestion_state AS slice JOIN ingestion_streams AS stream USING (stream_id)
WHERE stream.name = %(stream)s AND slice.slice = %(slice)s;

-- name: insert_source
-- Where another process makes the same one, what it does is waited for; so below.
INSERT INTO ingestion_sources (name) VALUES (%(source)s) ON CONFLICT DO NOTHING;

-- name: insert_stream
INSERT INTO ingestion_streams (source_id, name, is_sliced)
SELECT source_id, %(stream)s, %(is_sliced)s FROM ingestion_sources WHERE name = %(source)s
ON CONFLICT DO NOTHING;

-- name: read_stream
SELECT stream.stream_id, source.name AS source, stream.table_schema, stream.table_name, stream.history_name,
       stream.is_sliced, stream.fingerprint
FROM ingestion_streams AS stream JOIN ingestion_sources AS source USING (source_id)
WHERE stream.name = %(stream)s;

-- name: streams_without_table
SELECT name FROM ingestion_streams WHERE table_name IS NULL ORDER BY stream_id;

-- name: lock_stream
-- For whoever makes its table or says how it is read; those that only open a slice of it do not wait.
SELECT FROM ingestion_streams WHERE stream_id = %(stream_id)s FOR NO KEY UPDATE;

-- name: save_fingerprint
UPDATE ingestion_streams SET fingerprint = %(fingerprint)s WHERE stream_id = %(stream_id)s;

-- name: save_table
UPDATE ingestion_streams SET table_schema = %(table_schema)s, table_name = %(table_name)s WHERE stream_id = %(stream_id)s;

-- name: has_pages
-- Whether anything is stored of it. Its pages may have been deleted, which is history.
SELECT EXISTS (
    SELECT FROM ingestion_state AS slice
    WHERE stream_id = %(stream_id)s
      AND (total_ingested > 0 OR total_rejected > 0
           OR EXISTS (SELECT FROM ingestion_pages WHERE slice_id = slice.id AND run_id >= first_run_id))
) AS has_pages;

-- name: has_relation
-- Whatever kind it is. No schema: the one of all our tables.
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace AS space ON space.oid = relnamespace
    WHERE nspname = coalesce(%(schema)s, current_schema()) AND relname = %(name)s
) AS exists;

-- name: read_home
SELECT current_schema()::text AS home, EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s) AS exists;

-- name: create_schema
CREATE SCHEMA {schema};

-- name: create_table
CREATE TABLE {table} (
    event_id     TEXT PRIMARY KEY,
    occurred_at  TIMESTAMPTZ NULL,
    payload      JSONB NOT NULL,
    ingested_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- name: create_sliced_table
CREATE TABLE {table} (
    slice_id     BIGINT NOT NULL,
    event_id     TEXT NOT NULL,
    occurred_at  TIMESTAMPTZ NULL,
    payload      JSONB NOT NULL,
    ingested_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, slice_id)
);

-- name: insert_slice
INSERT INTO ingestion_state (stream_id, stream, slice) VALUES (%(stream_id)s, %(stream)s, %(slice)s)
ON CONFLICT (stream_id, slice) DO NOTHING;
