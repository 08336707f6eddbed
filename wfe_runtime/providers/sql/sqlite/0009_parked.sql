-- Runs that their host has let go of, since all that they wait for is stored. ``parked`` is 1 while one waits, 2 once
-- it has been told something, 0 for one that its host advances. Parked runs stay their host's, as many as they are: so
-- they have an index of their own, by when they are due, and are left out of those that are looked through for others.
ALTER TABLE runs ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;

DROP INDEX runs_due;
DROP INDEX runs_owner;
DROP INDEX runs_unowned;
CREATE INDEX runs_owner ON runs (owner) WHERE owner <> '' AND parked <> 1;
CREATE INDEX runs_unowned ON runs (run) WHERE owner = '' AND ended = 0 AND parked <> 1;
CREATE INDEX runs_parked ON runs (owner, due) WHERE parked = 1;
CREATE INDEX runs_called ON runs (owner) WHERE parked = 2;

-- Whoever leaves something for a run calls it, in the same transaction.
CREATE TRIGGER inbox_calls AFTER INSERT ON inbox BEGIN
    UPDATE runs SET parked = 2 WHERE run = NEW.run AND parked = 1;
END;
