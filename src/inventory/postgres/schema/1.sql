-- Times are nanoseconds since the Unix epoch. Lists and errors that are never searched are JSON.
-- What is sorted is sorted by its bytes, whatever the database's language.

CREATE TABLE integration (
    id               BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name             TEXT    COLLATE "C" NOT NULL UNIQUE,
    kind             TEXT    NOT NULL,
    registry         TEXT    NOT NULL,
    bound_at         BIGINT  NOT NULL,
    verification     TEXT,
    current_run      BIGINT,        -- the run whose ticket is good
    complete_run     BIGINT,        -- the last one that was complete
    pace             TEXT    NOT NULL DEFAULT '{}',
    turns            BIGINT  NOT NULL DEFAULT 0,  -- claims of the ordinary lane
    change_mark      TEXT,
    sync_paused      BOOLEAN NOT NULL DEFAULT FALSE,
    ingestion_paused BOOLEAN NOT NULL DEFAULT FALSE,
    removed_at       BIGINT,        -- its rows are being deleted
    -- Readings are numbered, so that it can be told since when something was not seen. A run
    -- begins one, and so does whoever takes it over.
    reading          BIGINT  NOT NULL DEFAULT 0
);

CREATE TABLE run (
    id            BIGINT  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration   BIGINT  NOT NULL REFERENCES integration (id),
    kind          TEXT    NOT NULL,
    started_at    BIGINT  NOT NULL,
    finished_at   BIGINT,
    reading       BIGINT  NOT NULL,  -- its last; its fence
    first_reading BIGINT  NOT NULL,
    takeovers     BIGINT  NOT NULL DEFAULT 0,
    lease         BIGINT  NOT NULL,  -- how long a sign of life lasts
    lease_since   BIGINT  NOT NULL,
    lease_until   BIGINT  NOT NULL,
    list_read     BOOLEAN NOT NULL DEFAULT FALSE,  -- its list of scopes
    list_cursor   TEXT,
    change_mark   TEXT,
    proof         TEXT,
    listed        BIGINT  NOT NULL DEFAULT 0,
    added         BIGINT  NOT NULL DEFAULT 0,
    changed       BIGINT  NOT NULL DEFAULT 0,
    unchanged     BIGINT  NOT NULL DEFAULT 0,
    gone          BIGINT  NOT NULL DEFAULT 0,
    held          BIGINT  NOT NULL DEFAULT 0,
    left_out      TEXT    NOT NULL DEFAULT '{}',
    skipped       BIGINT  NOT NULL DEFAULT 0,
    skipped_by    TEXT    NOT NULL DEFAULT '{}',
    excluded      BIGINT  NOT NULL DEFAULT 0,
    excluded_by   TEXT    NOT NULL DEFAULT '{}',
    blind_to      TEXT    NOT NULL DEFAULT '[]',
    changes       BIGINT  NOT NULL DEFAULT 0,  -- rows of run_change
    requests      BIGINT  NOT NULL DEFAULT 0,
    elapsed_ms    BIGINT  NOT NULL DEFAULT 0,
    failure       TEXT
);
CREATE INDEX run_of_integration ON run (integration, id);

CREATE TABLE scope (
    run           BIGINT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    kind          TEXT   COLLATE "C" NOT NULL,  -- registry | namespace | repository
    name          TEXT   COLLATE "C" NOT NULL,  -- empty for the registry
    outcome       TEXT   NOT NULL DEFAULT 'open',  -- open | listed | excluded | skipped
    reason        TEXT,
    cursor        TEXT,
    since_reading BIGINT NOT NULL,
    PRIMARY KEY (run, kind, name)
);

CREATE TABLE repository (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration BIGINT NOT NULL REFERENCES integration (id),
    name        TEXT   COLLATE "C" NOT NULL,
    namespace   TEXT   COLLATE "C" NOT NULL,
    UNIQUE (integration, name)
);

-- A work item: one digest, wherever it lies.
CREATE TABLE item (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration   BIGINT NOT NULL REFERENCES integration (id),
    digest        TEXT   COLLATE "C" NOT NULL,
    live          BIGINT NOT NULL,  -- locations that are not gone
    eligible      BIGINT NOT NULL,  -- of these, those that are for ingestion
    lane          BIGINT NOT NULL DEFAULT 1,  -- 0 asked for by hand, 1 ordinary, 2 again
    progress      TEXT   NOT NULL DEFAULT 'pending',  -- pending | in_hand | ingested | parked
    state         TEXT   NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN progress = 'in_hand' THEN progress
            WHEN live = 0 THEN 'gone'
            WHEN progress = 'pending' AND eligible = 0 AND lane <> 0 THEN 'left_out'
            ELSE progress
        END
    ) STORED,
    pushed_at     BIGINT NOT NULL,  -- the latest of its locations; when first seen where unknown
    waiting_since BIGINT NOT NULL,
    held_since    BIGINT,           -- in hand: the lease; pending: the pause before a retry
    held_until    BIGINT,
    fence         BIGINT NOT NULL DEFAULT 0,
    attempts      BIGINT NOT NULL DEFAULT 0,
    ingested_at   BIGINT,
    failure       TEXT,
    UNIQUE (integration, digest)
);
CREATE INDEX item_newest ON item (integration, lane, pushed_at DESC, id)
    WHERE state = 'pending' AND held_until IS NULL;
