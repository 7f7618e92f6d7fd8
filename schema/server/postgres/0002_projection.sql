-- Read models. Every row here follows from the rows of events and quarantine in log
-- order; `fieldseal rebuild` empties these tables and fills them again. Times are
-- microseconds since 1970, UUIDs 16 bytes (empty: none), digests 32.

CREATE TABLE orgs (
	id            BYTEA PRIMARY KEY,
	kind          TEXT COLLATE "C" NOT NULL,
	name          TEXT COLLATE "C" NOT NULL,
	name_zh       TEXT COLLATE "C" NOT NULL,
	accreditation TEXT COLLATE "C" NOT NULL,
	idx           BIGINT NOT NULL
);

-- The newest statement about each person; idx is that statement's place.
CREATE TABLE persons (
	id               BYTEA PRIMARY KEY,
	org              BYTEA NOT NULL,
	name             TEXT COLLATE "C" NOT NULL,
	login            TEXT COLLATE "C" NOT NULL,
	roles            TEXT COLLATE "C" NOT NULL,
	credential_no    TEXT COLLATE "C" NOT NULL,
	credential_from  TEXT COLLATE "C" NOT NULL,
	credential_until TEXT COLLATE "C" NOT NULL,
	disabled         BIGINT NOT NULL,
	idx              BIGINT NOT NULL
);
CREATE INDEX persons_login ON persons (login) WHERE login <> '';
CREATE INDEX persons_org ON persons (org);

