-- name: copy_straight
-- Fastest; fails as a whole where one key exists.
COPY {table} ({columns}) FROM STDIN (FORMAT binary);

-- name: create_staging
-- Gone with the transaction, so that it needs no session of its own behind a pooler. With its schema, since pg_temp is
-- searched last: a table of that name beside ours is another one.
CREATE TEMPORARY TABLE pg_temp.staged_events (
    event_id     TEXT NOT NULL,
    occurred_at  TIMESTAMPTZ NULL,
    payload      JSONB NOT NULL
) ON COMMIT DROP;

-- name: copy_staged
COPY pg_temp.staged_events (event_id, occurred_at, payload) FROM STDIN (FORMAT binary);

-- name: merge_staged
-- First wins. Gives the ids that were new; rows are counted through RETURNING, which holds on sharded servers too.
WITH merged AS (
    INSERT INTO {table} ({columns})
    SELECT {staged} FROM pg_temp.staged_events
    ON CONFLICT ({key}) DO NOTHING
    RETURNING event_id
)
SELECT event_id FROM merged;

-- name: insert_rejected
-- Gives one row for each that was not kept before.
INSERT INTO rejected_events (slice_id, stream, run_id, page_number, position, reason, detail, raw, raw_sha256, twin)
VALUES %s
ON CONFLICT (slice_id, raw_sha256, twin) DO NOTHING
RETURNING page_number, twin;

-- name: read_chain
-- How far the chain has come: the last one that has met a record with an id, and one from before the pass. The pass before
-- this one was counted from its head on where it is not older than counted_from_pass.
SELECT named_walk, known_walk, counted_from_pass FROM ingestion_state WHERE id = %(slice_id)s;

-- name: was_read
-- Whether this chain has a page of this cursor already: the last page of a pass that was refused its verdict is asked for
-- again.
SELECT EXISTS (
    SELECT FROM ingestion_pages
    WHERE slice_id = %(slice_id)s AND pass_number = %(pass_number)s AND walk = %(walk)s
      AND cursor IS NOT DISTINCT FROM %(cursor)s
);

-- name: read_seen
-- How far these bytes have been counted, and by which chain.
SELECT raw_sha256, seen_pass, seen_walk, seen, seen_at_head, seen_before
FROM rejected_events
WHERE slice_id = %(slice_id)s AND raw_sha256 = ANY(%(digests)s) AND twin = 1;

-- name: count_kept
-- What a backfill has kept since is left out: the pass has yet to meet it.
SELECT raw_sha256, max(twin) FROM rejected_events
WHERE slice_id = %(slice_id)s AND raw_sha256 = ANY(%(digests)s) AND rejected_at < %(before)s
GROUP BY raw_sha256;

-- name: save_seen
UPDATE rejected_events AS letter
SET seen_pass = counted.seen_pass, seen_walk = counted.seen_walk, seen = counted.seen,
    seen_at_head = counted.seen_at_head, seen_before = counted.seen_before
FROM (VALUES %s) AS counted (slice_id, raw_sha256, seen_pass, seen_walk, seen, seen_at_head, seen_before)
WHERE letter.slice_id = counted.slice_id AND letter.raw_sha256 = counted.raw_sha256 AND letter.twin = 1;

-- name: read_backfill_seen
-- How far a chain of this backfill has counted these bytes.
SELECT raw_sha256, backfill_walk, backfill_seen
FROM rejected_events
WHERE slice_id = %(slice_id)s AND raw_sha256 = ANY(%(digests)s) AND twin = 1 AND backfill_run = %(run_id)s;

-- name: save_backfill_seen
UPDATE rejected_events AS letter
SET backfill_run = counted.run_id, backfill_walk = counted.walk, backfill_seen = counted.seen
FROM (VALUES %s) AS counted (slice_id, raw_sha256, run_id, walk, seen)
WHERE letter.slice_id = counted.slice_id AND letter.raw_sha256 = counted.raw_sha256 AND letter.twin = 1;

