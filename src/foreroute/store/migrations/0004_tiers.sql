-- Rollups by segment, and rollups from elsewhere that tell some metrics only. The table stays clustered by time.
CREATE TABLE rollups_new (
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
  segment TEXT NOT NULL,
  metrics TEXT NOT NULL,
  PRIMARY KEY (window_start, channel, segment, source)
) WITHOUT ROWID;
INSERT INTO rollups_new SELECT *, '', '' FROM rollups;
DROP TABLE rollups;
ALTER TABLE rollups_new RENAME TO rollups;

-- Minutes that hardly change any more, some hours of a channel in one row: numbers by column, sketches apart.
CREATE TABLE rollup_chunks (
  channel TEXT NOT NULL,
  segment TEXT NOT NULL,
  chunk_at REAL NOT NULL,
  rollups INTEGER NOT NULL,
  numbers BLOB NOT NULL,
  sketches BLOB NOT NULL,
  PRIMARY KEY (channel, segment, chunk_at)
) WITHOUT ROWID;
CREATE INDEX rollup_chunks_by_time ON rollup_chunks (chunk_at);

-- Hours and days. `members` names the minutes that each holds, so that none is added twice.
CREATE TABLE rollup_spans (
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
  segment TEXT NOT NULL,
  metrics TEXT NOT NULL,
  members BLOB NOT NULL,
  PRIMARY KEY (channel, segment, window_start, window_s)
) WITHOUT ROWID;
CREATE INDEX rollup_spans_by_time ON rollup_spans (window_s, window_start);

-- The end of the newest hour or day: minutes after it need not be looked for in any.
CREATE TABLE rollup_spans_end (at REAL NOT NULL);
INSERT INTO rollup_spans_end VALUES (-1e300);
