-- name: replay_checkpoint
-- The step that makes a piece of a replay count. Touches exactly one row while the fence is ours, and none afterwards. The
-- position stays; watermarks only ever widen. What a verdict counted as one event is one event afterwards: stored instead of
-- rejected, or resolved where it was left out of the sum (docs/decisions/0019). But an earlier version may have judged by a
-- sum with a dead letter in it whose event was stored as well, or have read no id in it: where the totals fall short of the API's
-- count without it, the pass is no longer proven, and the next one is full.
UPDATE ingestion_state
SET total_ingested = total_ingested + %(inserted)s,
    total_rejected = total_rejected - %(settled)s,
    pass_status = CASE
        WHEN pass_status = 'complete'
         AND total_ingested + %(inserted)s + total_rejected - %(settled)s + total_filtered < pass_expected_total
        THEN 'short' ELSE pass_status END,
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
RETURNING pass_status;

-- name: resolve_dead_letters
UPDATE rejected_events SET replayed_at = now()
WHERE slice_id = %(slice_id)s AND rejected_id = ANY(%(rejected_ids)s) AND replayed_at IS NULL
RETURNING rejected_id;

-- name: advance_replay
-- A replay counts dead letters where a crawl counts events. It has no pages, and no line in the ledger.
UPDATE ingestion_runs
SET events = events + %(events)s,
    inserted = inserted + %(inserted)s,
    duplicates = duplicates + %(duplicates)s,
    rejected = rejected + %(rejected)s,
    conflicts = conflicts + %(conflicts)s,
    heartbeat_at = now()
WHERE run_id = %(run_id)s;