-- name: checkpoint
-- The step that makes a batch count. Touches exactly one row while the fence is ours and the batch follows the run's last
-- one without a gap, and none otherwise.
UPDATE ingestion_state
SET cursor = %(cursor)s,
    -- Several chains of cursors may go on side by side, each of a number of its own.
    walk = GREATEST(walk, %(walk)s),
    -- A pass whose bookmark the API has no use for has begun anew at the head.
    pass_kind = CASE WHEN %(is_widened)s THEN 'full' ELSE pass_kind END,
    bookmark = CASE WHEN %(is_widened)s THEN NULL ELSE bookmark END,
    checkpoint_page = %(last_page)s,
    total_ingested = total_ingested + %(inserted)s,
    total_rejected = total_rejected + %(newly_rejected)s,
    -- Of this chain alone: a second chain meets what was filtered again, and it must not be counted twice.
    total_filtered = CASE WHEN %(walk)s > walk THEN 0 ELSE total_filtered END + %(filtered)s,
    named_walk = CASE WHEN %(is_named)s THEN %(walk)s ELSE named_walk END,
    known_walk = CASE WHEN %(is_known)s THEN %(walk)s ELSE known_walk END,
    pass_status = 'open',
    pass_expected_total = COALESCE(%(expected_total)s, pass_expected_total),
    pass_oldest_at = LEAST(pass_oldest_at, %(oldest_at)s),
    pass_in_order = pass_in_order AND %(in_order)s,
    oldest_occurred_at = CASE WHEN COALESCE((%(oldest_at)s::timestamptz, %(oldest_id)s::text COLLATE "C") < (oldest_occurred_at, oldest_event_id), %(oldest_at)s IS NOT NULL) THEN %(oldest_at)s ELSE oldest_occurred_at END,
    oldest_event_id = CASE WHEN COALESCE((%(oldest_at)s::timestamptz, %(oldest_id)s::text COLLATE "C") < (oldest_occurred_at, oldest_event_id), %(oldest_at)s IS NOT NULL) THEN %(oldest_id)s ELSE oldest_event_id END,
    newest_occurred_at = CASE WHEN COALESCE((%(newest_at)s::timestamptz, %(newest_id)s::text COLLATE "C") > (newest_occurred_at, newest_event_id), %(newest_at)s IS NOT NULL) THEN %(newest_at)s ELSE newest_occurred_at END,
    newest_event_id = CASE WHEN COALESCE((%(newest_at)s::timestamptz, %(newest_id)s::text COLLATE "C") > (newest_occurred_at, newest_event_id), %(newest_at)s IS NOT NULL) THEN %(newest_id)s ELSE newest_event_id END,
    updated_at = now(),
    lease_expires_at = GREATEST(lease_expires_at, now() + %(lease_ttl_ms)s * INTERVAL '1 millisecond')
WHERE id = %(slice_id)s AND fence = %(fence)s AND lease_run_id = %(run_id)s
  AND checkpoint_page = %(first_page)s - 1
RETURNING total_ingested, total_rejected, total_filtered, pass_expected_total;

-- name: checkpoint_backfill
-- The same for a batch of a backfill, which belongs to no pass: position, chain and whatever else is the pass's stay, and so
-- does its status. Of the totals and the watermarks the slice's own are kept exact. Gives no total to compare with: the one
-- that the API reports of a window is not the stream's.
UPDATE ingestion_state
SET checkpoint_page = %(last_page)s,
    total_ingested = total_ingested + %(inserted)s,
    total_rejected = total_rejected + %(newly_rejected)s,
    (oldest_occurred_at, oldest_event_id) = (
        SELECT occurred_at, event_id
        FROM (VALUES (oldest_occurred_at, oldest_event_id), (%(oldest_at)s::timestamptz, %(oldest_id)s::text))
             AS mark (occurred_at, event_id)
        WHERE occurred_at IS NOT NULL
        ORDER BY occurred_at, event_id COLLATE "C"
        LIMIT 1
    ),
    (newest_occurred_at, newest_event_id) = (
        SELECT occurred_at, event_id
        FROM (VALUES (newest_occurred_at, newest_event_id), (%(newest_at)s::timestamptz, %(newest_id)s::text))
             AS mark (occurred_at, event_id)
        WHERE occurred_at IS NOT NULL
        ORDER BY occurred_at DESC, event_id COLLATE "C" DESC
        LIMIT 1
    ),
    updated_at = now(),
    lease_expires_at = GREATEST(lease_expires_at, now() + %(lease_ttl_ms)s * INTERVAL '1 millisecond')
