-- One row an attempt to hand in the stored ids. A key has few attempts for its whole life, and one whose answer never came
-- may have used one up all the same: so an attempt is recorded before its first byte leaves.
CREATE TABLE submission_attempts (
    attempt_id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream           TEXT NOT NULL,
    api              TEXT NOT NULL,
    -- A salted digest that tells keys apart and leads back to none.
    key_fingerprint  TEXT NOT NULL,
    repo             TEXT NOT NULL,
    event_count      BIGINT NOT NULL,
    body_bytes       BIGINT NOT NULL,
    sha256           TEXT NOT NULL,
    -- planned: nothing has left, and where it has ended nothing will; sent: on its way; the others: how it ended.
    status           TEXT NOT NULL DEFAULT 'planned'
                     CHECK (status IN ('planned', 'sent', 'accepted', 'refused', 'unknown')),
    detail           TEXT NULL,
    http_status      INTEGER NULL,
    receipt          JSONB NULL,
    owner            TEXT NOT NULL,
    planned_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- After this instant nobody can still be sending it, also where its process cannot be asked.
    expires_at       TIMESTAMPTZ NOT NULL,
    sent_at          TIMESTAMPTZ NULL,
    ended_at         TIMESTAMPTZ NULL
);

-- One at a time for a key: of two that start together one gets the row.
CREATE UNIQUE INDEX submission_attempts_in_progress_key ON submission_attempts (key_fingerprint) WHERE ended_at IS NULL;
