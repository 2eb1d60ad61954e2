-- Runs of recovery playbooks, written down before anything is done. `open_until`: 9e999 while a run is not over.
CREATE TABLE IF NOT EXISTS playbook_runs (
  id TEXT PRIMARY KEY,
  playbook TEXT NOT NULL,
  revision INTEGER NOT NULL,
  started_at REAL NOT NULL,
  open_until REAL NOT NULL,
  body BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS playbook_runs_open ON playbook_runs (open_until);
CREATE INDEX IF NOT EXISTS playbook_runs_begun ON playbook_runs (started_at);
