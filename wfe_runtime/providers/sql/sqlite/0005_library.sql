-- From which program new runs of a workflow's version start. Rows are only added: the last one counts, and all of
-- them are the history. An empty program: none any more.
CREATE TABLE registrations (
    number INTEGER PRIMARY KEY,
    workflow TEXT NOT NULL,
    version INTEGER NOT NULL,
    program TEXT NOT NULL,
    time INTEGER NOT NULL,
    who TEXT NOT NULL
) STRICT;

CREATE INDEX registrations_place ON registrations (workflow, version, number);
CREATE INDEX run_details_program ON run_details (program);

-- Work for workers outside. ``state`` is open, ended or withdrawn; ``lease`` is when the lease ends, 0: nobody has it.
CREATE TABLE activities (
    number INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    activation INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    kind TEXT NOT NULL,
    step TEXT NOT NULL,
    inputs BLOB NOT NULL,
    time INTEGER NOT NULL,
    state TEXT NOT NULL,
    token TEXT NOT NULL,
    worker TEXT NOT NULL,
    lease INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX activities_attempt ON activities (run, activation, attempt);
CREATE UNIQUE INDEX activities_token ON activities (token) WHERE token <> '';
CREATE INDEX activities_open ON activities (kind, lease, number) WHERE state = 'open';
CREATE INDEX activities_over ON activities (time) WHERE state <> 'open';
