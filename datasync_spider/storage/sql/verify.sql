-- name: plan_without_sorting
-- For the one pass over the events, in this transaction only. The planner knows nothing of how few days and types there
-- are; left to itself it would sort all events on disk to sum them up.
SELECT set_config('enable_sort', 'off', true);

-- name: plan_with_sorting
-- Everything else is sorted by what a slice has: in the order of an index it would be read between what all others have.
SELECT set_config('enable_sort', 'on', true);

-- name: verify_totals
-- What the slice's row and its runs claim. Earlier runs than first_run_id count rows that are no longer in the table.
SELECT now() AS read_at, state.cursor, state.walk AS chain, state.pass_number, state.pass_status, state.pass_expected_total,
       state.pass_since_at::text AS pass_since_at, state.pass_window_total,
       state.total_ingested, state.total_rejected, state.total_filtered, state.total_adopted,
       runs.inserted AS all_inserted,
       -- Where others have stored rows as well, theirs were not there before the first run.
       CASE WHEN state.total_adopted > 0 THEN (SELECT min(started_at)::text FROM ingestion_runs)
            ELSE runs.first_started_at END AS first_started_at,
       letters.open AS open_dead_letters, letters.replayed AS resolved_dead_letters, replays.settled AS resolved_by_replays
FROM ingestion_state AS state
CROSS JOIN LATERAL (
    SELECT coalesce(sum(inserted), 0)::bigint AS inserted, min(started_at)::text AS first_started_at
    FROM ingestion_runs WHERE slice_id = state.id AND run_id >= state.first_run_id
) AS runs
CROSS JOIN (
    SELECT count(*) FILTER (WHERE replayed_at IS NULL) AS open, count(replayed_at) AS replayed
    FROM rejected_events WHERE slice_id = %(slice_id)s
) AS letters
CROSS JOIN LATERAL (
    SELECT coalesce(sum(inserted + duplicates), 0)::bigint AS settled
    FROM ingestion_runs WHERE slice_id = state.id AND pass_kind = 'replay'
) AS replays
WHERE state.id = %(slice_id)s;

-- name: verify_last_complete
-- What item pipelines left out in its pass is forgotten by the stream's row as soon as another pass begins. Of what is
-- forgotten altogether, no run was complete.
SELECT run_id, expected_total,
       (SELECT sum(filtered)::bigint FROM ingestion_runs AS same
        WHERE same.slice_id = run.slice_id AND same.pass_number = run.pass_number) AS filtered
FROM ingestion_runs AS run
WHERE slice_id = %(slice_id)s AND status = 'complete' AND pass_kind NOT IN ('replay', 'backfill')
  AND run_id >= (SELECT first_run_id FROM ingestion_state WHERE id = %(slice_id)s)
ORDER BY run_id DESC
LIMIT 1;

-- name: verify_marks
-- Microseconds since 1970, so that times beyond any calendar compare as well.
SELECT (extract(epoch FROM oldest_occurred_at) * 1000000)::bigint AS oldest_us, oldest_event_id AS oldest_id,
       (extract(epoch FROM newest_occurred_at) * 1000000)::bigint AS newest_us, newest_event_id AS newest_id
FROM ingestion_state WHERE id = %(slice_id)s;

-- name: verify_events
-- The one pass over the events: everything that is counted is counted here. The newest days and the most frequent types
-- are given, and the whole.
WITH counted AS MATERIALIZED (
    SELECT (occurred_at AT TIME ZONE 'UTC')::date AS day, left(payload ->> 'type', 100) AS type, count(*) AS events,
           count(*) FILTER (WHERE ingested_at < coalesce(%(first_started_at)s::timestamptz, 'infinity')) AS unbooked,
           count(*) FILTER (WHERE event_id COLLATE "C" ~ '[A-F]') AS with_capitals,
           min(occurred_at) AS oldest_at, max(occurred_at) AS newest_at
    FROM {table}
    WHERE {of_slice}
    GROUP BY 1, 2
)
SELECT kind, day, type, events, unbooked, with_capitals, oldest_at, newest_at,
       CASE WHEN isfinite(oldest_at::timestamptz) THEN (extract(epoch FROM oldest_at::timestamptz) * 1000000)::bigint END
           AS oldest_us,
       CASE WHEN isfinite(newest_at::timestamptz) THEN (extract(epoch FROM newest_at::timestamptz) * 1000000)::bigint END
           AS newest_us
