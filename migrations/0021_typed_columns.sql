-- What a JSON value is as a value of a type: itself, or NULL where that type does not hold it as it is. No value makes one of
-- them fail, and none depends on a setting, so that indexes can be made of them. What fits which type is said once more in
-- datasync_spider/sources/columns.py, and a test compares the two. PL/pgSQL, since it looks a value up once, however often it
-- looks at it: SQL that the planner puts into the query unpacks a large payload each time. No exception is caught: that is a
-- subtransaction, which no query with parallel workers may begin in all versions.
CREATE FUNCTION ingestion_text(value jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF jsonb_typeof(value) = 'string' THEN RETURN value #>> '{}'; END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ingestion_boolean(value jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF jsonb_typeof(value) = 'boolean' THEN RETURN value::boolean; END IF;
    RETURN NULL;
END $$;

-- JSON's numbers are numeric's, to the last digit.
CREATE FUNCTION ingestion_numeric(value jsonb) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF jsonb_typeof(value) = 'number' THEN RETURN value::numeric; END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ingestion_bigint(value jsonb) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    number numeric;
BEGIN
    IF jsonb_typeof(value) <> 'number' THEN RETURN NULL; END IF;
    number := value::numeric;
    IF number BETWEEN -9223372036854775808 AND 9223372036854775807 AND trunc(number) = number THEN
        RETURN number::bigint;
    END IF;
    RETURN NULL;
END $$;

-- An instant as RFC 3339 writes it, also with a space for the T, and an offset without a colon or minutes. A time without an
-- offset means another instant in each place, and more than six digits behind the second would be rounded. The cast is one that
-- depends on no setting, since the order of year, month and day and the offset are in the text; and it does not fail, since it
-- is begun only where each part is within its bounds.
CREATE FUNCTION ingestion_timestamptz(value jsonb) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    written text COLLATE "C";
    day     text COLLATE "C";
    instant timestamptz;
BEGIN
    IF jsonb_typeof(value) <> 'string' THEN RETURN NULL; END IF;
    written := value #>> '{}';
    -- The usual forms by a comparison, since it takes a third of a regular expression's time.
    IF translate(written, '123456789', '000000000') NOT IN (
           '0000-00-00T00:00:00Z', '0000-00-00T00:00:00.000Z', '0000-00-00T00:00:00.000000Z'
       ) AND written !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6}0*)?(?:[Zz]|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)$'
    THEN
        RETURN NULL;
    END IF;
    day := substr(written, 9, 2);
    IF substr(written, 1, 4) = '0000' OR substr(written, 6, 2) NOT BETWEEN '01' AND '12' OR day NOT BETWEEN '01' AND '31'
       OR substr(written, 12, 2) > '23' OR substr(written, 15, 2) > '59' OR substr(written, 18, 2) > '59'
    THEN
        RETURN NULL;
    END IF;
    IF day > '28' AND day::integer > extract(day FROM
        make_date(substr(written, 1, 4)::integer, substr(written, 6, 2)::integer, 1) + INTERVAL '1 month' - INTERVAL '1 day')
    THEN
        RETURN NULL;
    END IF;
    instant := written::timestamptz;
    -- Many a client cannot read a time of another year, whatever zone it shows it in.
    IF instant < '0001-01-01 00:00:00+00' OR instant >= '10000-01-01 00:00:00+00' THEN RETURN NULL; END IF;
    RETURN instant;
END $$;

-- The columns of each stream's view beside those of its table. A name keeps its path for good, also where the view is dropped
-- and made again: whoever has built on it finds the same thing there.
CREATE TABLE ingestion_columns (
    stream_id  BIGINT NOT NULL REFERENCES ingestion_streams ON DELETE CASCADE,
    name       TEXT NOT NULL,
    -- In the order in which they were added.
    position   INTEGER NOT NULL,
    -- Names of members, and numbers of elements.
    path       JSONB NOT NULL,
    type       TEXT NOT NULL,
    added_at   TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (stream_id, name)
);

-- Whoever may read or change the registry of streams may do so with that of their columns: what has run goes on to.
DO $$
DECLARE reader record; BEGIN
    FOR reader IN
        SELECT CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS name, privilege_type AS right
        FROM pg_class, aclexplode(relacl)
        WHERE oid = 'ingestion_streams'::regclass AND privilege_type IN ('SELECT', 'INSERT', 'UPDATE')
    LOOP
        EXECUTE format('GRANT %s ON ingestion_columns TO %s', reader.right, reader.name); END LOOP; END
$$;
