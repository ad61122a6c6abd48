-- What an API has said of its limits holds for the key that it said it to, whichever stream was asked for. So it leaves the
-- slices' rows, and belongs to a credential: a secret, and the budget that goes with it.
CREATE TABLE ingestion_credentials (
    credential_id  BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- A digest of the API's origin and the key, salted and slow. Of a row that stands for a credential which is not known
    -- yet: slice:<id>, whose next run knows it.
    fingerprint    TEXT NOT NULL UNIQUE,
    closed_until   TIMESTAMPTZ NULL,
    advised_until  TIMESTAMPTZ NULL,
    updated_at     TIMESTAMPTZ NOT NULL DEFAULT now()
);

-- One row. With a salt of its own, a database's digests are of no use beside those that others have made.
CREATE TABLE ingestion_credential_salt (
    is_only  BOOLEAN PRIMARY KEY DEFAULT true CHECK (is_only),
    salt     UUID NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO ingestion_credential_salt DEFAULT VALUES;

ALTER TABLE ingestion_state ADD COLUMN credential_id BIGINT NULL REFERENCES ingestion_credentials;

-- SQL does not know with which key a wait was earned. It waits for the slice's next run, which will use it.
INSERT INTO ingestion_credentials (fingerprint, closed_until, advised_until)
SELECT 'slice:' || id, closed_until, advised_until FROM ingestion_state
WHERE closed_until > now() OR advised_until > now()
ORDER BY id;
UPDATE ingestion_state AS slice SET credential_id = kept.credential_id
FROM ingestion_credentials AS kept WHERE kept.fingerprint = 'slice:' || slice.id;

ALTER TABLE ingestion_state DROP COLUMN closed_until, DROP COLUMN advised_until;