FROM (
    SELECT CASE GROUPING(day, type) WHEN 1 THEN 'day' WHEN 2 THEN 'type' ELSE 'all' END AS kind, day::text AS day, type,
           coalesce(sum(events), 0)::bigint AS events, coalesce(sum(unbooked), 0)::bigint AS unbooked,
           coalesce(sum(with_capitals), 0)::bigint AS with_capitals,
           min(oldest_at)::text AS oldest_at, max(newest_at)::text AS newest_at,
           row_number() OVER (
               PARTITION BY GROUPING(day, type)
               ORDER BY CASE WHEN GROUPING(day, type) = 1 THEN day END DESC NULLS LAST, sum(events) DESC, type
           ) AS place
    FROM counted
    GROUP BY GROUPING SETS ((day), (type), ())
) AS summed
WHERE place <= %(limit)s
ORDER BY kind, place;

-- name: verify_replaced
-- Rows that were there before the first run and are there in a later version, which has come with a run.
SELECT count(DISTINCT event_id) AS unbooked
FROM {history} AS earlier
WHERE {of_slice} AND valid_from < coalesce(%(first_started_at)s::timestamptz, 'infinity') AND EXISTS (
    SELECT FROM {table} AS stored
    WHERE {of_slice} AND stored.event_id = earlier.event_id AND stored.ingested_at >= %(first_started_at)s::timestamptz
);

-- name: verify_ends
-- The ids at both ends of the table: an event at least as old, or as new, as all others.
SELECT min(event_id COLLATE "C") FILTER (WHERE occurred_at = %(oldest_at)s::timestamptz) AS oldest_id,
       max(event_id COLLATE "C") FILTER (WHERE occurred_at = %(newest_at)s::timestamptz) AS newest_id
FROM {table}
WHERE {of_slice} AND occurred_at IN (%(oldest_at)s::timestamptz, %(newest_at)s::timestamptz);

-- name: verify_spellings
-- UUIDs that are stored in more than one spelling. To the API's other ids case may matter.
SELECT count(*) OVER () AS found, lowered
FROM (
    SELECT event_id, lower(event_id COLLATE "C") AS lowered
    FROM {table}
    WHERE {of_slice} AND event_id COLLATE "C" ~ '[A-F]'
      AND event_id COLLATE "C" ~ '^[0-9A-Fa-f]{{8}}-([0-9A-Fa-f]{{4}}-){{3}}[0-9A-Fa-f]{{12}}$'
) AS spelt
GROUP BY lowered
HAVING count(*) > 1 OR EXISTS (
    SELECT FROM {table} AS plain WHERE {of_slice} AND plain.event_id = spelt.lowered
)
ORDER BY lowered
LIMIT %(limit)s;

