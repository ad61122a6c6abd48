-- name: read_horizon
-- Before a snapshot is taken: whatever is not in it, and is committed later, was stored by a transaction that began at this
-- time or after it.
SELECT least(clock_timestamp(), min(xact_start)) FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();

-- name: measure_numerics
-- Of each numeric column the digits behind the point and before it, and whether it has a value that has no digits.
SELECT {measures} FROM {relation} WHERE {since};

-- name: measure_numeric
coalesce(max(scale({name})), 0), coalesce(max(length(trunc(abs({name}))::text)), 0),
    coalesce(bool_or({name} IS NOT NULL AND scale({name}) IS NULL), false)

-- name: export_rows
SELECT {columns} FROM {relation} WHERE {since};

-- name: export_csv
COPY (SELECT {columns} FROM {relation} WHERE {since}) TO STDOUT (FORMAT csv, HEADER);

-- name: export_lines
-- As CSV with marks that no JSON holds, so that nothing is quoted: the text format would double each backslash.
COPY (SELECT row_to_json(exported) FROM (SELECT {columns} FROM {relation} WHERE {since}) AS exported)
TO STDOUT (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');

-- name: time_as_text
-- As JSON has it.
to_json({name}) #>> '{{}}' AS {name}

-- name: time_as_microseconds
-- Exact; an infinite one is none.
CASE WHEN isfinite({name}) THEN (extract(epoch FROM {name}) * 1000000)::bigint END AS {name}

-- name: column_as_text
{name}::text AS {name}
