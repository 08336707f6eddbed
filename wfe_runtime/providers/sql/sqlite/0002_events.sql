-- Published events. Numbers are never given twice, also after the last row was dropped.
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    time INTEGER NOT NULL,
    data BLOB NOT NULL
) STRICT;

CREATE INDEX events_place ON events (name, key, number);
CREATE INDEX events_time ON events (time);

-- What runs are to be told of, once. ``since`` is the earliest time of the event, ``after`` its number must exceed.
CREATE TABLE subscriptions (
    run INTEGER NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    activation INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    after INTEGER NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (name, key, run)
) STRICT, WITHOUT ROWID;

CREATE INDEX subscriptions_run ON subscriptions (run);

-- The last event that was published before the run was created.
ALTER TABLE run_details ADD COLUMN events_before INTEGER NOT NULL DEFAULT 0;