WHERE id = %(slice_id)s AND fence = %(fence)s AND lease_run_id = %(run_id)s
  AND checkpoint_page = %(first_page)s - 1
RETURNING total_ingested, total_rejected,
          total_filtered + (SELECT filtered FROM ingestion_runs WHERE run_id = %(run_id)s) + %(filtered)s, NULL::bigint;

-- name: read_pass_head
-- For a pass that ends now, where a backfill was opened since it began and a total is to be compared with: since when, and
-- the newest record that one of its chains began with: that total is of then. Not where the pass was not in the feed's order:
-- then no time says on which side of a page a record lies.
SELECT state.backfilled_at, head.newest_at
FROM ingestion_state AS state
CROSS JOIN LATERAL (
    SELECT max(newest_at) AS newest_at FROM ingestion_pages
    WHERE slice_id = state.id AND pass_number = state.pass_number AND cursor IS NULL
) AS head
WHERE state.id = %(slice_id)s AND state.backfilled_at IS NOT NULL AND state.pass_in_order AND %(in_order)s
  AND coalesce(%(expected_total)s::bigint, state.pass_expected_total) IS NOT NULL AND head.newest_at IS NOT NULL;

-- name: count_above_pass
-- Rows that a backfill has stored and that are newer than the pass's first page. The table is read as a whole.
SELECT count(*) FROM {table}
WHERE {of_slice} AND ingested_at >= %(backfilled_at)s AND occurred_at > %(newest_at)s;

-- name: count_received
-- On the pages of a pass's last chain, each record as often as it came.
SELECT coalesce(sum(events), 0) FROM ingestion_pages
WHERE slice_id = %(slice_id)s AND pass_number = %(pass_number)s AND walk = %(walk)s;

-- name: read_floor_bounds
-- At the instant itself: the transaction may have waited for its turn.
SELECT clock_timestamp(), pass_started_at FROM ingestion_state WHERE id = %(slice_id)s;

-- name: move_floor
-- Of the times one is given, by the order of the stream. The top is that of the pass's first page that has a time.
UPDATE ingestion_state
SET floor_at = GREATEST(floor_at, %(floor_at)s),
    pass_top_at = GREATEST(coalesce(pass_top_at, %(first_at)s), %(newest_at)s),
    walk_since_at = %(walk_since_at)s,
    pass_window_total = coalesce(%(window_total)s, pass_window_total),
    pass_repeated = pass_repeated + %(repeated)s
WHERE id = %(slice_id)s AND fence = %(fence)s;

-- name: keep_validator
UPDATE ingestion_state SET pass_validator = coalesce(pass_validator, %(validator)s)
WHERE id = %(slice_id)s AND fence = %(fence)s;

-- name: read_received
-- What the API has given in the pass, each record as often as it came.
SELECT coalesce(sum(events), 0)::bigint, coalesce(sum(duplicates), 0)::bigint, coalesce(sum(rejected), 0)::bigint,
       coalesce(sum(filtered), 0)::bigint
FROM ingestion_pages WHERE slice_id = %(slice_id)s AND pass_number = %(pass_number)s;

-- name: read_window
-- What the pass asks for, so far as its records say: some APIs begin a little earlier than they are asked to.
SELECT LEAST(pass_since_at, pass_oldest_at, %(oldest_at)s), coalesce(%(window_total)s, pass_window_total),
       pass_repeated + %(repeated)s
FROM ingestion_state WHERE id = %(slice_id)s;

-- name: count_window
-- A record without a time may be in any window. The table may be read as a whole.
SELECT count(*) FROM {table} WHERE {of_slice} AND (occurred_at >= %(since_at)s OR occurred_at IS NULL);

-- name: end_pass
-- A pass that is short has proven nothing to go on from.
UPDATE ingestion_state
SET pass_status = %(pass_status)s,
    -- Nothing is to go on from a pass that was not proven.
    bookmark = CASE WHEN %(pass_status)s = 'complete' THEN %(bookmark)s END,
    completed_at = CASE WHEN %(pass_status)s = 'complete' THEN now() ELSE completed_at END,
    floor_at = CASE WHEN %(pass_status)s = 'complete' THEN GREATEST(floor_at, pass_top_at, kept_floor_at) END,
    kept_floor_at = NULL,
    validator = CASE WHEN %(pass_status)s = 'complete' THEN pass_validator END
