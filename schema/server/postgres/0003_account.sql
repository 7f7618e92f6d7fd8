-- Access, which is not evidence: nothing here is in the log, and none of it can be
-- computed from the log. Secrets are kept as digests only.

-- Password hashes (argon2id, PHC string).
CREATE TABLE credentials (
	person  BYTEA PRIMARY KEY,
	hash    TEXT COLLATE "C" NOT NULL,
	changed BIGINT NOT NULL,
	failed  BIGINT NOT NULL,
	locked  BIGINT NOT NULL
);

-- Refresh tokens by the SHA-256 of their secret. All that descend from one sign-in
-- are a family, which is ended as a whole when a spent one comes back.
CREATE TABLE refresh_tokens (
	sha     BYTEA PRIMARY KEY,
	family  BYTEA NOT NULL,
	person  BYTEA NOT NULL,
	device  BYTEA NOT NULL,
	scope   TEXT COLLATE "C" NOT NULL,
	issued  BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	spent   BIGINT NOT NULL,
	revoked BIGINT NOT NULL
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_person ON refresh_tokens (person);

-- One-time enrolment codes by their SHA-256.
CREATE TABLE enrol_codes (
	sha     BYTEA PRIMARY KEY,
	person  BYTEA NOT NULL,
	issuer  BYTEA NOT NULL,
	issued  BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	spent   BIGINT NOT NULL,
	device  BYTEA NOT NULL
);

-- Challenges that a device answers to sign in.
CREATE TABLE challenges (
	nonce   BYTEA PRIMARY KEY,
	device  BYTEA NOT NULL,
	expires BIGINT NOT NULL,
	spent   BIGINT NOT NULL
);
