-- What was received, byte for byte, and the Merkle log over it. These tables are
-- the evidence; everything in 0002 can be computed from them again.

-- One row for each accepted event. idx is its place in the log. dev and case_n are
-- the numbers of devices.n and cases.n (0: no case), which are given in log order
-- and therefore come out the same in every rebuild. carrier is the number of the
-- device that delivered it, 0 where that is not known. There is no index on id:
-- inserting random keys would cost several times the rest; event_ids is filled later.
CREATE TABLE events (
	idx      BIGINT PRIMARY KEY,
	dev      BIGINT NOT NULL,
	seq      BIGINT NOT NULL,
	id       BYTEA NOT NULL,
	uuid     BYTEA NOT NULL,
	type     TEXT COLLATE "C" NOT NULL,
	case_n   BIGINT NOT NULL,
	received BIGINT NOT NULL,
	carrier  BIGINT NOT NULL,
	line     BYTEA NOT NULL
);
CREATE UNIQUE INDEX events_chain ON events (dev, seq);
CREATE UNIQUE INDEX events_uuid ON events (uuid);
CREATE INDEX events_case ON events (case_n, idx);

-- From the first eight bytes of an event id, big-endian and as a signed number, to
-- the places it may be at. Complete below the meta value event_ids.
CREATE TABLE event_ids (
	prefix BIGINT NOT NULL,
	idx    BIGINT NOT NULL,
	PRIMARY KEY (prefix, idx)
);

-- One row for each line that was received and is not an accepted event. sha is
-- SHA-256 over the line. device, seq, type and case_id are what the line claims of
-- itself and prove nothing; device and case_id are empty where it claims none.
CREATE TABLE quarantine (
	idx      BIGINT PRIMARY KEY,
	sha      BYTEA NOT NULL,
	received BIGINT NOT NULL,
	layer    TEXT COLLATE "C" NOT NULL,
	code     TEXT COLLATE "C" NOT NULL,
	detail   TEXT COLLATE "C" NOT NULL,
	event_id BYTEA NOT NULL,
	device   BYTEA NOT NULL,
	seq      BIGINT NOT NULL,
	type     TEXT COLLATE "C" NOT NULL,
	case_id  BYTEA NOT NULL,
	carrier  BIGINT NOT NULL,
	line     BYTEA NOT NULL
);
CREATE UNIQUE INDEX quarantine_sha ON quarantine (sha);
CREATE INDEX quarantine_device ON quarantine (device, idx);
CREATE INDEX quarantine_case ON quarantine (case_id, idx);

-- Tiles of the RFC 6962 tree: up to 256 hashes of 32 bytes.
CREATE TABLE tiles (
	level BIGINT NOT NULL,
	n     BIGINT NOT NULL,
	data  BYTEA NOT NULL,
	PRIMARY KEY (level, n)
);

-- The log's own signed checkpoints, one for each transaction that appended.
CREATE TABLE checkpoints (
	size BIGINT PRIMARY KEY,
	root BYTEA NOT NULL,
	at   BIGINT NOT NULL,
	note TEXT COLLATE "C" NOT NULL
);

-- The same checkpoints with the cosignatures of witnesses. sha is SHA-256 over the
-- note, which devices embed; at is when it was stored.
CREATE TABLE cosigned (
	sha  BYTEA PRIMARY KEY,
	size BIGINT NOT NULL,
	at   BIGINT NOT NULL,
	note TEXT COLLATE "C" NOT NULL
);
CREATE INDEX cosigned_size ON cosigned (size, at);

-- RFC 3161 tokens over the exact bytes of the note whose SHA-256 is note_sha.
CREATE TABLE tokens (
	sha      BYTEA PRIMARY KEY,
	note_sha BYTEA NOT NULL,
	size     BIGINT NOT NULL,
	at       BIGINT NOT NULL,
	token    BYTEA NOT NULL
);
CREATE INDEX tokens_size ON tokens (size, at);

-- Small facts about this database.
CREATE TABLE meta (
	name  TEXT COLLATE "C" PRIMARY KEY,
	value TEXT COLLATE "C" NOT NULL
);
