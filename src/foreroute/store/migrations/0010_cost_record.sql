-- A copy of a request for an experiment is no retry, although its number is above one.
DROP VIEW ledger_groups;
CREATE VIEW ledger_groups AS
SELECT l.rowid AS row, json_array(
  l.channel, coalesce(json_extract(l.meter, '$.seller[0]'), ''), coalesce(json_extract(l.meter, '$.seller[1]'), ''),
  coalesce(json_extract(l.meter, '$.seller[2]'), ''), coalesce(json_extract(l.meter, '$.seller[3]'), ''),
  coalesce(json_extract(l.attempt, '$.route'), ''), coalesce(json_extract(l.attempt, '$.key_id'), ''),
  coalesce(json_extract(CAST(k.body AS TEXT), '$.team'), ''),
  json(coalesce(json_extract(CAST(k.body AS TEXT), '$.tags'), '[]')),
  CASE WHEN json_extract(l.attempt, '$.reason') IN ('probe', 'shadow') THEN json_extract(l.attempt, '$.reason')
    WHEN json_extract(l.attempt, '$.hedge') THEN 'hedge' WHEN l.number > 1 THEN 'retry' ELSE '' END
) AS name
FROM ledger l LEFT JOIN virtual_keys k ON k.id = json_extract(l.attempt, '$.key_id');

-- What was said about the end of a period while it ran, and what came. Money in whole micro-dollars. The first thing
-- said at a mark stands.
CREATE TABLE cost_forecasts (
  period TEXT NOT NULL,
  start_at REAL NOT NULL,
  mark INTEGER NOT NULL,
  division TEXT NOT NULL,
  name TEXT NOT NULL,
  end_at REAL NOT NULL,
  at REAL NOT NULL,
  spent_micro INTEGER NOT NULL,
  expected_micro INTEGER NOT NULL,
  lower_micro INTEGER NOT NULL,
  upper_micro INTEGER NOT NULL,
  came_micro INTEGER,
  unpriced INTEGER NOT NULL DEFAULT 0,
  graded_at REAL,
  PRIMARY KEY (period, start_at, mark, division, name)
) WITHOUT ROWID;
CREATE INDEX cost_forecasts_open ON cost_forecasts (end_at) WHERE graded_at IS NULL;

-- Scheduled reports by receiver: written before anything is sent, so that a run that is killed sends none twice.
CREATE TABLE cost_reports_sent (
  report TEXT NOT NULL,
  period TEXT NOT NULL,
  window TEXT NOT NULL,
  target INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('begun', 'sent', 'failed')),
  tries INTEGER NOT NULL,
  at REAL NOT NULL,
  error TEXT NOT NULL,
  PRIMARY KEY (report, period, window, target)
) WITHOUT ROWID;
