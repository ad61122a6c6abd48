-- Each version of a mutable stream's record is known with the time in which it was the record's row, by a history whose lines
-- are versions with their times, and a view of these and of what is stored now.

-- The view; NULL until a run that keeps versions has made it.
ALTER TABLE ingestion_streams ADD COLUMN timeline_name TEXT NULL;

DO $$
DECLARE
    stream    record;
    kept      regclass;
    unique_by text;
    key       text;
    deletion  text;
BEGIN
    FOR stream IN
        SELECT is_sliced,
               to_regclass(quote_ident(coalesce(table_schema, current_schema())) || '.' || quote_ident(table_name)) AS stored,
               to_regclass(quote_ident(coalesce(table_schema, current_schema())) || '.' || quote_ident(history_name)) AS history
        FROM ingestion_streams WHERE history_name IS NOT NULL ORDER BY stream_id
    LOOP
        kept := stream.history;
        -- Dropped by hand.
        CONTINUE WHEN kept IS NULL;
        key := CASE WHEN stream.is_sliced THEN 'event_id, slice_id' ELSE 'event_id' END;
        EXECUTE format('ALTER TABLE %s RENAME COLUMN ingested_at TO valid_from', kept);
        EXECUTE format('ALTER TABLE %s RENAME COLUMN replaced_at TO valid_to', kept);
        -- One and the same version may have been the row more than once. What never was is kept once, as before.
        FOR unique_by IN SELECT conname FROM pg_catalog.pg_constraint WHERE conrelid = kept AND contype = 'u' LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', kept, unique_by);
        END LOOP;
        EXECUTE format('CREATE INDEX ON %s (%s)', kept, key);
        EXECUTE format('CREATE UNIQUE INDEX ON %s (%s, payload_sha256) WHERE valid_from IS NULL', kept, key);
        -- A tombstone is the time of no version. What is one the column says that PostgreSQL makes of the payload.
        SELECT pg_get_expr(adbin, adrelid) INTO deletion
        FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = stream.stored AND attname = 'deleted_at' AND attgenerated = 's' AND NOT attisdropped;
        CONTINUE WHEN deletion IS NULL;
        EXECUTE format(
            'UPDATE %1$s AS line SET valid_to = valid_from FROM ('
            '    SELECT history_id, (%2$s) IS NOT NULL AS is_deletion'
            '    FROM (SELECT history_id, payload, now() AS occurred_at, now() AS ingested_at, NULL::timestamptz AS unseen_at'
            '          FROM %1$s WHERE valid_from IS NOT NULL) AS looked_at'
            ') AS judged WHERE judged.history_id = line.history_id AND is_deletion',
            kept, deletion
        );
    END LOOP;
END
$$;
