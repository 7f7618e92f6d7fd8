-- What was received, byte for byte, and the Merkle log over it. These tables are
-- the evidence; everything in 0002 can be computed from them again.

-- One row for each accepted event. idx is its place in the log. dev and case_n are
-- the numbers of devices.n and cases.n (0: no case), which are given in log order
-- and therefore come out the same in every rebuild. carrier is the number of the
-- device that delivered it, 0 where that is not known. There is no index on id:
-- inserting random keys would cost several times the rest; event_ids is filled later.
CREATE TABLE events (
	idx      INTEGER PRIMARY KEY,
	dev      INTEGER NOT NULL,
	seq      INTEGER NOT NULL,
	id       BLOB    NOT NULL,
	uuid     BLOB    NOT NULL,
	type     TEXT    NOT NULL,
	case_n   INTEGER NOT NULL,
	received INTEGER NOT NULL,
	carrier  INTEGER NOT NULL,
	line     BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_chain ON events (dev, seq);
CREATE UNIQUE INDEX events_uuid ON events (uuid);
CREATE INDEX events_case ON events (case_n); -- the row number idx follows in every index

-- From the first eight bytes of an event id, big-endian and as a signed number, to
-- the places it may be at. Complete below the meta value event_ids.
CREATE TABLE event_ids (
	prefix INTEGER NOT NULL,
	idx    INTEGER NOT NULL,
	PRIMARY KEY (prefix, idx)
) STRICT, WITHOUT ROWID;

-- One row for each line that was received and is not an accepted event. sha is
-- SHA-256 over the line. device, seq, type and case_id are what the line claims of
-- itself and prove nothing; device and case_id are empty where it claims none.
CREATE TABLE quarantine (
	idx      INTEGER PRIMARY KEY,
	sha      BLOB    NOT NULL,
	received INTEGER NOT NULL,
	layer    TEXT    NOT NULL,
	code     TEXT    NOT NULL,
	detail   TEXT    NOT NULL,
	event_id BLOB    NOT NULL,
	device   BLOB    NOT NULL,
	seq      INTEGER NOT NULL,
	type     TEXT    NOT NULL,
	case_id  BLOB    NOT NULL,
	carrier  INTEGER NOT NULL,
	line     BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX quarantine_sha ON quarantine (sha);
CREATE INDEX quarantine_device ON quarantine (device, idx);
CREATE INDEX quarantine_case ON quarantine (case_id, idx);

-- Tiles of the RFC 6962 tree: up to 256 hashes of 32 bytes.
CREATE TABLE tiles (
	level INTEGER NOT NULL,
	n     INTEGER NOT NULL,
	data  BLOB    NOT NULL,
	PRIMARY KEY (level, n)
) STRICT;

-- The log's own signed checkpoints, one for each transaction that appended.
CREATE TABLE checkpoints (
	size INTEGER PRIMARY KEY,
	root BLOB    NOT NULL,
	at   INTEGER NOT NULL,
	note TEXT    NOT NULL
) STRICT;

-- The same checkpoints with the cosignatures of witnesses. sha is SHA-256 over the
-- note, which devices embed; at is when it was stored.
CREATE TABLE cosigned (
	sha  BLOB    PRIMARY KEY,
	size INTEGER NOT NULL,
	at   INTEGER NOT NULL,
	note TEXT    NOT NULL
) STRICT;
CREATE INDEX cosigned_size ON cosigned (size, at);

-- RFC 3161 tokens over the exact bytes of the note whose SHA-256 is note_sha.
CREATE TABLE tokens (
	sha      BLOB    PRIMARY KEY,
	note_sha BLOB    NOT NULL,
	size     INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	token    BLOB    NOT NULL
) STRICT;
CREATE INDEX tokens_size ON tokens (size, at);

-- Small facts about this database.
CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT;
