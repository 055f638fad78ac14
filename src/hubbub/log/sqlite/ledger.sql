-- Named statements of documents, cursors, parcels and attempts.

-- documents: all of a kind
SELECT name, version, body FROM document WHERE kind = ? ORDER BY name

-- put_document: a new version of one, whatever its bytes are
INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?)

-- document_versions: of those of some that are there, as JSON of [kind, name, version]
SELECT json_group_array(json_array(kind, name, version))
FROM document WHERE (kind, name) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))

-- put_documents: new versions of some, as JSON of [kind, name, version, body]
INSERT OR REPLACE INTO document
SELECT value ->> 0, value ->> 1, value ->> 2, CAST(value ->> 3 AS BLOB) FROM json_each(?)

-- delete_documents: some, for good
DELETE FROM document WHERE (kind, name) IN (
    SELECT value ->> 0, value ->> 1 FROM json_each(?)
)

-- cursors: all of them, as they were written
SELECT body FROM cursors ORDER BY id

-- put_cursors: how far some are now
INSERT INTO cursors (body) VALUES (?)

-- delete_cursors: before all of them are written in one
DELETE FROM cursors

-- parcels: of one subscription, waiting or dead
SELECT json_group_array(json(CAST(body AS TEXT)))
FROM (
    SELECT body FROM parcel WHERE subscription = ? AND is_dead = ? AND "offset" > ?
    ORDER BY "offset" LIMIT ?
)

-- parcel: one, whatever it is
SELECT json_group_array(json(CAST(body AS TEXT)))
FROM parcel WHERE subscription = ? AND is_dead IN (0, 1) AND "offset" = ?

-- waiting: subscriptions with events that wait for another attempt
SELECT json_group_array(DISTINCT subscription) FROM parcel WHERE is_dead = 0

-- dead_letters: how many each subscription has
SELECT json_group_array(json_array(subscription, dead))
FROM (
    SELECT subscription, count(*) AS dead FROM parcel WHERE is_dead = 1 GROUP BY subscription
)

-- delete_parcels: before others for the same events, or for good
DELETE FROM parcel WHERE (subscription, is_dead, "offset") IN (
    SELECT value ->> 0, column1, value ->> 1 FROM json_each(?), (VALUES (0), (1))
)

-- put_parcels: new ones, as core.subscription.Parcel lists its members
INSERT INTO parcel
SELECT value ->> 0, value ->> 1, value ->> 4 = 0, CAST(value AS BLOB) FROM json_each(?)

-- replace_segment: one that begins with the same attempt
DELETE FROM segment WHERE first = ?

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

-- old_segments: some of which all attempts began before a time
SELECT id, count FROM segment WHERE newest < ? ORDER BY newest LIMIT ?

-- oldest_segments: some, oldest first
SELECT id, count FROM segment ORDER BY newest LIMIT ?

-- attempt_count: of all segments
SELECT coalesce(sum(count), 0) FROM segment

-- delete_segment: for good
DELETE FROM segment WHERE id = ?

-- forget_parcels: some of a subscription that is gone; tells whether there were any
DELETE FROM parcel WHERE (subscription, is_dead, "offset") IN (
    SELECT subscription, is_dead, "offset" FROM parcel WHERE subscription = ? LIMIT ?
) RETURNING 1
