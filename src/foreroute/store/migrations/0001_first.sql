-- Minutes of channels. Clustered by time: a tick appends at the end, and the newest minutes are read together.
CREATE TABLE rollups (
  window_start REAL NOT NULL,
  channel TEXT NOT NULL,
  source TEXT NOT NULL,
  window_s REAL NOT NULL,
  attempts INTEGER NOT NULL,
  successes INTEGER NOT NULL,
  throttles INTEGER NOT NULL,
  ignored INTEGER NOT NULL,
  failures TEXT NOT NULL,
  latency TEXT NOT NULL,
  latency_sketch BLOB NOT NULL,
  first_chunk TEXT NOT NULL,
  first_chunk_sketch BLOB NOT NULL,
  usage TEXT NOT NULL,
  cost_picousd INTEGER NOT NULL,
  unpriced_attempts INTEGER NOT NULL,
  PRIMARY KEY (window_start, channel, source)
) WITHOUT ROWID;

-- One row per attempt. Money is in whole pico-dollars, so that sums are exact.
CREATE TABLE ledger (
  request_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  started_at REAL NOT NULL,
  channel TEXT NOT NULL,
  cost_picousd INTEGER,
  price_source TEXT NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  attempt TEXT NOT NULL,
  UNIQUE (request_id, number)
);
CREATE INDEX ledger_by_time ON ledger (started_at);

-- Totals of whole hours, kept by the trigger: a month is summed from some hundred rows, not from millions.
CREATE TABLE spend_hours (
  hour_at REAL NOT NULL,
  channel TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  cost_picousd INTEGER NOT NULL,
  unpriced_attempts INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  PRIMARY KEY (hour_at, channel)
) WITHOUT ROWID;

CREATE TRIGGER ledger_to_hours AFTER INSERT ON ledger BEGIN
  INSERT INTO spend_hours VALUES (
    CAST(new.started_at / 3600 AS INTEGER) * 3600.0, new.channel, 1, coalesce(new.cost_picousd, 0),
    new.cost_picousd IS NULL, new.input_tokens, new.output_tokens
  )
  ON CONFLICT (hour_at, channel) DO UPDATE SET
    attempts = attempts + 1,
    cost_picousd = cost_picousd + excluded.cost_picousd,
    unpriced_attempts = unpriced_attempts + excluded.unpriced_attempts,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens;
END;

-- Journals: decisions, ticks, incidents, anomalies, audit.
CREATE TABLE records (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  at REAL NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX records_by_time ON records (kind, at);