WHERE id = %(slice_id)s AND fence = %(fence)s;

-- name: copy_pages
COPY ingestion_pages (
    run_id, page_number, slice_id, stream, pass_number, walk, batch_number, cursor, next_cursor, request_id,
    events, inserted, duplicates, rejected, filtered, bytes, attempts, waited_ms, fetch_ms, write_ms,
    newest_at, oldest_at, fetched_at
) FROM STDIN (FORMAT binary);

-- name: advance_run
UPDATE ingestion_runs
SET pages = pages + %(pages)s,
    events = events + %(events)s,
    inserted = inserted + %(inserted)s,
    duplicates = duplicates + %(duplicates)s,
    rejected = rejected + %(rejected)s,
    filtered = filtered + %(filtered)s,
    conflicts = conflicts + %(conflicts)s,
    bytes = bytes + %(bytes)s,
    retries = %(retries)s,
    waited_ms = %(waited_ms)s,
    expected_total = COALESCE(%(expected_total)s, expected_total),
    end_cursor = %(cursor)s,
    pass_kind = CASE WHEN %(is_widened)s THEN 'full' ELSE pass_kind END,
    heartbeat_at = now(),
    status = %(status)s,
    reason = %(reason)s,
    detail = %(detail)s,
    ended_at = CASE WHEN %(status)s = 'running' THEN NULL ELSE now() END
WHERE run_id = %(run_id)s;

-- name: peek_checkpoint
-- Without a lock: what it says may be over in a moment, and the checkpoint will see. Of run and slice as they are before the
-- batch is added; was_backfilled: since the pass began.
SELECT state.fence, state.lease_run_id, state.checkpoint_page, state.total_rejected, state.pass_expected_total,
       state.backfilled_at IS NOT NULL AS was_backfilled, run.events, run.rejected
FROM ingestion_state AS state JOIN ingestion_runs AS run ON run.run_id = %(run_id)s
WHERE state.id = %(slice_id)s;

-- name: read_checkpoint
-- What an ambiguous COMMIT is resolved by. The lock waits for one that is still going on.
SELECT fence, lease_run_id, checkpoint_page FROM ingestion_state WHERE id = %(slice_id)s FOR UPDATE;

-- name: read_batch_counts
SELECT coalesce(sum(inserted), 0), coalesce(sum(duplicates), 0), coalesce(sum(rejected), 0)
FROM ingestion_pages
WHERE run_id = %(run_id)s AND page_number BETWEEN %(first_page)s AND %(last_page)s;

-- name: look_up_by_key
-- Neither a temporary table nor a list of keys has statistics; taken for large they would be joined by reading all stored
-- events, anew for each batch, or by a plan that is worth compiling. For this transaction only.
SELECT set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true);

-- name: select_stored_keys
-- In no order; before look_up_by_key, so that the table is simply read.
SELECT event_id FROM {table} WHERE {of_slice};

-- name: find_known
-- Which of these keys exist; after look_up_by_key. Through a subquery, so that the planner does not weigh each key.
SELECT event_id FROM {table}
WHERE event_id = ANY ((SELECT string_to_array(%(event_ids)s, %(separator)s))::text[]) AND {of_slice};

-- name: compare_staged
-- Gives the staged rows that are not stored (true), or stored with other content (false); after look_up_by_key.
SELECT staged.event_id, stored.event_id IS NULL
FROM pg_temp.staged_events AS staged
LEFT JOIN (SELECT event_id, payload FROM {table} WHERE {of_slice}) AS stored USING (event_id)
WHERE stored.event_id IS NULL OR stored.payload <> staged.payload;

-- name: empty_staging
TRUNCATE pg_temp.staged_events;

-- name: keep_newcomers
-- Of an immutable stream: a staged version that differs from what is stored is kept aside.
INSERT INTO event_conflicts (slice_id, stream, run_id, event_id, occurred_at, payload, payload_sha256, was_stored)
SELECT %(slice_id)s, %(stream)s, %(run_id)s, staged.event_id, staged.occurred_at, staged.payload,
       sha256(convert_to(staged.payload::text, 'UTF8')), false
