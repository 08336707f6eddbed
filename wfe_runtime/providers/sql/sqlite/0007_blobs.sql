-- Large values: each content once, by its SHA-256, and which runs name it. A use by an event has the event's
-- number, negated. Uses are narrow and in a table of their own: a content is written once and read by its hash.

CREATE TABLE blobs (
    blob INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    content BLOB NOT NULL
) STRICT;

CREATE TABLE blob_uses (
    run INTEGER NOT NULL,
    blob INTEGER NOT NULL,
    PRIMARY KEY (run, blob)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_uses_blob ON blob_uses (blob);
