PRAGMA user_version = 1;
BEGIN TRANSACTION;
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
INSERT INTO "ledger" VALUES('req_00',1,1763899200.0,'azure-eu',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.5,"outcome":"success","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":null,"phase":"done","status":200,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":""}');
INSERT INTO "ledger" VALUES('req_01',1,1763899800.0,'openai-us',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.51,"outcome":"success","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":null,"phase":"done","status":200,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":""}');
INSERT INTO "ledger" VALUES('req_02',1,1763900400.0,'azure-eu',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.52,"outcome":"success","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":null,"phase":"done","status":200,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":""}');
INSERT INTO "ledger" VALUES('req_03',1,1763901000.0,'openai-us',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.53,"outcome":"failure","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":"server_error","phase":"done","status":500,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":"HTTP 500"}');
INSERT INTO "ledger" VALUES('req_04',1,1763901600.0,'azure-eu',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.54,"outcome":"success","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":null,"phase":"done","status":200,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":""}');
INSERT INTO "ledger" VALUES('req_05',1,1763902200.0,'openai-us',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.55,"outcome":"success","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":null,"phase":"done","status":200,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":""}');
INSERT INTO "ledger" VALUES('req_06',1,1763902800.0,'azure-eu',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.56,"outcome":"success","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":null,"phase":"done","status":200,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":""}');
INSERT INTO "ledger" VALUES('req_07',1,1763903400.0,'openai-us',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.5700000000000001,"outcome":"failure","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":"server_error","phase":"done","status":500,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":"HTTP 500"}');
INSERT INTO "ledger" VALUES('req_08',1,1763904000.0,'azure-eu',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.58,"outcome":"success","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":null,"phase":"done","status":200,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":""}');
INSERT INTO "ledger" VALUES('req_09',1,1763904600.0,'openai-us',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.59,"outcome":"success","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":null,"phase":"done","status":200,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":""}');
INSERT INTO "ledger" VALUES('req_10',1,1763905200.0,'azure-eu',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.6,"outcome":"success","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":null,"phase":"done","status":200,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":""}');
INSERT INTO "ledger" VALUES('req_11',1,1763905800.0,'openai-us',27000000,'config',100,20,'{"route":"chat-small","duration_s":0.61,"outcome":"failure","reason":"configured","plan_version":1,"client_region":null,"key_id":"key-1","stream":true,"time_to_first_chunk_s":0.2,"failure_class":"server_error","phase":"done","status":500,"usage":[100,0,0,20,0],"hedge":false,"retry_after_s":null,"error":"HTTP 500"}');
CREATE TABLE records (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  at REAL NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID;
INSERT INTO "records" VALUES('audit','1763899205.000000/kill_switch',1763899205.0,X'7B226174223A313736333839393230352E302C22616374696F6E223A226B696C6C5F737769746368222C2264657461696C223A226F6E227D');
INSERT INTO "records" VALUES('decision','d1',1763899209.0,X'7B226964223A226431222C226170706C696564223A747275652C22706C616E5F76657273696F6E223A312C226368616E676573223A5B5D7D');
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
INSERT INTO "rollups" VALUES(1763899200.0,'azure-eu','run-old',60.0,1,1,0,0,'{}','[1,0.5,0.5,0.5,0.5]',X'014301','[1,0.2,0.2,0.2,0.2]',X'019F0101','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763899800.0,'openai-us','run-old',60.0,1,1,0,0,'{}','[1,0.51,0.51,0.51,0.51]',X'014101','[1,0.2,0.2,0.2,0.2]',X'019F0101','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763900400.0,'azure-eu','run-old',60.0,1,1,0,0,'{}','[1,0.52,0.52,0.52,0.52]',X'013F01','[1,0.2,0.2,0.2,0.2]',X'019F0101','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763901000.0,'openai-us','run-old',60.0,1,0,0,0,'{"server_error":1}','[0,0.0,null,null,null]',X'','[0,0.0,null,null,null]',X'','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763901600.0,'azure-eu','run-old',60.0,1,1,0,0,'{}','[1,0.54,0.54,0.54,0.54]',X'013B01','[1,0.2,0.2,0.2,0.2]',X'019F0101','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763902200.0,'openai-us','run-old',60.0,1,1,0,0,'{}','[1,0.55,0.55,0.55,0.55]',X'013901','[1,0.2,0.2,0.2,0.2]',X'019F0101','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763902800.0,'azure-eu','run-old',60.0,1,1,0,0,'{}','[1,0.56,0.56,0.56,0.56]',X'013701','[1,0.2,0.2,0.2,0.2]',X'019F0101','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763903400.0,'openai-us','run-old',60.0,1,0,0,0,'{"server_error":1}','[0,0.0,null,null,null]',X'','[0,0.0,null,null,null]',X'','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763904000.0,'azure-eu','run-old',60.0,1,1,0,0,'{}','[1,0.58,0.58,0.58,0.58]',X'013501','[1,0.2,0.2,0.2,0.2]',X'019F0101','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763904600.0,'openai-us','run-old',60.0,1,1,0,0,'{}','[1,0.59,0.59,0.59,0.59]',X'013301','[1,0.2,0.2,0.2,0.2]',X'019F0101','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763905200.0,'azure-eu','run-old',60.0,1,1,0,0,'{}','[1,0.6,0.6,0.6,0.6]',X'013101','[1,0.2,0.2,0.2,0.2]',X'019F0101','[100,0,0,20,0]',0,1);
INSERT INTO "rollups" VALUES(1763905800.0,'openai-us','run-old',60.0,1,0,0,0,'{"server_error":1}','[0,0.0,null,null,null]',X'','[0,0.0,null,null,null]',X'','[100,0,0,20,0]',0,1);
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
INSERT INTO "spend_hours" VALUES(1763899200.0,'azure-eu',3,81000000,0,300,60);
INSERT INTO "spend_hours" VALUES(1763899200.0,'openai-us',3,81000000,0,300,60);
INSERT INTO "spend_hours" VALUES(1763902800.0,'azure-eu',3,81000000,0,300,60);
INSERT INTO "spend_hours" VALUES(1763902800.0,'openai-us',3,81000000,0,300,60);
CREATE INDEX ledger_by_time ON ledger (started_at);
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
CREATE INDEX records_by_time ON records (kind, at);
COMMIT;
