-- A run's sequence is that of its last line in the journal. Its row says which it was when the row was written last,
-- for most advances change nothing else in it: to write the row for each cost a page in the log and a fifth of a commit.

ALTER TABLE runs RENAME COLUMN sequence TO row_sequence;