FROM pg_temp.staged_events AS staged
JOIN (SELECT event_id, occurred_at, payload FROM {table} WHERE {of_slice}) AS stored USING (event_id)
WHERE stored.payload <> staged.payload
ON CONFLICT (slice_id, event_id, payload_sha256) DO NOTHING
RETURNING conflict_id;

-- name: keep_replaced
-- Of a mutable stream: the stored version goes to the history where a staged one is about to replace it, and has been valid
-- from when it came until now; until its mark, where a full pass has not met the record; not at all, where it is a tombstone.
INSERT INTO {history} ({columns}, payload_sha256, valid_from, valid_to, run_id)
SELECT {staged}, sha256(convert_to(payload::text, 'UTF8')), ingested_at,
       CASE WHEN {is_deletion} THEN ingested_at ELSE greatest(ingested_at, coalesce(marked, now())) END, %(run_id)s
FROM (
    SELECT event_id, occurred_at, payload, ingested_at, {marked} AS marked, {version} AS version
    FROM {table} WHERE {of_slice}
) AS stored
JOIN (
    SELECT DISTINCT ON (event_id) event_id, {version} AS later
    FROM pg_temp.staged_events
    ORDER BY event_id, later DESC, ctid
) AS staged USING (event_id)
WHERE later > version;

-- name: replace_stored
-- By the latest of the staged versions; of several that are equally late by the first. A row says when its version came, so
-- that one of this pass is no known ground; never a time before that of the version that it replaces, since a batch may have
-- waited for its turn behind one that began later.
UPDATE {table} AS stored
SET occurred_at = staged.later_at, payload = staged.later_payload, ingested_at = greatest(now(), ingested_at, {marked})
FROM (
    SELECT DISTINCT ON (event_id) event_id AS staged_id, occurred_at AS later_at, payload AS later_payload,
           {version} AS later
    FROM pg_temp.staged_events
    ORDER BY event_id, later DESC, ctid
) AS staged
WHERE stored.event_id = staged_id AND {of_slice} AND later > {version}
RETURNING stored.event_id;

-- name: keep_earlier
-- After replace_stored: staged versions that are not the latest. They have never been in the table, or are kept by now; one
-- that is there already, put there by whatever run, is not kept again.
INSERT INTO {history} ({columns}, payload_sha256, run_id)
SELECT {staged}, digest, %(run_id)s
FROM (
    SELECT event_id, occurred_at, payload, sha256(convert_to(payload::text, 'UTF8')) AS digest, {version} AS version
    FROM pg_temp.staged_events
) AS staged
JOIN (
    SELECT event_id, payload AS stored_payload, {version} AS stored_version FROM {table} WHERE {of_slice}
) AS stored USING (event_id)
WHERE payload <> stored_payload AND version < stored_version
  AND NOT EXISTS (
      SELECT FROM {history} AS kept
      WHERE {of_slice} AND kept.event_id = staged.event_id AND kept.payload_sha256 = digest
  )
ON CONFLICT ({key}, payload_sha256) WHERE valid_from IS NULL DO NOTHING;

-- name: keep_contradicting
-- The same: of two contents that claim one version the first wins, and the other is a finding.
INSERT INTO event_conflicts (slice_id, stream, run_id, event_id, occurred_at, payload, payload_sha256, was_stored)
SELECT %(slice_id)s, %(stream)s, %(run_id)s, event_id, occurred_at, payload,
       sha256(convert_to(payload::text, 'UTF8')), false
FROM (SELECT event_id, occurred_at, payload, {version} AS version FROM pg_temp.staged_events) AS staged
JOIN (
    SELECT event_id, payload AS stored_payload, {version} AS stored_version FROM {table} WHERE {of_slice}
) AS stored USING (event_id)
WHERE payload <> stored_payload AND version = stored_version
ON CONFLICT (slice_id, event_id, payload_sha256) DO NOTHING
RETURNING conflict_id;

-- name: find_unproven
-- Of a mutable stream, the ids of staged records that were not stored before this pass began, or only in an earlier version.
-- After look_up_by_key.
SELECT DISTINCT event_id
FROM (SELECT event_id, {version} AS version FROM pg_temp.staged_events) AS staged
LEFT JOIN (
    SELECT event_id, {version} AS stored_version FROM {table} WHERE {of_slice} AND ingested_at < %(before)s
) AS stored USING (event_id)
WHERE stored.event_id IS NULL OR version > stored_version;
