-- When a program was last put: whoever did so may be about to start a run of it. Not a column of
-- programs, whose rows are wide: it is written with each start.

CREATE TABLE program_marks (
    hash TEXT NOT NULL PRIMARY KEY,
    time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
