-- Streams that are asked for what is not older than a time, and first pages that are asked for only where they have changed.
ALTER TABLE ingestion_state
    -- All that the API has up to this time is stored: where the next pass asks from. NULL: nobody knows.
    ADD COLUMN floor_at           TIMESTAMPTZ NULL,
    -- What the open pass asks from, and what its open walk does; NULL: from the API's own beginning.
    ADD COLUMN pass_since_at      TIMESTAMPTZ NULL,
    ADD COLUMN walk_since_at      TIMESTAMPTZ NULL,
    -- Where the floor moves to when the pass is complete, in streams whose oldest records do not come first.
    ADD COLUMN pass_top_at        TIMESTAMPTZ NULL,
    -- The API's total of what a pass asks for that does not ask for everything.
    ADD COLUMN pass_window_total  BIGINT NULL,
    -- Records of such a pass that it has received before: they make up for none that are missing.
    ADD COLUMN pass_repeated      BIGINT NOT NULL DEFAULT 0,
    -- By what the API tells that the first page has not changed: that of the last complete pass, and that of the open one.
    ADD COLUMN validator          JSONB NULL,
    ADD COLUMN pass_validator     JSONB NULL;
