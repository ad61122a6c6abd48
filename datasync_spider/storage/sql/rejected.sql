-- name: count_dead_letters
-- How many dead letters are open, and how many a replay has resolved. NULL filters nothing.
SELECT count(*) FILTER (WHERE replayed_at IS NULL) AS open, count(replayed_at) AS replayed
FROM rejected_events
WHERE slice_id = %(slice_id)s
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(run_id)s::bigint IS NULL OR run_id = %(run_id)s);

-- name: read_dead_letter_groups
-- The largest group first, each with the head of its newest dead letter. Sizes are known without reading the bytes.
SELECT grouped.reason, grouped.dead_letters, grouped.replayed, grouped.size_bytes, grouped.first_at, grouped.last_at,
       grouped.example_id, substring(example.raw FROM 1 FOR %(head_bytes)s) AS head,
       octet_length(example.raw) AS example_bytes
FROM (
    SELECT reason, count(*) AS dead_letters, count(replayed_at) AS replayed, sum(octet_length(raw))::bigint AS size_bytes,
           min(rejected_at) AS first_at, max(rejected_at) AS last_at, max(rejected_id) AS example_id
    FROM rejected_events
    WHERE slice_id = %(slice_id)s
      AND (%(with_replayed)s OR replayed_at IS NULL)
      AND (%(reason)s::text IS NULL OR reason = %(reason)s)
      AND (%(run_id)s::bigint IS NULL OR run_id = %(run_id)s)
    GROUP BY reason
) AS grouped
JOIN rejected_events AS example ON example.rejected_id = grouped.example_id
ORDER BY grouped.dead_letters DESC, grouped.reason;

-- name: read_dead_letter_list
-- The newest first. Only the head of the bytes leaves the database, and their full size.
SELECT rejected_id, run_id, page_number, position, reason, left(detail, %(head_bytes)s) AS detail,
       substring(raw FROM 1 FOR %(head_bytes)s) AS head, octet_length(raw) AS size_bytes, rejected_at, replayed_at
FROM rejected_events
WHERE slice_id = %(slice_id)s
  AND (%(with_replayed)s OR replayed_at IS NULL)
  AND (%(reason)s::text IS NULL OR reason = %(reason)s)
  AND (%(run_id)s::bigint IS NULL OR run_id = %(run_id)s)
ORDER BY rejected_id DESC
LIMIT %(limit)s;

-- name: read_dead_letter_bytes
SELECT raw FROM rejected_events WHERE slice_id = %(slice_id)s AND rejected_id = %(rejected_id)s;

-- name: scan_dead_letters
-- Along the slice's index, piece by piece. Left to itself the planner would gather all dead letters of the slice and sort them,
-- anew for each piece. For this transaction only.
SELECT set_config('enable_sort', 'off', true), set_config('jit', 'off', true);

-- name: read_dead_letters_after
-- The next dead letters in the order in which they came: so many, or so many bytes of them, and at least one. Which of them
-- fit is decided by their sizes, so that only the bytes of those are read.
SELECT rejected_id, reason, raw, raw_sha256, replayed_at IS NOT NULL AS replayed
FROM (
    SELECT rejected_id, reason, raw, raw_sha256, replayed_at,
           sum(octet_length(raw)) OVER (ORDER BY rejected_id) - octet_length(raw) AS bytes_before
    FROM (
        SELECT rejected_id, reason, raw, raw_sha256, replayed_at
        FROM rejected_events
        WHERE slice_id = %(slice_id)s AND rejected_id > %(after)s
          AND (%(with_replayed)s OR replayed_at IS NULL)
          AND (%(reason)s::text IS NULL OR reason = %(reason)s)
        ORDER BY rejected_id
        LIMIT %(max_rows)s
    ) AS following
) AS measured
WHERE bytes_before < %(max_bytes)s
ORDER BY rejected_id;

-- name: find_stored
SELECT event_id FROM {table} WHERE event_id = ANY(%(event_ids)s) AND {of_slice};
