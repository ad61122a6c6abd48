-- name: read_memory
-- Without a lock: what changes it is under our fence, which the checkpoint looks at. is_early: the clock has gone back to
-- before the pass began, so that what is stored now does not show by its time that the pass has stored it.
SELECT CASE WHEN pass_status = 'open' THEN pass_seen END, pass_seen_total, pass_started_at, total_unseen, pass_kind,
       coalesce(now() <= pass_started_at, true) AS is_early
FROM ingestion_state WHERE id = %(slice_id)s;

-- name: insert_seen
INSERT INTO ingestion_seen (slice_id, event_ids) VALUES (%(slice_id)s, %(event_ids)s);

-- name: unmark_met
-- After look_up_by_key.
UPDATE {table} SET {unseen} = NULL
WHERE event_id = ANY ((SELECT array_agg(met) FROM json_array_elements_text(%(event_ids)s::json) AS met)::text[])
  AND {unseen} IS NOT NULL AND {of_slice};

-- name: keep_marked
-- Before reopen_met: the time in which a record that is there again was there before. A version that this transaction has put
-- in the place of a marked one is not before its mark.
INSERT INTO {history} ({columns}, payload_sha256, valid_from, valid_to, run_id)
SELECT {staged}, sha256(convert_to(payload::text, 'UTF8')), ingested_at, {unseen}, %(run_id)s
FROM {table}
WHERE event_id = ANY ((SELECT array_agg(met) FROM json_array_elements_text(%(event_ids)s::json) AS met)::text[])
  AND {unseen} > ingested_at AND {of_slice};

-- name: reopen_met
-- As unmark_met where versions are kept: the row is there since now, and no longer since its version came.
UPDATE {table} SET {unseen} = NULL, ingested_at = greatest(now(), {unseen})
WHERE event_id = ANY ((SELECT array_agg(met) FROM json_array_elements_text(%(event_ids)s::json) AS met)::text[])
  AND {unseen} IS NOT NULL AND {of_slice};

-- name: look_at_all
-- After a batch that was looked up by key, in its transaction.
SET LOCAL enable_hashjoin TO DEFAULT; SET LOCAL enable_mergejoin TO DEFAULT; SET LOCAL enable_seqscan TO DEFAULT;

-- name: count_met
-- How many records the pass has met, whether they are rows or dead letters.
WITH seen AS MATERIALIZED (
    SELECT DISTINCT event_id
    FROM ingestion_seen CROSS JOIN LATERAL json_array_elements_text(event_ids) AS met (event_id)
    WHERE slice_id = %(slice_id)s
)
SELECT (SELECT count(*) FROM seen)
     + (SELECT count(*) FROM {table} AS stored
        WHERE {of_slice} AND ingested_at >= %(started_at)s
          AND NOT EXISTS (SELECT FROM seen WHERE seen.event_id = stored.event_id));

-- name: was_written_beside
-- Whether a backfill or a replay has stored something since the pass began.
SELECT EXISTS (
    SELECT FROM ingestion_runs
    WHERE slice_id = %(slice_id)s AND pass_kind IN ('backfill', 'replay') AND inserted > 0
      AND run_id > (
          SELECT min(run_id) FROM ingestion_runs
          WHERE slice_id = %(slice_id)s AND pass_number = %(pass_number)s AND pass_kind NOT IN ('backfill', 'replay')
      )
);

-- name: mark_unseen
-- A record that is deleted already, be it by a tombstone, stays as it is.
WITH seen AS MATERIALIZED (
    SELECT DISTINCT event_id
    FROM ingestion_seen CROSS JOIN LATERAL json_array_elements_text(event_ids) AS met (event_id)
    WHERE slice_id = %(slice_id)s
)
UPDATE {table} AS stored SET {unseen} = now()
WHERE {of_slice} AND ingested_at < %(started_at)s AND deleted_at IS NULL
  AND NOT EXISTS (SELECT FROM seen WHERE seen.event_id = stored.event_id);

-- name: take_marks_back
-- Those of this transaction.
UPDATE {table} SET {unseen} = NULL WHERE {of_slice} AND {unseen} = now();

-- name: empty_seen
DELETE FROM ingestion_seen WHERE slice_id = %(slice_id)s;

-- name: save_memory
UPDATE ingestion_state
SET pass_seen = %(seen)s, pass_seen_total = %(total)s, total_unseen = greatest(0, total_unseen + %(marked)s)
WHERE id = %(slice_id)s AND fence = %(fence)s;

-- name: begin_memory
-- With the pass, in the transaction that begins it.
UPDATE ingestion_state SET pass_seen = %(seen)s, pass_seen_total = NULL WHERE id = %(slice_id)s;
