-- Marks the file as ours ("Fore"), so that the database of another program is never taken for one.
PRAGMA application_id = 1181708901;

-- Retention asks for all kinds at once.
CREATE INDEX records_by_age ON records (at);