-- Enrolled devices; number 1 is the authority itself. revoked_idx is -1 while the
-- key is good.
CREATE TABLE devices (
	n             BIGINT PRIMARY KEY,
	id            BYTEA NOT NULL,
	person        BYTEA NOT NULL,
	org           BYTEA NOT NULL,
	key_id        BYTEA NOT NULL,
	alg           TEXT COLLATE "C" NOT NULL,
	spki          BYTEA NOT NULL,
	model         TEXT COLLATE "C" NOT NULL,
	app           TEXT COLLATE "C" NOT NULL,
	enrolment     BYTEA NOT NULL,
	enrolled      BIGINT NOT NULL,
	enrolled_idx  BIGINT NOT NULL,
	revoked       BIGINT NOT NULL,
	revoked_idx   BIGINT NOT NULL,
	revoked_cause TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX devices_id ON devices (id);
CREATE INDEX devices_key ON devices (key_id);
CREATE INDEX devices_person ON devices (person);

-- The accepted sequence numbers of each device as runs without a hole. first_prev
-- is what the first event of the run names as its predecessor, last_id the id of
-- the last one: what an event that joins the run must agree with.
CREATE TABLE runs (
	dev        BIGINT NOT NULL,
	first      BIGINT NOT NULL,
	last       BIGINT NOT NULL,
	first_prev BYTEA NOT NULL,
	last_id    BYTEA NOT NULL,
	PRIMARY KEY (dev, first)
);

-- A case exists from the first event that names it; opened_idx is -1 until its
-- case.opened has arrived. org is the organisation that it belongs to.
CREATE TABLE cases (
	n          BIGINT PRIMARY KEY,
	id         BYTEA NOT NULL,
	number     TEXT COLLATE "C" NOT NULL,
	title      TEXT COLLATE "C" NOT NULL,
	authority  TEXT COLLATE "C" NOT NULL,
	org        BYTEA NOT NULL,
	opened_by  BYTEA NOT NULL,
	opened     BIGINT NOT NULL,
	opened_idx BIGINT NOT NULL,
	first_idx  BIGINT NOT NULL,
	last_idx   BIGINT NOT NULL,
	events     BIGINT NOT NULL
);
CREATE UNIQUE INDEX cases_id ON cases (id);
CREATE INDEX cases_org ON cases (org);
CREATE INDEX cases_number ON cases (number);

-- Rights in a case. until is 0 where there is no end; revoked_idx is -1 while it stands.
CREATE TABLE grants (
	id          BYTEA PRIMARY KEY,
	case_n      BIGINT NOT NULL,
	org         BYTEA NOT NULL,
	person      BYTEA NOT NULL,
	allows      TEXT COLLATE "C" NOT NULL,
	until       BIGINT NOT NULL,
	reason      TEXT COLLATE "C" NOT NULL,
	idx         BIGINT NOT NULL,
	revoked_idx BIGINT NOT NULL
);
CREATE INDEX grants_case ON grants (case_n);
CREATE INDEX grants_org ON grants (org) WHERE length(org) > 0;
CREATE INDEX grants_person ON grants (person) WHERE length(person) > 0;

-- Files whose bytes arrived whole (arrived_idx >= 0), or arrived as something else
-- (bad: how often).
CREATE TABLE media (
	sha         BYTEA PRIMARY KEY,
	size        BIGINT NOT NULL,
	type        TEXT COLLATE "C" NOT NULL,
	arrived     BIGINT NOT NULL,
	arrived_idx BIGINT NOT NULL,
	bad         BIGINT NOT NULL,
	bad_idx     BIGINT NOT NULL
);

-- Each mention of a file in an event, with what the event says of it.
CREATE TABLE media_refs (
	sha    BYTEA NOT NULL,
	idx    BIGINT NOT NULL,
	case_n BIGINT NOT NULL,
	size   BIGINT NOT NULL,
	type   TEXT COLLATE "C" NOT NULL,
	name   TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (sha, idx)
);
CREATE INDEX media_refs_case ON media_refs (case_n, idx);

-- Things: samples, sub-samples, objects, photos, files, series. The first event that
-- records a thing makes its row. find is the label as it is searched for.
CREATE TABLE items (
	id     BYTEA PRIMARY KEY,
	kind   TEXT COLLATE "C" NOT NULL,
	case_n BIGINT NOT NULL,
	label  TEXT COLLATE "C" NOT NULL,
	find   TEXT COLLATE "C" NOT NULL,
	held   BIGINT NOT NULL,
	sha    BYTEA NOT NULL,
	idx    BIGINT NOT NULL
);
CREATE INDEX items_case ON items (case_n, idx);
CREATE INDEX items_find ON items (find);
CREATE INDEX items_sha ON items (sha) WHERE length(sha) > 0;

CREATE TABLE label_blocks (
	idx    BIGINT PRIMARY KEY,
	device BYTEA NOT NULL,
	prefix TEXT COLLATE "C" NOT NULL,
	first  BIGINT NOT NULL,
	last   BIGINT NOT NULL
);
CREATE INDEX label_blocks_device ON label_blocks (device);
CREATE INDEX label_blocks_prefix ON label_blocks (prefix, last);

CREATE TABLE rule_packs (
	idx          BIGINT PRIMARY KEY,
	pack         TEXT COLLATE "C" NOT NULL,
	version      TEXT COLLATE "C" NOT NULL,
	jurisdiction TEXT COLLATE "C" NOT NULL,
	effective    TEXT COLLATE "C" NOT NULL,
	sha          BYTEA NOT NULL
);
CREATE INDEX rule_packs_pack ON rule_packs (pack, idx);

-- What the authority said about whom: subject is the id of an organisation, a
-- person or a device, or the digest of a file.
CREATE TABLE statements (
	subject BYTEA NOT NULL,
	idx     BIGINT NOT NULL,
	PRIMARY KEY (subject, idx)
);

-- What became of something in quarantine (idx: the settling event).
CREATE TABLE settled (
	idx        BIGINT PRIMARY KEY,
	item       BIGINT NOT NULL,
	resolution TEXT COLLATE "C" NOT NULL,
	reason     TEXT COLLATE "C" NOT NULL,
	actor      BYTEA NOT NULL
);
CREATE INDEX settled_item ON settled (item, idx);
