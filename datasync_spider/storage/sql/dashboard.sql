-- name: dashboard_streams_found
-- One page of those slices whose stream's or own name holds the text, whatever its case, in the order in which they were
-- made. NULL filters nothing.
SELECT facts.*
FROM (
    SELECT id FROM ingestion_state
    WHERE id > %(after)s
      AND (%(slice_ids)s::bigint[] IS NULL OR id = ANY(%(slice_ids)s))
      AND (%(text)s::text IS NULL OR strpos(lower(stream || ' ' || slice), lower(%(text)s)) > 0)
    ORDER BY id
    LIMIT %(limit)s
) AS shown
JOIN ingestion_stream_facts AS facts USING (id)
ORDER BY facts.id;

-- name: dashboard_chosen
-- What a name of a stream, or of one of its slices, stands for: their numbers, the table, and how many rows they recorded.
SELECT stream.name AS stream, stream.table_schema, stream.table_name, stream.is_sliced,
       array_agg(slice.id ORDER BY slice.id) AS slice_ids, sum(slice.total_ingested)::bigint AS booked
FROM ingestion_streams AS stream JOIN ingestion_state AS slice USING (stream_id)
WHERE stream.name = %(stream)s AND (%(slice)s::text IS NULL OR slice.slice = %(slice)s)
GROUP BY stream.stream_id;

-- name: dashboard_written_last
-- Of the streams that have stored anything; of all where none has.
SELECT stream FROM ingestion_state ORDER BY total_ingested = 0, updated_at DESC, id LIMIT 1;

-- name: dashboard_run_ids
-- One page of all runs, newest first. NULL filters nothing.
SELECT run_id FROM ingestion_runs
WHERE (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(before)s::bigint IS NULL OR run_id < %(before)s)
ORDER BY run_id DESC
LIMIT %(limit)s;

-- name: dashboard_run_ids_of_slices
-- The same of these slices, by the index of each: how many runs others have makes no difference.
SELECT newest.run_id
FROM unnest(%(slice_ids)s::bigint[]) AS chosen (slice_id)
CROSS JOIN LATERAL (
    SELECT run_id FROM ingestion_runs
    WHERE slice_id = chosen.slice_id
      AND (%(status)s::text IS NULL OR status = %(status)s)
      AND (%(before)s::bigint IS NULL OR run_id < %(before)s)
    ORDER BY run_id DESC
    LIMIT %(limit)s
) AS newest
ORDER BY newest.run_id DESC
LIMIT %(limit)s;

-- name: dashboard_runs_by_id
SELECT * FROM ingestion_run_facts WHERE run_id = ANY(%(run_ids)s);

-- name: dashboard_recent_pages
-- The last minutes of each of these runs, from its newest ledger rows alone: 200 rows a run, found by index.
-- What lies before the first commit of the window is not counted, since no one knows how long it took.
SELECT run.run_id, recent.*
FROM unnest(%(run_ids)s::bigint[]) AS run (run_id)
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE is_recent) AS pages,
           min(committed_at) FILTER (WHERE is_recent) AS first_at,
           max(committed_at) AS last_at,
           coalesce(sum(events) FILTER (WHERE is_recent AND committed_at > earliest_at), 0)::bigint AS events,
           coalesce(sum(inserted + rejected + filtered) FILTER (WHERE is_recent AND committed_at > earliest_at), 0)::bigint
               AS accounted,
           coalesce(max(waited_ms) FILTER (WHERE is_recent), 0) AS longest_wait_ms
    FROM (
        SELECT *, min(committed_at) FILTER (WHERE is_recent) OVER () AS earliest_at
        FROM (
            SELECT committed_at, events, inserted, rejected, filtered, waited_ms,
                   committed_at > now() - INTERVAL '10 minutes' AS is_recent
            FROM ingestion_pages
            WHERE run_id = run.run_id
            ORDER BY page_number DESC
            LIMIT 200
        ) AS newest
    ) AS windowed
) AS recent;

-- name: dashboard_series
-- The ledger behind one page, in buckets of equal width counted from the run's start. Pages are committed in the order of
-- their numbers, so what lies behind the last number that was read is exactly what is new.
SELECT greatest(floor(date_part('epoch', committed_at - %(origin)s) / %(width_seconds)s), 0)::int AS bucket,
       count(*) AS pages, sum(events) AS events, sum(inserted) AS inserted, sum(duplicates) AS duplicates,
       sum(rejected) AS rejected, sum(filtered) AS filtered,
       sum(fetch_ms) AS fetch_ms, max(fetch_ms) AS fetch_max_ms, sum(write_ms) AS write_ms, max(write_ms) AS write_max_ms,
       sum(waited_ms)::bigint AS waited_ms, sum(greatest(attempts - 1, 0)) AS retries, max(page_number) AS last_page
