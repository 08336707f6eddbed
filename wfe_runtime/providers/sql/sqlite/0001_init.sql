-- What a commit writes is narrow and appended: a run's row that changes at every advance has no wide
-- column, and the journal is a rowid table (with one row of each of 100 runs in a commit, keyed by run it
-- measured 60 thousand rows/s, appended 120 thousand).

CREATE TABLE programs (
    hash TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    version INTEGER NOT NULL,
    program BLOB NOT NULL,
    source_map BLOB NOT NULL
) STRICT;

-- How far a run is. Rewritten at every advance.
CREATE TABLE runs (
    run INTEGER PRIMARY KEY AUTOINCREMENT,
    status TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    owner TEXT NOT NULL,
    due INTEGER NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER NOT NULL
) STRICT;

CREATE INDEX runs_unfinished ON runs (status) WHERE ended = 0;
CREATE INDEX runs_due ON runs (due) WHERE due > 0 AND ended = 0 AND status <> 'suspended';
CREATE INDEX runs_owner ON runs (owner) WHERE owner <> '';

-- What a run is. Written once.
CREATE TABLE run_details (
    run INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    workflow TEXT NOT NULL,
    version INTEGER NOT NULL,
    program TEXT NOT NULL,
    created INTEGER NOT NULL,
    key TEXT NOT NULL,
    folder TEXT NOT NULL,
    durability TEXT NOT NULL,
    parent TEXT NOT NULL,
    parent_activation INTEGER NOT NULL,
    parent_attempt INTEGER NOT NULL,
    root TEXT NOT NULL,
    depth INTEGER NOT NULL,
    inputs BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX run_details_key ON run_details (workflow, key) WHERE key <> '';
CREATE INDEX run_details_parent ON run_details (parent) WHERE parent <> '';
CREATE INDEX run_details_root ON run_details (root);

-- How a run ended.
CREATE TABLE results (
    run INTEGER PRIMARY KEY,
    result BLOB NOT NULL
) STRICT;

-- The last number given in <workflow>-<number>.
CREATE TABLE name_sequences (
    workflow TEXT NOT NULL PRIMARY KEY,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    entry INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    time INTEGER NOT NULL,
    delta BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX journal_run ON journal (run, sequence);

CREATE TABLE snapshots (
    run INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    state BLOB NOT NULL
) STRICT;

-- Ids are never given twice, also after the last row was consumed.
CREATE TABLE inbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    kind TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT;

CREATE INDEX inbox_run ON inbox (run);

CREATE TABLE hosts (
    id TEXT NOT NULL PRIMARY KEY,
    machine TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started INTEGER NOT NULL,
    lease INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE logs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    step TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    stream TEXT NOT NULL,
    time INTEGER NOT NULL,
    text TEXT NOT NULL
) STRICT;

CREATE INDEX logs_run ON logs (run);
