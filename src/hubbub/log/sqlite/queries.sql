-- Named statements: `-- name: what it does`, then the SQL up to the next name.

-- append: one row; the writer repeats the parenthesis
INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- append_more: what it repeats
, (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- version: how many migrations were run, by which program, and whether anything is there
SELECT (SELECT user_version FROM pragma_user_version()),
       (SELECT application_id FROM pragma_application_id()),
       (SELECT count(*) FROM sqlite_schema)

-- check: that the pages of the file fit together; names the first that does not
PRAGMA quick_check(1)

-- file_settings: what is decided when the file is new and kept by it
PRAGMA auto_vacuum = INCREMENTAL

-- write_ahead_log: one that appends and reads do not wait for each other in
PRAGMA journal_mode = WAL

-- settings: of each connection that writes; fullfsync is what durable means on macOS
PRAGMA synchronous = FULL;
PRAGMA fullfsync = ON;
PRAGMA checkpoint_fullfsync = ON;
PRAGMA wal_autocheckpoint = 0

-- add_topic: a new topic; a leftover of the same name that was not forgotten in time goes
INSERT OR REPLACE INTO topic VALUES (?, ?)

-- begin: a transaction that writes
BEGIN IMMEDIATE

-- commit: durable when it returns
COMMIT

-- forget_unacknowledged: what was refused to its publishers, after a failure of the disk
DELETE FROM record WHERE "offset" > ?

-- trim: a few of the oldest records
DELETE FROM record WHERE "offset" < ?

-- keep_head: so that the head outlives the records
UPDATE log SET head = max(head, ?)

-- forget_topic: one of which no record is kept
DELETE FROM topic WHERE id = ?

-- sync_commits: FULL, the rule here: a commit is on the disk when it returns
PRAGMA synchronous = FULL

-- sync_later: NORMAL, for what may come back after a power cut
PRAGMA synchronous = NORMAL

-- pages: in the file, and of these the unused
SELECT (SELECT page_count FROM pragma_page_count()),
       (SELECT freelist_count FROM pragma_freelist_count())

-- vacuum: hand back a few unused pages to the file system
PRAGMA incremental_vacuum(256)

-- create_log: the one row of a new log
INSERT INTO log VALUES (1, ?, 0, ?)

-- renew_epoch: records were lost
UPDATE log SET epoch = ?

-- log: what outlives the records
SELECT epoch, head, secret FROM log

-- is_epoch: a row if the log has this epoch
SELECT 1 FROM log WHERE epoch = ?

-- ends: the oldest record and the newest
SELECT (SELECT min("offset") FROM record), (SELECT max("offset") FROM record)

-- record: what is known of one record apart from its event
SELECT recorded, total, length(json) FROM record WHERE "offset" = ?

-- topics: all of them
SELECT json_group_array(json_array(id, name)) FROM topic

-- newest_topic: the largest number there is
SELECT coalesce(max(id), 0) FROM topic

-- topics_between: those under a prefix, as a range of names
SELECT json_group_array(json_array(id, name)) FROM topic WHERE name >= ? AND name < ? AND id <= ?

-- topics_above: those that came since
SELECT json_group_array(json_array(id, name)) FROM topic WHERE id > ? AND id <= ?

-- fingerprints: what duplicates are recognised by, of a range of records
SELECT json_group_array(fingerprint), json_group_array("offset"), max(recorded)
FROM record WHERE "offset" BETWEEN ? AND ? AND fingerprint IS NOT NULL

-- seek: records of a few topics in a range of blocks, one seek for each topic and block
WITH RECURSIVE block (n) AS (
    SELECT ?1 UNION ALL SELECT n + 1 FROM block WHERE n < ?2
)
SELECT json_group_array(r."offset")
FROM block CROSS JOIN record AS r
WHERE r."offset" >> 12 = block.n AND r.topic IN (SELECT value FROM carray(?3))

-- scan: all records in a range of blocks with their topics, from the index alone
SELECT json_group_array("offset"), json_group_array(topic)
FROM record INDEXED BY record_topic WHERE "offset" >> 12 BETWEEN ? AND ?

-- sizes: of some records; -1 for those that are gone
SELECT json_group_array(coalesce(length(r.json), -1))
FROM carray(?) AS wanted LEFT JOIN record AS r ON r."offset" = wanted.value

-- fetch: some records, all in one row
SELECT json_group_array(json_array(
           "offset", recorded, total, topic, brought, checksum, length(json), type)),
       CAST(group_concat(json, '') AS BLOB)
FROM (
    SELECT r.* FROM carray(?) AS wanted CROSS JOIN record AS r ON r."offset" = wanted.value
)
