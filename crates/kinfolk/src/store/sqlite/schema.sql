-- Consumer groups of Kinfolk. Each table's first columns say whose row it is.
-- Times are milliseconds since 1970-01-01T00:00:00Z, flags are 0 or 1.

CREATE TABLE groups (
    group_name   TEXT    NOT NULL,
    stream       TEXT    NOT NULL,
    created_on   INTEGER NOT NULL, -- when the stream was created
    version      TEXT    NOT NULL, -- changes with every eviction
    started_at   INTEGER,          -- when the group was created
    PRIMARY KEY (group_name, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE workers (
    group_name   TEXT    NOT NULL,
    stream       TEXT    NOT NULL,
    worker       TEXT    NOT NULL,
    beat         INTEGER NOT NULL, -- its last proof of life, by its own clock
    period_ms    INTEGER CHECK (period_ms BETWEEN 0 AND 4294967295), -- how often it beats
    leaving      INTEGER NOT NULL CHECK (leaving IN (0, 1)),
    active       INTEGER NOT NULL CHECK (active IN (0, 1)),
    standalone   INTEGER NOT NULL CHECK (standalone IN (0, 1)),
    place        TEXT,             -- the name of its place
    has_shards   INTEGER NOT NULL CHECK (has_shards IN (0, 1)), -- it is a home of shards
    app_name     TEXT    NOT NULL,
    host         TEXT    NOT NULL,
    pid          INTEGER NOT NULL CHECK (pid BETWEEN 0 AND 4294967295),
    started_on   INTEGER NOT NULL, -- when its process started
    PRIMARY KEY (group_name, stream, worker),
    FOREIGN KEY (group_name, stream) REFERENCES groups ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE slots (
    group_name   TEXT    NOT NULL,
    stream       TEXT    NOT NULL,
    slot         TEXT    NOT NULL, -- a registered fan-out consumer
    arn          TEXT    NOT NULL,
    standalone   INTEGER NOT NULL CHECK (standalone IN (0, 1)),
    used_by      TEXT,             -- a worker
    version      TEXT    NOT NULL,
    has_shards   INTEGER NOT NULL CHECK (has_shards IN (0, 1)), -- it is a home of shards
    PRIMARY KEY (group_name, stream, slot),
    FOREIGN KEY (group_name, stream) REFERENCES groups ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE places (
    group_name   TEXT    NOT NULL,
    stream       TEXT    NOT NULL,
    place        TEXT    NOT NULL,
    PRIMARY KEY (group_name, stream, place),
    FOREIGN KEY (group_name, stream) REFERENCES groups ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE shards (
    group_name   TEXT    NOT NULL,
    stream       TEXT    NOT NULL,
    home_kind    TEXT    NOT NULL CHECK (home_kind IN ('group', 'place', 'worker', 'slot')),
    home         TEXT    NOT NULL, -- which place, worker or slot; empty for the group
    shard        TEXT    NOT NULL,
    parent       TEXT,
    adjacent     TEXT,             -- the second parent of a merge
    sequence     TEXT,             -- the checkpoint: every record up to here is done
    part_sequence TEXT,            -- the aggregated record after it, if a part of it is done
    part_sub     INTEGER CHECK (part_sub >= 0), -- the last of its records that is done
    start_at     INTEGER,          -- where to start while there is no checkpoint
    arrival      TEXT    NOT NULL CHECK (arrival IN ('unsaid', 'unknown', 'at')),
    arrived_at   INTEGER,          -- when the record at the checkpoint arrived
    ended        INTEGER NOT NULL CHECK (ended IN (0, 1)),
    owner        TEXT,             -- a worker
    until        INTEGER,
    version      TEXT    NOT NULL,
    epoch        INTEGER CHECK (epoch >= 0), -- of the last tenure
    lease_owner  TEXT,             -- and whose it was
    reserved     TEXT,
    PRIMARY KEY (group_name, stream, home_kind, home, shard),
    FOREIGN KEY (group_name, stream) REFERENCES groups ON DELETE CASCADE,
    CHECK ((part_sequence IS NULL) = (part_sub IS NULL)),
    CHECK ((arrival = 'at') = (arrived_at IS NOT NULL)),
    CHECK ((epoch IS NULL) = (lease_owner IS NULL))
) STRICT, WITHOUT ROWID;
