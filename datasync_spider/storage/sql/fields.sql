-- name: read_fields
-- What is known of a stream's fields. Without a lock: slices of one stream add to the same counts, and what one of them adds in
-- this moment makes no field known or unknown.
SELECT path, kind, pages, records, records_before, values_before, last_record, last_page, is_new, vanished_at IS NOT NULL, is_full
FROM ingestion_fields WHERE stream_id = %(stream_id)s;

-- name: save_fields
-- In one order for all, so that two slices never wait for each other. Pages and records are what a batch adds.
INSERT INTO ingestion_fields AS known (
    stream_id, path, kind, pages, records, records_before, values_before, last_record, last_page, is_new, is_full, vanished_at
)
SELECT %(stream_id)s, path, kind, pages, records, records_before, values_before, last_record, last_page, is_new, is_full,
       CASE WHEN has_vanished THEN now() END
FROM json_to_recordset(%(fields)s::json) AS met (
    path text, kind text, pages bigint, records bigint, records_before bigint, values_before bigint,
    last_record bigint, last_page bigint, is_new boolean, is_full boolean, has_vanished boolean
)
ORDER BY path COLLATE "C", kind COLLATE "C"
ON CONFLICT (stream_id, path, kind) DO UPDATE SET
    pages = known.pages + excluded.pages,
    records = known.records + excluded.records,
    last_record = greatest(known.last_record, excluded.last_record),
    last_page = greatest(known.last_page, excluded.last_page),
    is_new = known.is_new AND excluded.is_new,
    is_full = known.is_full OR excluded.is_full,
    last_seen_at = CASE WHEN excluded.pages > 0 THEN now() ELSE known.last_seen_at END,
    vanished_at = coalesce(known.vanished_at, excluded.vanished_at);

-- name: drop_members
-- Of objects that turn out to have names that are data.
DELETE FROM ingestion_fields WHERE stream_id = %(stream_id)s AND path = ANY(%(paths)s);

-- name: insert_drift
-- What another slice has reported before is reported no more.
INSERT INTO ingestion_field_drift (stream_id, slice_id, run_id, page_number, path, change, was, now)
VALUES (%(stream_id)s, %(slice_id)s, %(run_id)s, %(page_number)s, %(path)s, %(change)s, %(was)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: read_drift
-- What a run has found, or a part of its pages, in the order in which it was found.
SELECT path, change, was, now FROM ingestion_field_drift
WHERE run_id = %(run_id)s AND page_number BETWEEN %(first_page)s AND %(last_page)s
ORDER BY drift_id;

-- name: has_drifted
SELECT EXISTS (SELECT FROM ingestion_field_drift WHERE run_id = %(run_id)s);

-- name: accept_drift
UPDATE ingestion_field_drift AS drift SET accepted_at = now()
FROM ingestion_state AS slice
WHERE slice.id = drift.slice_id AND drift.accepted_at IS NULL
  AND drift.stream_id = %(stream_id)s AND (%(slices)s::text[] IS NULL OR slice.slice = ANY(%(slices)s));