CREATE INDEX item_oldest ON item (integration, lane, waiting_since, id)
    WHERE state = 'pending' AND held_until IS NULL;
CREATE INDEX item_held_until ON item (integration, held_until) WHERE held_until IS NOT NULL;
CREATE INDEX item_held_since ON item (integration, held_since) WHERE held_until IS NOT NULL;
CREATE INDEX item_held_in_state ON item (integration, state, held_until)
    WHERE held_until IS NOT NULL;
CREATE INDEX item_parked ON item (integration) WHERE state = 'parked';
CREATE INDEX item_ingested ON item (integration, ingested_at, id)
    WHERE state = 'ingested' AND eligible > 0;

-- How many items are in which state and lane, so that nobody has to count a million.
CREATE TABLE tally (
    integration BIGINT NOT NULL REFERENCES integration (id),
    state       TEXT   NOT NULL,
    lane        BIGINT NOT NULL,
    items       BIGINT NOT NULL,
    PRIMARY KEY (integration, state, lane)
);
CREATE FUNCTION item_counted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO tally (integration, state, lane, items)
        SELECT integration, state, lane, count(*) FROM now_there GROUP BY 1, 2, 3
        ON CONFLICT (integration, state, lane) DO UPDATE SET items = tally.items + excluded.items;
    RETURN NULL;
END $$;
CREATE FUNCTION item_recounted() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO tally (integration, state, lane, items)
        SELECT integration, state, lane, sum(moved)
        FROM (
            SELECT integration, state, lane, 1 AS moved FROM now_there
            UNION ALL
            SELECT integration, state, lane, -1 FROM there_before
        ) AS item
        GROUP BY 1, 2, 3 HAVING sum(moved) <> 0
        ON CONFLICT (integration, state, lane) DO UPDATE SET items = tally.items + excluded.items;
    RETURN NULL;
END $$;
CREATE TRIGGER item_counted AFTER INSERT ON item
    REFERENCING NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION item_counted();
CREATE TRIGGER item_recounted AFTER UPDATE ON item
    REFERENCING OLD TABLE AS there_before NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION item_recounted();

-- A digest in a repository, as it was last seen there.
CREATE TABLE location (
    repository    BIGINT NOT NULL REFERENCES repository (id),
    digest        TEXT   COLLATE "C" NOT NULL,
    item          BIGINT NOT NULL REFERENCES item (id),
    kind          TEXT   NOT NULL,
    media_type    TEXT,
    size          BIGINT,
    tags          TEXT   NOT NULL,
    platforms     TEXT   NOT NULL,
    pushed_at     BIGINT,
    omission      TEXT,            -- why it is not for ingestion
    first_seen_at BIGINT NOT NULL,
    seen_reading  BIGINT NOT NULL,
    missing_run   BIGINT,          -- the last complete run that covered it and did not see it
    held_run      BIGINT,          -- the last proved run, where it held it back
    gone_run      BIGINT,
    gone_at       BIGINT,
    PRIMARY KEY (repository, digest)
);
CREATE INDEX location_of_item ON location (item);
CREATE INDEX location_gone ON location (gone_run) WHERE gone_run IS NOT NULL;
CREATE INDEX location_held ON location (held_run) WHERE held_run IS NOT NULL;

-- What the sink has still to be told of images that it knows.
CREATE TABLE change (
    sequence    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration BIGINT NOT NULL REFERENCES integration (id),
    kind        TEXT   NOT NULL,
    repository  TEXT   NOT NULL,
    digest      TEXT   NOT NULL,
    tags        TEXT   NOT NULL
);
CREATE INDEX change_of_integration ON change (integration, sequence);

-- What a run found to differ from what was known.
CREATE TABLE run_change (
    run         BIGINT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    sequence    BIGINT NOT NULL,
    kind        TEXT   NOT NULL,
    repository  BIGINT NOT NULL,  -- no reference, or each repository's end would look through all
    digest      TEXT   NOT NULL,
    tags        TEXT   NOT NULL,
    tags_before TEXT,             -- where they are others now
    PRIMARY KEY (run, sequence)
);
