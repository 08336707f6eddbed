-- Who has a slot of a concurrency group, and who waits for one, in the order of the queue. A run keeps its row
-- when it has ended, so that it can queue again if it is reopened; ``limit`` is a word of SQL's, hence ``room``.
CREATE TABLE places (
    place INTEGER NOT NULL,
    run INTEGER PRIMARY KEY,
    grouping TEXT NOT NULL,
    state TEXT NOT NULL,
    room INTEGER NOT NULL,
    on_full TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT;

CREATE INDEX places_group ON places (grouping, state, place) WHERE state <> 'ended';
