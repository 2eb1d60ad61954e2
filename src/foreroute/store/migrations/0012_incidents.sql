-- Incidents as people see them: one of a scope and kind, whatever became of it.
CREATE TABLE incidents (
  id TEXT PRIMARY KEY,
  opened_at REAL NOT NULL,
  closed_at REAL,
  body BLOB NOT NULL
) WITHOUT ROWID;

CREATE INDEX incidents_by_time ON incidents (opened_at, id);
CREATE INDEX incidents_by_end ON incidents (closed_at);
