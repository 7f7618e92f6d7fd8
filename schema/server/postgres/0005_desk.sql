-- The desks in the browser. Nothing here is evidence.

-- Browser sessions by the SHA-256 of their secret.
CREATE TABLE sessions (
	sha    BYTEA PRIMARY KEY,
	person BYTEA NOT NULL,
	opened BIGINT NOT NULL,
	seen   BIGINT NOT NULL,
	ended  BIGINT NOT NULL
);
CREATE INDEX sessions_person ON sessions (person);

-- Who looked at what, and when: written before it is shown. ref is what was looked
-- at, case_id the case that it belongs to, zero where it belongs to none.
CREATE TABLE looks (
	request TEXT COLLATE "C" PRIMARY KEY,
	at      BIGINT NOT NULL,
	person  BYTEA NOT NULL,
	kind    TEXT COLLATE "C" NOT NULL,
	case_id BYTEA NOT NULL,
	ref     TEXT COLLATE "C" NOT NULL
);
CREATE INDEX looks_at ON looks (at);
CREATE INDEX looks_case ON looks (case_id, at);
