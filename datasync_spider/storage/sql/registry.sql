-- name: insert_source
-- Where another process makes the same one, what it does is waited for; so below.
INSERT INTO ingestion_sources (name) VALUES (%(source)s) ON CONFLICT DO NOTHING;

-- name: insert_stream
INSERT INTO ingestion_streams (source_id, name, is_sliced)
SELECT source_id, %(stream)s, %(is_sliced)s FROM ingestion_sources WHERE name = %(source)s
ON CONFLICT DO NOTHING;

-- name: read_stream
-- slice_id: of the slice with this name; NULL where no run has opened it.
SELECT stream.stream_id, source.name AS source, stream.table_schema, stream.table_name, stream.history_name,
       stream.is_sliced, stream.fingerprint, stream.unseen_column, stream.timeline_name,
       to_regclass(quote_ident(coalesce(table_schema, current_schema())) || '.' || quote_ident(timeline_name)) IS NOT NULL
           AS has_timeline,
       slice.id AS slice_id
FROM ingestion_streams AS stream
JOIN ingestion_sources AS source USING (source_id)
LEFT JOIN ingestion_state AS slice ON slice.stream_id = stream.stream_id AND slice.slice = %(slice)s
WHERE stream.name = %(stream)s;

-- name: streams_without_table
SELECT name FROM ingestion_streams WHERE table_name IS NULL ORDER BY stream_id;

-- name: lock_stream
-- For a run that makes its table or says how it is read; those that only open a slice of it do not wait.
SELECT FROM ingestion_streams WHERE stream_id = %(stream_id)s FOR NO KEY UPDATE;

-- name: save_fingerprint
UPDATE ingestion_streams SET fingerprint = %(fingerprint)s WHERE stream_id = %(stream_id)s;

-- name: save_table
UPDATE ingestion_streams SET table_schema = %(table_schema)s, table_name = %(table_name)s WHERE stream_id = %(stream_id)s;

-- name: save_history
UPDATE ingestion_streams SET history_name = %(history_name)s WHERE stream_id = %(stream_id)s;

-- name: is_name_of_ours
-- Whether a stream has it, be it for its table, its history or the view of both.
SELECT EXISTS (
    SELECT FROM ingestion_streams
    WHERE coalesce(table_schema, '') = coalesce(%(schema)s, '')
      AND %(name)s IN (table_name, history_name, timeline_name)
) AS exists;

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
CREATE SCHEMA IF NOT EXISTS {schema};

-- name: create_table
CREATE TABLE {table} (
    event_id     TEXT PRIMARY KEY,
    occurred_at  TIMESTAMPTZ NULL,
    payload      JSONB NOT NULL,
    ingested_at  TIMESTAMPTZ NOT NULL DEFAULT now(){deleted_at}
);

-- name: create_sliced_table
CREATE TABLE {table} (
    slice_id     BIGINT NOT NULL,
    event_id     TEXT NOT NULL,
    occurred_at  TIMESTAMPTZ NULL,
    payload      JSONB NOT NULL,
    ingested_at  TIMESTAMPTZ NOT NULL DEFAULT now(){deleted_at},
    PRIMARY KEY (event_id, slice_id)
);

-- name: deleted_at
-- Of a table: generated, so that no way to write a row can forget it.
deleted_at   TIMESTAMPTZ NULL GENERATED ALWAYS AS (
        CASE WHEN payload #> {path}::text[] = {value}::jsonb THEN coalesce(occurred_at, ingested_at) ELSE {otherwise} END
    ) STORED;

-- name: drop_deleted_at
ALTER TABLE {table} DROP COLUMN IF EXISTS deleted_at;

-- name: drop_unseen_at
ALTER TABLE {table} DROP COLUMN IF EXISTS unseen_at;

-- name: add_unseen
-- When a full pass had not met the record.
ALTER TABLE {table} ADD COLUMN {unseen} TIMESTAMPTZ NULL;

-- name: index_slices
-- The end of a full pass looks at all rows of its slice.
CREATE INDEX ON {table} (slice_id);

-- name: save_unseen_column
UPDATE ingestion_streams SET unseen_column = %(unseen_column)s WHERE stream_id = %(stream_id)s;

-- name: add_deleted_at
ALTER TABLE {table} ADD COLUMN {deleted_at};

-- name: create_history
-- A line is a version and a time in which it was the record's row in the stream's table; valid_from is NULL where it never
-- was, since a later one was there already when it came: such a one is kept once.
CREATE TABLE {history} (
    history_id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    {slice_column}event_id        TEXT NOT NULL,
    occurred_at     TIMESTAMPTZ NULL,
    payload         JSONB NOT NULL,
    payload_sha256  BYTEA NOT NULL,
    valid_from      TIMESTAMPTZ NULL,
    valid_to        TIMESTAMPTZ NOT NULL DEFAULT now(),
    run_id          BIGINT NOT NULL
);
CREATE INDEX ON {history} ({key});
CREATE UNIQUE INDEX ON {history} ({key}, payload_sha256) WHERE valid_from IS NULL;

-- name: show_timeline
-- Replaced or made: the same columns whatever the stream declares, so that it may be while others build on it.
CREATE OR REPLACE VIEW {timeline} AS
SELECT {columns}, valid_from, valid_to FROM {history} WHERE valid_from IS NOT NULL
UNION ALL
SELECT {columns}, ingested_at,
       CASE WHEN {is_deletion} THEN ingested_at WHEN {marked} IS NOT NULL THEN greatest(ingested_at, {marked}) END
FROM {table};

-- name: read_timeline
-- A view that was dropped by hand is made again.
SELECT stream_id, timeline_name,
       to_regclass(quote_ident(coalesce(table_schema, current_schema())) || '.' || quote_ident(timeline_name)) IS NOT NULL
           AS has_timeline
FROM ingestion_streams WHERE name = %(stream)s;

-- name: drop_timeline
-- What depends on it is not ours.
DROP VIEW IF EXISTS {timeline};

-- name: save_timeline
UPDATE ingestion_streams SET timeline_name = %(timeline_name)s WHERE stream_id = %(stream_id)s;

-- name: insert_slice
INSERT INTO ingestion_state (stream_id, stream, slice) VALUES (%(stream_id)s, %(stream)s, %(slice)s)
ON CONFLICT (stream_id, slice) DO NOTHING;
