-- What can be searched for. The words of ``text`` are in the table search_words, which is made when the first run is
-- taken in: it needs FTS5, and no run does.
CREATE TABLE search_documents (
    document INTEGER PRIMARY KEY AUTOINCREMENT,
    run INTEGER NOT NULL,
    kind TEXT NOT NULL,
    time INTEGER NOT NULL,
    text TEXT NOT NULL,
    step TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    stream TEXT NOT NULL
) STRICT;

CREATE INDEX search_documents_run ON search_documents (run, kind);

-- How far each run has been taken in.
CREATE TABLE search_marks (
    run INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL,
    number INTEGER NOT NULL
) STRICT;
