-- Times are nanoseconds since the Unix epoch. Lists and errors that are never searched are JSON.

CREATE TABLE integration (
    id           INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL UNIQUE,
    kind         TEXT    NOT NULL,
    registry     TEXT    NOT NULL,
    bound_at     INTEGER NOT NULL,
    verification TEXT,
    current_run  INTEGER,          -- the run whose ticket is good
    complete_run INTEGER,          -- the last one that was complete
    pace         TEXT    NOT NULL DEFAULT '{}',
    turns        INTEGER NOT NULL DEFAULT 0  -- claims of the ordinary lane
) STRICT;

-- Numbers are never used again, since they fence off older runs.
CREATE TABLE run (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    integration INTEGER NOT NULL REFERENCES integration (id),
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    proof       TEXT,
    listed      INTEGER NOT NULL DEFAULT 0,
    added       INTEGER NOT NULL DEFAULT 0,
    changed     INTEGER NOT NULL DEFAULT 0,
    unchanged   INTEGER NOT NULL DEFAULT 0,
    gone        INTEGER NOT NULL DEFAULT 0,
    held        INTEGER NOT NULL DEFAULT 0,
    skipped     INTEGER NOT NULL DEFAULT 0,
    excluded    INTEGER NOT NULL DEFAULT 0,
    requests    INTEGER NOT NULL DEFAULT 0,
    elapsed_ms  INTEGER NOT NULL DEFAULT 0,
    failure     TEXT
) STRICT;
CREATE INDEX run_of_integration ON run (integration, id);

CREATE TABLE scope (
    run     INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    kind    TEXT    NOT NULL,      -- registry | namespace | repository
    name    TEXT    NOT NULL,      -- empty for the registry
    outcome TEXT    NOT NULL DEFAULT 'open',  -- open | listed | excluded | skipped
    reason  TEXT,
    cursor  TEXT,
    PRIMARY KEY (run, kind, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE repository (
    id          INTEGER PRIMARY KEY,
    integration INTEGER NOT NULL REFERENCES integration (id),
    name        TEXT    NOT NULL,
    namespace   TEXT    NOT NULL,
    UNIQUE (integration, name)
) STRICT;

-- A work item: one digest, wherever it lies.
CREATE TABLE item (
    id            INTEGER PRIMARY KEY,
    integration   INTEGER NOT NULL REFERENCES integration (id),
    digest        TEXT    NOT NULL,
    live          INTEGER NOT NULL,  -- locations that are not gone
    eligible      INTEGER NOT NULL,  -- of these, those that are for ingestion
    lane          INTEGER NOT NULL DEFAULT 1,  -- 0 asked for by hand, 1 ordinary, 2 again
    progress      TEXT    NOT NULL DEFAULT 'pending',  -- pending | in_hand | ingested | parked
    state         TEXT    NOT NULL GENERATED ALWAYS AS (
        CASE
            WHEN progress = 'in_hand' THEN progress
            WHEN live = 0 THEN 'gone'
            WHEN progress = 'pending' AND eligible = 0 AND lane <> 0 THEN 'left_out'
            ELSE progress
        END
    ) STORED,
    pushed_at     INTEGER NOT NULL,  -- the latest of its locations; when first seen where unknown
    waiting_since INTEGER NOT NULL,
    held_since    INTEGER,           -- in hand: the lease; pending: the pause before a retry
    held_until    INTEGER,
    fence         INTEGER NOT NULL DEFAULT 0,
    attempts      INTEGER NOT NULL DEFAULT 0,
    ingested_at   INTEGER,
    failure       TEXT,
    UNIQUE (integration, digest)
) STRICT;
CREATE INDEX item_newest ON item (integration, lane, pushed_at DESC, id)
    WHERE state = 'pending' AND held_until IS NULL;
CREATE INDEX item_oldest ON item (integration, lane, waiting_since, id)
    WHERE state = 'pending' AND held_until IS NULL;
CREATE INDEX item_held_until ON item (integration, held_until) WHERE held_until IS NOT NULL;
CREATE INDEX item_held_since ON item (integration, held_since) WHERE held_until IS NOT NULL;

-- How many items are in which state, so that nobody has to count a million.
CREATE TABLE tally (
    integration INTEGER NOT NULL REFERENCES integration (id),
    state       TEXT    NOT NULL,
    items       INTEGER NOT NULL,
    PRIMARY KEY (integration, state)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER item_counted AFTER INSERT ON item BEGIN
    INSERT INTO tally (integration, state, items) VALUES (NEW.integration, NEW.state, 1)
        ON CONFLICT (integration, state) DO UPDATE SET items = items + 1;
END;
CREATE TRIGGER item_recounted AFTER UPDATE ON item WHEN NEW.state <> OLD.state BEGIN
    UPDATE tally SET items = items - 1 WHERE integration = OLD.integration AND state = OLD.state;
    INSERT INTO tally (integration, state, items) VALUES (NEW.integration, NEW.state, 1)
        ON CONFLICT (integration, state) DO UPDATE SET items = items + 1;
END;

-- A digest in a repository, as it was last seen there.
CREATE TABLE location (
    repository    INTEGER NOT NULL REFERENCES repository (id),
    digest        TEXT    NOT NULL,
    item          INTEGER NOT NULL REFERENCES item (id),
    kind          TEXT    NOT NULL,
    media_type    TEXT,
    size          INTEGER,
    tags          TEXT    NOT NULL,
    platforms     TEXT    NOT NULL,
    pushed_at     INTEGER,
    eligible      INTEGER NOT NULL,
    first_seen_at INTEGER NOT NULL,
    seen_run      INTEGER NOT NULL,
    missing_run   INTEGER,         -- the last complete run that covered it and did not see it
    gone_run      INTEGER,
    gone_at       INTEGER,
    PRIMARY KEY (repository, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX location_of_item ON location (item);
CREATE INDEX location_gone ON location (gone_run) WHERE gone_run IS NOT NULL;

-- What the sink has still to be told of images that it knows.
CREATE TABLE change (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    integration INTEGER NOT NULL REFERENCES integration (id),
    kind        TEXT    NOT NULL,
    repository  TEXT    NOT NULL,
    digest      TEXT    NOT NULL,
    tags        TEXT    NOT NULL
) STRICT;
CREATE INDEX change_of_integration ON change (integration, sequence);
