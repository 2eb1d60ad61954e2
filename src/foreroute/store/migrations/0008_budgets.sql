-- Budgets that were set at run time, each one JSON object; those of the configuration file are not in here.
CREATE TABLE budgets (
  name TEXT PRIMARY KEY,
  body BLOB NOT NULL
);
