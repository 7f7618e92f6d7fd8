-- The desks in the browser. Nothing here is evidence.

-- Browser sessions by the SHA-256 of their secret.
CREATE TABLE sessions (
	sha    BLOB    PRIMARY KEY,
	person BLOB    NOT NULL,
	opened INTEGER NOT NULL,
	seen   INTEGER NOT NULL,
	ended  INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_person ON sessions (person);

-- Who looked at what, and when: written before it is shown. ref is what was looked
-- at, case_id the case that it belongs to, zero where it belongs to none.
CREATE TABLE looks (
	request TEXT    PRIMARY KEY,
	at      INTEGER NOT NULL,
	person  BLOB    NOT NULL,
	kind    TEXT    NOT NULL,
	case_id BLOB    NOT NULL,
	ref     TEXT    NOT NULL
) STRICT;
CREATE INDEX looks_at ON looks (at);
CREATE INDEX looks_case ON looks (case_id, at);
