-- The token that an API takes now, of credentials whose refresh token is replaced at each use: then the newest one is the only
-- one that is worth anything, and who renews it must be alone. A row is locked while that is done.
CREATE TABLE ingestion_tokens (
    token_id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- A digest of the provider's origin, the client's id and the refresh token that the source's secret names, made as that of
    -- ingestion_credentials. Another one in its place is another chain of tokens.
    fingerprint       TEXT NOT NULL UNIQUE,
    -- For people.
    source            TEXT NOT NULL,
    -- How often it was renewed. Who stores a token has seen this number, or stores nothing.
    generation        BIGINT NOT NULL DEFAULT 0,
    -- JSON with refresh_token and access_token, encrypted where sealed_by names the key. NULL before the first renewal.
    tokens            TEXT NULL,
    sealed_by         TEXT NULL,
    lifetime_seconds  DOUBLE PRECISION NULL,
    expires_at        TIMESTAMPTZ NULL,
    renewed_at        TIMESTAMPTZ NULL
);
