-- name: dashboard_streams
-- The streams that were written last, each with the newest run that walks its feed: a replay says nothing of it.
SELECT s.id, s.stream, s.slice, s.total_ingested, s.total_rejected, s.total_filtered, s.updated_at, s.completed_at,
       s.pass_number, s.pass_kind, s.pass_status, s.pass_started_at, s.pass_expected_total, s.walk,
       s.oldest_occurred_at, s.newest_occurred_at, s.lease_owner, s.lease_run_id, s.lease_acquired_at, s.lease_expires_at,
       newest.run_id AS newest_run_id, count(*) OVER () AS streams, now() AS read_at
FROM ingestion_state AS s
LEFT JOIN LATERAL (
    SELECT r.run_id FROM ingestion_runs AS r
    WHERE r.slice_id = s.id AND r.pass_kind <> 'replay'
    ORDER BY r.run_id DESC
    LIMIT 1
) AS newest ON true
ORDER BY s.updated_at DESC, s.id
LIMIT %(limit)s;

-- name: dashboard_runs
-- One page of runs, newest first. NULL filters nothing.
SELECT r.run_id, r.stream, r.status, r.reason, r.detail, r.owner, r.version, r.pass_number, r.pass_kind, r.started_at,
       r.heartbeat_at, r.ended_at, r.pages, r.events, r.inserted, r.duplicates, r.rejected, r.filtered, r.conflicts, r.bytes,
       r.retries, r.waited_ms, r.expected_total, s.lease_run_id = r.run_id AS holds_lease, s.lease_run_id,
       s.lease_expires_at, greatest(c.closed_until, c.advised_until) AS closed_until, now() AS read_at
FROM ingestion_runs AS r
LEFT JOIN ingestion_state AS s ON s.id = r.slice_id
LEFT JOIN ingestion_credentials AS c ON c.credential_id = s.credential_id
WHERE (%(stream)s::text IS NULL OR r.stream = %(stream)s)
  AND (%(status)s::text IS NULL OR r.status = %(status)s)
  AND (%(before)s::bigint IS NULL OR r.run_id < %(before)s)
ORDER BY r.run_id DESC
LIMIT %(limit)s;

-- name: dashboard_runs_by_id
SELECT r.run_id, r.stream, r.status, r.reason, r.detail, r.owner, r.version, r.pass_number, r.pass_kind, r.started_at,
       r.heartbeat_at, r.ended_at, r.pages, r.events, r.inserted, r.duplicates, r.rejected, r.filtered, r.conflicts, r.bytes,
       r.retries, r.waited_ms, r.expected_total, s.lease_run_id = r.run_id AS holds_lease, s.lease_run_id,
       s.lease_expires_at, greatest(c.closed_until, c.advised_until) AS closed_until, now() AS read_at
FROM ingestion_runs AS r
LEFT JOIN ingestion_state AS s ON s.id = r.slice_id
LEFT JOIN ingestion_credentials AS c ON c.credential_id = s.credential_id
WHERE r.run_id = ANY(%(run_ids)s);

-- name: dashboard_recent_pages
-- The last minutes of each of these runs, from its newest ledger rows alone: 200 rows a run, found by index.
-- What lies before the first commit of the window is not counted, since nobody knows how long it took.
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
SELECT stream, reason, count(*) AS events, count(replayed_at) AS replayed, max(rejected_at) AS last_at
FROM rejected_events
GROUP BY stream, reason
ORDER BY events DESC, stream, reason
LIMIT %(limit)s;

-- name: dashboard_rejected
-- One page of dead letters, newest first. Only the head of the bytes leaves the database, with the full size told.
SELECT rejected_id, stream, run_id, page_number, position, reason, left(detail, %(limit_chars)s) AS detail,
       substring(raw FROM 1 FOR %(limit_bytes)s) AS head, octet_length(raw) AS bytes, rejected_at, replayed_at
FROM rejected_events
WHERE (%(stream)s::text IS NULL OR stream = %(stream)s)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(before)s::bigint IS NULL OR rejected_id < %(before)s)
ORDER BY rejected_id DESC
LIMIT %(limit)s;

-- name: dashboard_events_size
-- Read from the file system's own account, whatever the size, and from the books, which are a row a stream.
SELECT pg_relation_size('ingested_events') AS bytes,
       (SELECT coalesce(sum(total_ingested), 0)::bigint FROM ingestion_state) AS booked;

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
        FROM ingested_events TABLESAMPLE SYSTEM (%(percent)s) REPEATABLE (1)
        WHERE (%(since)s::timestamptz IS NULL OR ingested_at >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR ingested_at <= %(until)s)
    ) AS sampled
    GROUP BY GROUPING SETS ((day), (type), ())
) AS counted
WHERE place <= %(limit)s
ORDER BY kind, place;