-- name: verify_ledger
-- Each run's claims beside the sums of its pages. What cannot be wrong in a run without pages is not looked at. The pages of
-- ended passes may have been deleted, the oldest first: they are missing before the oldest one that is left.
WITH ledger AS (
    SELECT run_id, count(*) AS pages, min(page_number) AS first_page, max(page_number) AS last_page,
           sum(events)::bigint AS events, sum(inserted)::bigint AS inserted, sum(duplicates)::bigint AS duplicates,
           sum(rejected)::bigint AS rejected, sum(filtered)::bigint AS filtered, sum(bytes)::bigint AS bytes
    FROM ingestion_pages
    WHERE slice_id = %(slice_id)s
    GROUP BY run_id
),
judged AS (
    SELECT run.run_id, run.pages, ledger.pages AS found_pages, ledger.first_page, ledger.last_page,
           run.inserted, ledger.inserted AS found_inserted,
           run.pass_number < state.pass_number AND run.run_id <= coalesce(oldest.run_id, run.run_id) AS may_be_cut,
           ledger.run_id IS NULL AS is_gone,
           (ledger.events, ledger.inserted, ledger.duplicates, ledger.rejected, ledger.filtered, ledger.bytes)
               IS DISTINCT FROM (run.events, run.inserted, run.duplicates, run.rejected, run.filtered, run.bytes)
               AS differs
    FROM ingestion_runs AS run
    JOIN ingestion_state AS state ON state.id = run.slice_id
    CROSS JOIN (SELECT min(run_id) AS run_id FROM ledger) AS oldest
    LEFT JOIN ledger ON ledger.run_id = run.run_id
    WHERE run.slice_id = %(slice_id)s AND (run.pages > 0 OR ledger.run_id IS NOT NULL)
),
flagged AS (
    SELECT *,
           CASE WHEN is_gone THEN NOT may_be_cut
                ELSE last_page <> pages OR found_pages <> last_page - first_page + 1
                     OR (first_page <> 1 AND NOT may_be_cut) END AS has_holes,
           NOT is_gone AND first_page = 1 AND differs AS does_not_add_up
    FROM judged
)
SELECT count(*) OVER () AS runs, count(*) FILTER (WHERE is_gone OR first_page > 1) OVER () AS cut,
       coalesce(sum(found_pages) OVER (), 0)::bigint AS all_pages,
       count(*) FILTER (WHERE has_holes) OVER () AS with_holes, count(*) FILTER (WHERE does_not_add_up) OVER () AS not_adding,
       run_id, pages, found_pages, first_page, last_page, inserted, found_inserted, has_holes, does_not_add_up
FROM flagged
ORDER BY has_holes OR does_not_add_up DESC, run_id
LIMIT %(limit)s;

-- name: verify_lines
-- A page's events are all accounted for. An item pipeline may add some, so there may be more of them, never less.
SELECT count(*) OVER () AS found, run_id, page_number
FROM ingestion_pages
WHERE slice_id = %(slice_id)s AND events > inserted + duplicates + rejected + filtered
ORDER BY run_id, page_number
LIMIT %(limit)s;

-- name: verify_chain
-- Within a chain each page was asked for with the cursor that the page before it gave, also across runs. A chain begins at the
-- head, or with what its pass has begun with; otherwise only where its beginning was deleted, or where a database was adopted
-- in the middle of the feed. A backfill has chains of its own, in each run anew.
SELECT count(*) OVER () AS found, run_id, page_number
FROM (
    SELECT page.run_id, page.page_number, page.pass_number, page.walk, page.cursor, run.start_cursor,
           first_value(run.start_cursor) OVER (
               PARTITION BY page.pass_number ORDER BY page.run_id, page.page_number
           ) AS began_with,
           lag(page.next_cursor) OVER walked AS expected, row_number() OVER walked AS place,
           row_number() OVER (ORDER BY page.run_id, page.page_number) AS place_of_all
    FROM ingestion_pages AS page
    JOIN ingestion_runs AS run ON run.run_id = page.run_id
    WHERE page.slice_id = %(slice_id)s
    WINDOW walked AS (
        PARTITION BY page.pass_number, page.walk, CASE WHEN run.pass_kind = 'backfill' THEN run.run_id END
        ORDER BY page.run_id, page.page_number
    )
) AS chained
WHERE CASE
    WHEN place > 1 THEN expected IS NULL OR cursor IS DISTINCT FROM expected
    WHEN cursor IS NULL OR cursor = began_with OR (place_of_all = 1 AND pass_number < %(pass_number)s) THEN false
    ELSE NOT (place_of_all = 1 AND pass_number = 1 AND page_number = 1 AND cursor = start_cursor)
END
ORDER BY run_id, page_number
LIMIT %(limit)s;

-- name: verify_last_page
-- Of those that the position may come from. By the slice's runs, newest first, since the newest pages of all may be those
-- of others.
SELECT page.run_id, page.page_number, page.pass_number, page.walk, page.cursor, page.next_cursor
FROM ingestion_state AS state
JOIN ingestion_runs AS run
    ON run.slice_id = state.id AND run.run_id >= state.first_run_id AND run.pass_kind <> 'backfill'
CROSS JOIN LATERAL (
    SELECT * FROM ingestion_pages
    WHERE run_id = run.run_id
    ORDER BY page_number DESC
    LIMIT 1
) AS page
WHERE state.id = %(slice_id)s
ORDER BY run.run_id DESC
LIMIT 1;
