-- name: read_parent
-- Whether a run has ever committed anything of it, and whether all of its slices were complete once.
SELECT stream.table_schema, stream.table_name, stream.is_sliced,
       coalesce(bool_or(state.pass_status <> 'new'), false) AS has_begun,
       coalesce(bool_or(state.completed_at IS NULL), true) AS is_unproven
FROM ingestion_streams AS stream LEFT JOIN ingestion_state AS state USING (stream_id)
WHERE stream.name = %(stream)s
GROUP BY stream.stream_id;

-- name: has_deletions
SELECT EXISTS (
    SELECT FROM pg_attribute
    WHERE attrelid = to_regclass(%(table)s) AND attname = 'deleted_at' AND NOT attisdropped
) AS exists;

-- name: read_parent_values
-- One row for each different set of values.
SELECT coalesce(state.slice, '{{}}') AS slice, found.values, found.count
FROM (
    SELECT {slice} AS slice_id, jsonb_build_array({values}) AS values, count(*) AS count
    FROM {table} WHERE {stored} GROUP BY 1, 2
) AS found LEFT JOIN ingestion_state AS state ON state.id = found.slice_id
ORDER BY found.values, slice;
