-- Who was called and at which prices, beside the attempt; and the group of a row, as it was when it was written.
ALTER TABLE ledger ADD COLUMN meter TEXT NOT NULL DEFAULT '{}';
ALTER TABLE ledger ADD COLUMN group_id INTEGER;

-- By what reports tell attempts apart: a JSON array in the order of `SpendGroup`.
CREATE TABLE spend_groups (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

-- Totals of quarters of an hour: every day of every time zone of today begins on one. They outlive the ledger's rows.
-- Whole micro-dollars and the rest in pico-dollars, as in `key_hours`.
CREATE TABLE spend_quarters (
  quarter_at REAL NOT NULL,
  group_id INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  micro INTEGER NOT NULL,
  rest INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cached INTEGER NOT NULL,
  written INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  PRIMARY KEY (quarter_at, group_id)
) WITHOUT ROWID;

CREATE VIEW ledger_groups AS
SELECT l.rowid AS row, json_array(
  l.channel, coalesce(json_extract(l.meter, '$.seller[0]'), ''), coalesce(json_extract(l.meter, '$.seller[1]'), ''),
  coalesce(json_extract(l.meter, '$.seller[2]'), ''), coalesce(json_extract(l.meter, '$.seller[3]'), ''),
  coalesce(json_extract(l.attempt, '$.route'), ''), coalesce(json_extract(l.attempt, '$.key_id'), ''),
  coalesce(json_extract(CAST(k.body AS TEXT), '$.team'), ''),
  json(coalesce(json_extract(CAST(k.body AS TEXT), '$.tags'), '[]')),
  CASE WHEN json_extract(l.attempt, '$.reason') = 'probe' THEN 'probe'
    WHEN json_extract(l.attempt, '$.hedge') THEN 'hedge' WHEN l.number > 1 THEN 'retry' ELSE '' END
) AS name
FROM ledger l LEFT JOIN virtual_keys k ON k.id = json_extract(l.attempt, '$.key_id');

CREATE VIEW ledger_quarters AS
SELECT rowid AS row, group_id, CAST(started_at / 900 AS INTEGER) * 900.0 AS quarter_at, cost_picousd IS NULL AS unpriced,
  coalesce(cost_picousd, 0) / 1000000 AS micro, coalesce(cost_picousd, 0) % 1000000 AS rest,
  json_extract(attempt, '$.usage[0]') AS input, json_extract(attempt, '$.usage[1]') AS cached,
  json_extract(attempt, '$.usage[2]') AS written, json_extract(attempt, '$.usage[3]') AS output,
  json_extract(attempt, '$.usage[4]') AS reasoning
FROM ledger;

-- What the ledger still holds. Of what it has let go only the channel is known.
INSERT INTO spend_groups (name) SELECT DISTINCT name FROM ledger_groups WHERE true ON CONFLICT (name) DO NOTHING;
UPDATE ledger SET group_id = (
  SELECT id FROM spend_groups WHERE name = (SELECT name FROM ledger_groups WHERE row = ledger.rowid)
);
INSERT INTO spend_quarters
SELECT quarter_at, group_id, count(*), sum(unpriced), sum(micro), sum(rest),
  sum(input), sum(cached), sum(written), sum(output), sum(reasoning)
FROM ledger_quarters GROUP BY 1, 2;
INSERT INTO spend_groups (name)
SELECT DISTINCT json_array(channel, '', '', '', '', '', '', '', json('[]'), '') FROM spend_hours WHERE true
ON CONFLICT (name) DO NOTHING;
INSERT INTO spend_quarters
SELECT hour_at, id, attempts, unpriced_attempts, cost_picousd / 1000000, cost_picousd % 1000000,
  input_tokens, 0, 0, output_tokens, 0
FROM spend_hours JOIN spend_groups ON name = json_array(channel, '', '', '', '', '', '', '', json('[]'), '')
WHERE NOT EXISTS (
  SELECT 1 FROM ledger WHERE started_at >= spend_hours.hour_at AND started_at < spend_hours.hour_at + 3600
);

CREATE TRIGGER ledger_to_quarters AFTER INSERT ON ledger BEGIN
  INSERT INTO spend_groups (name) SELECT name FROM ledger_groups WHERE row = new.rowid
  ON CONFLICT (name) DO NOTHING;
  UPDATE ledger SET group_id = (
    SELECT id FROM spend_groups WHERE name = (SELECT name FROM ledger_groups WHERE row = new.rowid)
  ) WHERE rowid = new.rowid;
  INSERT INTO spend_quarters
  SELECT quarter_at, group_id, 1, unpriced, micro, rest, input, cached, written, output, reasoning
  FROM ledger_quarters WHERE row = new.rowid
  ON CONFLICT (quarter_at, group_id) DO UPDATE SET
    attempts = attempts + 1,
    unpriced = unpriced + excluded.unpriced,
    micro = micro + excluded.micro,
    rest = rest + excluded.rest,
    input = input + excluded.input,
    cached = cached + excluded.cached,
    written = written + excluded.written,
    output = output + excluded.output,
    reasoning = reasoning + excluded.reasoning;
END;

-- A row that puts another cost in the place of one above. `delta_picousd` and `delta_unpriced` are what that changes.
CREATE TABLE ledger_corrections (
  id INTEGER PRIMARY KEY,
  request_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  at REAL NOT NULL,
  started_at REAL NOT NULL,
  channel TEXT NOT NULL,
  key_id TEXT,
  group_id INTEGER NOT NULL,
  cost_picousd INTEGER,
  delta_picousd INTEGER NOT NULL,
  delta_unpriced INTEGER NOT NULL,
  price_source TEXT NOT NULL,
  meter TEXT NOT NULL,
  why TEXT NOT NULL
);
CREATE INDEX ledger_corrections_by_row ON ledger_corrections (request_id, number);
CREATE INDEX ledger_corrections_by_time ON ledger_corrections (started_at);

-- The rows that it changes are there: the attempt's own row has made them.
CREATE TRIGGER corrections_to_totals AFTER INSERT ON ledger_corrections BEGIN
  UPDATE spend_hours SET
    cost_picousd = cost_picousd + new.delta_picousd, unpriced_attempts = unpriced_attempts + new.delta_unpriced
  WHERE hour_at = CAST(new.started_at / 3600 AS INTEGER) * 3600.0 AND channel = new.channel;
  UPDATE key_hours SET micro = micro + new.delta_picousd / 1000000, rest = rest + new.delta_picousd % 1000000
  WHERE hour_at = CAST(new.started_at / 3600 AS INTEGER) * 3600.0 AND key_id = new.key_id;
  UPDATE key_days SET micro = micro + new.delta_picousd / 1000000, rest = rest + new.delta_picousd % 1000000
  WHERE day_at = CAST(new.started_at / 86400 AS INTEGER) * 86400.0 AND key_id = new.key_id;
  UPDATE spend_quarters SET
    micro = micro + new.delta_picousd / 1000000, rest = rest + new.delta_picousd % 1000000,
    unpriced = unpriced + new.delta_unpriced
  WHERE quarter_at = CAST(new.started_at / 900 AS INTEGER) * 900.0 AND group_id = new.group_id;
END;
