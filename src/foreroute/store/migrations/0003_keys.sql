-- Virtual keys and their teams, deleted ones included: the spend of a team is that of all keys it ever had.
CREATE TABLE virtual_keys (
  id TEXT PRIMARY KEY,
  body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE teams (
  id TEXT PRIMARY KEY,
  body BLOB NOT NULL
) WITHOUT ROWID;

-- Totals of whole hours and days by key, kept by the trigger. They outlive the ledger's rows, as `spend_hours` does;
-- days, so that the spend of all time is not a walk through all hours. Whole micro-dollars and the rest in
-- pico-dollars: as one number a sum would leave 64 bits at nine million dollars.
CREATE TABLE key_hours (
  hour_at REAL NOT NULL,
  key_id TEXT NOT NULL,
  micro INTEGER NOT NULL,
  rest INTEGER NOT NULL,
  PRIMARY KEY (hour_at, key_id)
) WITHOUT ROWID;
CREATE TABLE key_days (
  day_at REAL NOT NULL,
  key_id TEXT NOT NULL,
  micro INTEGER NOT NULL,
  rest INTEGER NOT NULL,
  PRIMARY KEY (day_at, key_id)
) WITHOUT ROWID;

-- What the ledger still holds.
INSERT INTO key_hours
SELECT
  CAST(started_at / 3600 AS INTEGER) * 3600.0, json_extract(attempt, '$.key_id'),
  sum(coalesce(cost_picousd, 0) / 1000000), sum(coalesce(cost_picousd, 0) % 1000000)
FROM ledger WHERE json_extract(attempt, '$.key_id') IS NOT NULL GROUP BY 1, 2;
INSERT INTO key_days
SELECT CAST(hour_at / 86400 AS INTEGER) * 86400.0, key_id, sum(micro), sum(rest) FROM key_hours GROUP BY 1, 2;

CREATE TRIGGER ledger_to_keys AFTER INSERT ON ledger WHEN json_extract(new.attempt, '$.key_id') IS NOT NULL BEGIN
  INSERT INTO key_hours VALUES (
    CAST(new.started_at / 3600 AS INTEGER) * 3600.0, json_extract(new.attempt, '$.key_id'),
    coalesce(new.cost_picousd, 0) / 1000000, coalesce(new.cost_picousd, 0) % 1000000
  )
  ON CONFLICT (hour_at, key_id) DO UPDATE SET micro = micro + excluded.micro, rest = rest + excluded.rest;
  INSERT INTO key_days VALUES (
    CAST(new.started_at / 86400 AS INTEGER) * 86400.0, json_extract(new.attempt, '$.key_id'),
    coalesce(new.cost_picousd, 0) / 1000000, coalesce(new.cost_picousd, 0) % 1000000
  )
  ON CONFLICT (day_at, key_id) DO UPDATE SET micro = micro + excluded.micro, rest = rest + excluded.rest;
END;