FROM ingestion_pages
WHERE run_id = %(run_id)s AND page_number > %(after_page)s
GROUP BY bucket
ORDER BY bucket;

-- name: dashboard_rejected_groups
SELECT counted.*, state.stream, state.slice
FROM (
    SELECT slice_id, reason, count(*) AS events, count(replayed_at) AS replayed, max(rejected_at) AS last_at
    FROM rejected_events
    GROUP BY slice_id, reason
) AS counted
JOIN ingestion_state AS state ON state.id = counted.slice_id
ORDER BY counted.events DESC, state.stream, state.slice, counted.reason
LIMIT %(limit)s;

-- name: dashboard_dead_letter_ids
-- One page of all dead letters, newest first. NULL filters nothing.
SELECT rejected_id FROM rejected_events
WHERE (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(before)s::bigint IS NULL OR rejected_id < %(before)s)
ORDER BY rejected_id DESC
LIMIT %(limit)s;

-- name: dashboard_dead_letter_ids_of_slices
-- The same of these slices, by the index of each: how many others have makes no difference.
SELECT newest.rejected_id
FROM unnest(%(slice_ids)s::bigint[]) AS chosen (slice_id)
CROSS JOIN LATERAL (
    SELECT rejected_id FROM rejected_events
    WHERE slice_id = chosen.slice_id
      AND (%(reason)s::text IS NULL OR reason = %(reason)s)
      AND (%(before)s::bigint IS NULL OR rejected_id < %(before)s)
    ORDER BY rejected_id DESC
    LIMIT %(limit)s
) AS newest
ORDER BY newest.rejected_id DESC
LIMIT %(limit)s;

-- name: dashboard_dead_letters_by_id
-- Only the head of the bytes leaves the database, and their full size.
SELECT letter.rejected_id, letter.stream, state.slice, letter.run_id, letter.page_number, letter.position, letter.reason,
       left(letter.detail, %(limit_chars)s) AS detail, substring(letter.raw FROM 1 FOR %(limit_bytes)s) AS head,
       octet_length(letter.raw) AS bytes, letter.rejected_at, letter.replayed_at
FROM rejected_events AS letter
JOIN ingestion_state AS state ON state.id = letter.slice_id
WHERE letter.rejected_id = ANY(%(rejected_ids)s)
ORDER BY letter.rejected_id DESC;

-- name: dashboard_events_size
-- Read from the file system's own account, whatever the size.
SELECT pg_relation_size(to_regclass(concat_ws('.', quote_ident(%(schema)s), quote_ident(%(name)s)))) AS bytes;

-- name: dashboard_events_counts
-- Days, types and the whole in one pass over a share of the table's blocks. SYSTEM reads whole blocks and leaves the others
-- unread; a fixed seed, so that a repeated count does not jitter. The newest days and the most frequent types are given;
-- a time that no calendar shows is none.
SELECT kind, day, type, events
FROM (
    SELECT CASE GROUPING(day, type) WHEN 1 THEN 'day' WHEN 2 THEN 'type' ELSE 'all' END AS kind,
           to_char(day, 'YYYY-MM-DD') AS day,
           type,
           count(*) AS events,
           row_number() OVER (
               PARTITION BY GROUPING(day, type)
               ORDER BY CASE WHEN GROUPING(day, type) = 1 THEN day END DESC NULLS FIRST, count(*) DESC, type
           ) AS place
    FROM (
        SELECT CASE WHEN occurred_at >= '0001-01-01 UTC' AND occurred_at < '10000-01-01 UTC'
                    THEN (occurred_at AT TIME ZONE 'UTC')::date END AS day,
               left(payload ->> 'type', 200) AS type
        FROM {table} TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (1)
        WHERE {of_slice}
          AND (%(since)s::timestamptz IS NULL OR ingested_at >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR ingested_at <= %(until)s)
    ) AS sampled
    GROUP BY GROUPING SETS ((day), (type), ())
) AS counted
WHERE place <= %(limit)s
ORDER BY kind, place;
