-- When runs of a workflow start by themselves. A workflow whose highest version has no such times keeps one row with
-- no cron expression: a lower version does not bring its times back.
CREATE TABLE schedules (
    workflow TEXT NOT NULL,
    position INTEGER NOT NULL,
    version INTEGER NOT NULL,
    program TEXT NOT NULL,
    cron TEXT NOT NULL,
    timezone TEXT NOT NULL,
    missed TEXT NOT NULL,
    folder TEXT NOT NULL,
    due INTEGER NOT NULL,
    PRIMARY KEY (workflow, position)
) STRICT, WITHOUT ROWID;

-- The unfinished runs that nobody has.
CREATE INDEX runs_unowned ON runs (run) WHERE owner = '' AND ended = 0;
