-- name: insert_notice
INSERT INTO ingestion_notices (kind, source, stream, slice, facts)
VALUES (%(kind)s, %(source)s, %(stream)s, %(slice)s, %(facts)s);

-- name: take_notices
-- The oldest first; no one else delivers them for a while.
UPDATE ingestion_notices AS notice
SET attempts = attempts + 1, not_before = now() + %(seconds)s * INTERVAL '1 second'
FROM (
    SELECT notice_id FROM ingestion_notices WHERE not_before <= now()
    ORDER BY made_at, notice_id
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
) AS oldest
WHERE notice.notice_id = oldest.notice_id
RETURNING notice.notice_id::text, kind, source, stream, slice, facts, made_at, attempts;

-- name: delete_notice
DELETE FROM ingestion_notices WHERE notice_id = %(notice_id)s;

-- name: postpone_notice
UPDATE ingestion_notices SET not_before = now() + %(seconds)s * INTERVAL '1 second' WHERE notice_id = %(notice_id)s;
