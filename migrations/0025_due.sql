-- When each slice is to be synced next, so that any number of processes may keep streams fresh, and what was said of it to whoever
-- is to be notified.

-- A row for each slice that a source's file or a command names, be it synced already or not, and for each that a run has ended of.
CREATE TABLE ingestion_due (
    source         TEXT NOT NULL,
    stream         TEXT NOT NULL,
    slice          TEXT NOT NULL,
    -- From one sync to the next. NULL: nothing names it any more, or nothing says how often; then it is never due.
    every_seconds  DOUBLE PRECISION NULL CHECK (every_seconds > 0),
    -- By its own rhythm; what the API has asked to wait for comes besides (ingestion_due_facts).
    due_at         TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- When the last sync began.
    began_at       TIMESTAMPTZ NULL,
    -- The last run whose end was counted, so that none is counted twice.
    run_id         BIGINT NULL,
    -- How many syncs in a row have failed.
    failures       INTEGER NOT NULL DEFAULT 0,
    -- Which process is about to sync it, and until when nobody else is.
    claimed_by     TEXT NULL,
    claimed_until  TIMESTAMPTZ NULL,
    -- What was last said of it.
    health         TEXT NOT NULL DEFAULT 'fine' CHECK (health IN ('fine', 'failed', 'late')),
    health_since   TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (stream, slice)
);

-- Messages that are not delivered yet. One that is, or that is given up, is deleted.
CREATE TABLE ingestion_notices (
    notice_id      UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    kind           TEXT NOT NULL CHECK (kind IN ('failed', 'recovered', 'late')),
    source         TEXT NOT NULL,
    stream         TEXT NOT NULL,
    slice          TEXT NOT NULL,
    -- What else there is to say, for programs.
    facts          JSONB NOT NULL,
    made_at        TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    attempts       INTEGER NOT NULL DEFAULT 0,
    -- Nobody tries to deliver it before.
    not_before     TIMESTAMPTZ NOT NULL DEFAULT now()
);

ALTER TABLE ingestion_state
    -- Somebody has asked that the next pass be a full one.
    ADD COLUMN full_wanted_at  TIMESTAMPTZ NULL,
    -- Up to there everything was stored when a full pass began that was asked for: the pass ends with no earlier floor.
    ADD COLUMN kept_floor_at   TIMESTAMPTZ NULL;

-- When each slice is due, everything considered that the database knows: its rhythm, waits that the API has asked for, a pause, a
-- run that is under way. late_seconds: how long it has been due without a run.
CREATE VIEW ingestion_due_facts AS
SELECT facts.*,
       CASE WHEN facts.is_due THEN extract(epoch FROM now() - facts.due_at) ELSE 0 END::float8 AS late_seconds
FROM (
    SELECT known.*, known.every_seconds IS NOT NULL AND known.paused_at IS NULL AND NOT known.is_running AND known.due_at <= now() AS is_due
    FROM (
        SELECT due.source, due.stream, due.slice, slice.id AS slice_id, due.every_seconds, due.began_at, due.failures,
               greatest(due.due_at, poll.advised_until, credential.closed_until, credential.advised_until) AS due_at,
               slice.paused_at, coalesce(slice.lease_expires_at > now(), false) AS is_running,
               due.claimed_by, due.claimed_until, due.health, due.health_since
        FROM ingestion_due AS due
        LEFT JOIN ingestion_streams AS stream ON stream.name = due.stream
        LEFT JOIN ingestion_state AS slice ON slice.stream_id = stream.stream_id AND slice.slice = due.slice
        LEFT JOIN ingestion_credentials AS credential ON credential.credential_id = slice.credential_id
        LEFT JOIN ingestion_credentials AS poll ON poll.fingerprint = 'poll:' || slice.id
    ) AS known
) AS facts;

-- The facts of a slice have these as well, behind whatever columns there are; its floor is the kept one where that is later.
DO $$
BEGIN
    EXECUTE 'CREATE OR REPLACE VIEW ingestion_stream_facts AS
        SELECT facts.*, due.every_seconds, due.due_at, coalesce(due.late_seconds, 0) AS late_seconds, kept.kept_floor_at
        FROM (' || rtrim(pg_get_viewdef('ingestion_stream_facts'::regclass), '; ') || ') AS facts
        LEFT JOIN ingestion_state AS kept ON kept.id = facts.id
        LEFT JOIN ingestion_due_facts AS due ON due.stream = facts.stream AND due.slice = facts.slice';
END
$$;

-- As in 0020: whoever reads the views sees what that role may see below, and whoever may read the slices may read all of them.
DO $$
DECLARE reader record; BEGIN
    IF current_setting('server_version_num')::integer >= 150000 THEN
        ALTER VIEW ingestion_due_facts SET (security_invoker = true); ALTER VIEW ingestion_stream_facts SET (security_invoker = true);
    END IF;
    FOR reader IN
        SELECT DISTINCT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS name
        FROM pg_class, aclexplode(relacl)
        WHERE oid = 'ingestion_state'::regclass AND privilege_type = 'SELECT'
    LOOP
        EXECUTE format('GRANT SELECT ON ingestion_due, ingestion_due_facts TO %s', reader.name);
        EXECUTE format('GRANT SELECT (credential_id, fingerprint, closed_until, advised_until) ON ingestion_credentials TO %s', reader.name);
    END LOOP;
END
$$;
