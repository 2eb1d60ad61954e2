-- What is to be tried, and each run of it.
CREATE TABLE experiments (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID;

-- The sums of a run, with the rows of ledger and scores up to which they reach: both in one transaction, so that after
-- a sudden death nothing is counted twice or not at all.
CREATE TABLE experiment_tallies (
  run TEXT PRIMARY KEY,
  ledger_row INTEGER NOT NULL,
  score_row INTEGER NOT NULL,
  body BLOB NOT NULL
) WITHOUT ROWID;

-- The sums of each user, key or session of a run that is not over.
CREATE TABLE experiment_units (
  run TEXT NOT NULL,
  unit TEXT NOT NULL,
  arm TEXT NOT NULL,
  sums BLOB NOT NULL,
  PRIMARY KEY (run, unit)
) WITHOUT ROWID;

-- What people or programs said of answers. The first word counts.
CREATE TABLE experiment_scores (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL,
  request_id TEXT NOT NULL,
  arm TEXT NOT NULL,
  unit TEXT NOT NULL,
  started_at REAL NOT NULL,
  score REAL NOT NULL,
  UNIQUE (run, request_id)
);
