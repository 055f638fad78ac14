-- Named statements of documents, cursors, parcels and attempts.

-- documents: all of a kind
SELECT name, version, body FROM document WHERE kind = ? ORDER BY name

-- document_version: of one
SELECT version FROM document WHERE kind = ? AND name = ?

-- put_document: a new version of one
INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?)

-- delete_document: for good
DELETE FROM document WHERE kind = ? AND name = ?

-- cursors: all of them
SELECT subscription, body FROM cursor

-- put_cursor: how far one is now
INSERT OR REPLACE INTO cursor VALUES (?, ?)

-- parcels: of one subscription, waiting or dead
SELECT body FROM parcel WHERE subscription = ? AND is_dead = ? AND "offset" > ?
ORDER BY "offset" LIMIT ?

-- parcel: one, whatever it is
SELECT body FROM parcel WHERE subscription = ?1 AND is_dead IN (0, 1) AND "offset" = ?2

-- dead_letters: how many each subscription has
SELECT subscription, count(*) FROM parcel WHERE is_dead = 1 GROUP BY subscription

-- delete_parcel: before another one for the same event, or for good
DELETE FROM parcel WHERE subscription = ?1 AND is_dead IN (0, 1) AND "offset" = ?2

-- put_parcel: a new one
INSERT INTO parcel VALUES (?, ?, ?, ?)

-- put_segment: the attempts of one flush
INSERT INTO segment (newest, first, last, count, subscriptions, failures, body)
VALUES (?, ?, ?, ?, ?, ?, ?)

-- segments: some that hold attempts of a subscription, newest first
SELECT id, body FROM segment
WHERE id < ?1 AND newest >= ?2 AND first < ?3 AND instr(subscriptions, ?4)
ORDER BY id DESC LIMIT ?5

-- failed_segments: the same, of attempts that were not delivered
SELECT id, body FROM segment
WHERE id < ?1 AND newest >= ?2 AND first < ?3 AND instr(failures, ?4)
ORDER BY id DESC LIMIT ?5

-- segment_of: those that may hold the attempt of an id
SELECT body FROM segment WHERE first <= ?1 AND last >= ?1

-- old_segments: some that began before a time, oldest first
SELECT id, count FROM segment WHERE newest < ? ORDER BY id LIMIT ?

-- oldest_segments: some, oldest first
SELECT id, count FROM segment ORDER BY id LIMIT ?

-- attempt_count: of all segments
SELECT coalesce(sum(count), 0) FROM segment

-- delete_segment: for good
DELETE FROM segment WHERE id = ?

-- forget_cursor: of a subscription that is gone
DELETE FROM cursor WHERE subscription = ?

-- forget_parcels: of a subscription that is gone
DELETE FROM parcel WHERE subscription = ?
