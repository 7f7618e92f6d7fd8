-- Access, which is not evidence: nothing here is in the log, and none of it can be
-- computed from the log. Secrets are kept as digests only.

-- Password hashes (argon2id, PHC string).
CREATE TABLE credentials (
	person  BLOB    PRIMARY KEY,
	hash    TEXT    NOT NULL,
	changed INTEGER NOT NULL,
	failed  INTEGER NOT NULL,
	locked  INTEGER NOT NULL
) STRICT;

-- Refresh tokens by the SHA-256 of their secret. All that descend from one sign-in
-- are a family, which is ended as a whole when a spent one comes back.
CREATE TABLE refresh_tokens (
	sha     BLOB    PRIMARY KEY,
	family  BLOB    NOT NULL,
	person  BLOB    NOT NULL,
	device  BLOB    NOT NULL,
	scope   TEXT    NOT NULL,
	issued  INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	spent   INTEGER NOT NULL,
	revoked INTEGER NOT NULL
) STRICT;
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_person ON refresh_tokens (person);

-- One-time enrolment codes by their SHA-256.
CREATE TABLE enrol_codes (
	sha     BLOB    PRIMARY KEY,
	person  BLOB    NOT NULL,
	issuer  BLOB    NOT NULL,
	issued  INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	spent   INTEGER NOT NULL,
	device  BLOB    NOT NULL
) STRICT;

-- Challenges that a device answers to sign in.
CREATE TABLE challenges (
	nonce   BLOB    PRIMARY KEY,
	device  BLOB    NOT NULL,
	expires INTEGER NOT NULL,
	spent   INTEGER NOT NULL
) STRICT;
