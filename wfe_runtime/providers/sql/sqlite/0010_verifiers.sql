-- Which verifier has accepted a program, so that it need not ask all of it again: its digest, the last one's that did.
-- Not a column of programs, whose rows are wide.

CREATE TABLE program_verifiers (
    hash TEXT NOT NULL PRIMARY KEY,
    verifier TEXT NOT NULL
) STRICT, WITHOUT ROWID;
