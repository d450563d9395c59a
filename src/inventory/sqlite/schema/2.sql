-- Runs that are leased and resumed, what they changed, selections, pauses, re-scans, removal.

ALTER TABLE integration ADD COLUMN change_mark TEXT;
ALTER TABLE integration ADD COLUMN sync_paused INTEGER NOT NULL DEFAULT FALSE;
ALTER TABLE integration ADD COLUMN ingestion_paused INTEGER NOT NULL DEFAULT FALSE;
ALTER TABLE integration ADD COLUMN removed_at INTEGER;  -- its rows are being deleted
-- Readings are numbered, so that it can be told since when something was not seen. A run begins
-- one, and so does whoever takes it over.
ALTER TABLE integration ADD COLUMN reading INTEGER NOT NULL DEFAULT 0;
-- A run of the version before has no lease, and nobody who could go on with it.
UPDATE integration
SET current_run = NULL, reading = coalesce((SELECT max(id) FROM run), 0);

ALTER TABLE run ADD COLUMN kind TEXT NOT NULL DEFAULT 'full';
ALTER TABLE run ADD COLUMN reading INTEGER NOT NULL DEFAULT 0;        -- its last; its fence
ALTER TABLE run ADD COLUMN first_reading INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN takeovers INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN lease INTEGER NOT NULL DEFAULT 0;          -- how long a sign of life lasts
ALTER TABLE run ADD COLUMN lease_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN list_read INTEGER NOT NULL DEFAULT FALSE;  -- its list of scopes
ALTER TABLE run ADD COLUMN list_cursor TEXT;
ALTER TABLE run ADD COLUMN change_mark TEXT;
ALTER TABLE run ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;        -- rows of run_change
ALTER TABLE run ADD COLUMN left_out TEXT NOT NULL DEFAULT '{}';
ALTER TABLE run ADD COLUMN skipped_by TEXT NOT NULL DEFAULT '{}';
ALTER TABLE run ADD COLUMN excluded_by TEXT NOT NULL DEFAULT '{}';
ALTER TABLE run ADD COLUMN blind_to TEXT NOT NULL DEFAULT '[]';

ALTER TABLE scope ADD COLUMN since_reading INTEGER NOT NULL DEFAULT 0;

ALTER TABLE location RENAME COLUMN seen_run TO seen_reading;
ALTER TABLE location ADD COLUMN omission TEXT;  -- why it is not for ingestion
UPDATE location
SET omission = CASE
    WHEN kind NOT IN ('image', 'index', 'unknown') THEN 'not_an_image'
    WHEN tags = '[]' THEN 'untagged'
    ELSE 'companion'
END
WHERE NOT eligible;
ALTER TABLE location DROP COLUMN eligible;
ALTER TABLE location ADD COLUMN held_run INTEGER;  -- the last proved run, where it held it back
CREATE INDEX location_held ON location (held_run) WHERE held_run IS NOT NULL;

CREATE INDEX item_held_in_state ON item (integration, state, held_until)
    WHERE held_until IS NOT NULL;
CREATE INDEX item_parked ON item (integration) WHERE state = 'parked';
CREATE INDEX item_ingested ON item (integration, ingested_at, id)
    WHERE state = 'ingested' AND eligible > 0;

-- The same as before, by lane too.
DROP TRIGGER item_counted;
DROP TRIGGER item_recounted;
DROP TABLE tally;
CREATE TABLE tally (
    integration INTEGER NOT NULL REFERENCES integration (id),
    state       TEXT    NOT NULL,
    lane        INTEGER NOT NULL,
    items       INTEGER NOT NULL,
    PRIMARY KEY (integration, state, lane)
) STRICT, WITHOUT ROWID;
INSERT INTO tally SELECT integration, state, lane, count(*) FROM item GROUP BY 1, 2, 3;
CREATE TRIGGER item_counted AFTER INSERT ON item BEGIN
    INSERT INTO tally (integration, state, lane, items)
        VALUES (NEW.integration, NEW.state, NEW.lane, 1)
        ON CONFLICT (integration, state, lane) DO UPDATE SET items = items + 1;
END;
CREATE TRIGGER item_recounted AFTER UPDATE ON item
WHEN NEW.state <> OLD.state OR NEW.lane <> OLD.lane BEGIN
    UPDATE tally SET items = items - 1
        WHERE integration = OLD.integration AND state = OLD.state AND lane = OLD.lane;
    INSERT INTO tally (integration, state, lane, items)
        VALUES (NEW.integration, NEW.state, NEW.lane, 1)
        ON CONFLICT (integration, state, lane) DO UPDATE SET items = items + 1;
END;

-- What a run found to differ from what was known.
CREATE TABLE run_change (
    run         INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    sequence    INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    repository  INTEGER NOT NULL,  -- no reference, or each repository's end would look through all
    digest      TEXT    NOT NULL,
    tags        TEXT    NOT NULL,
    tags_before TEXT,              -- where they are others now
    PRIMARY KEY (run, sequence)
) STRICT, WITHOUT ROWID;
