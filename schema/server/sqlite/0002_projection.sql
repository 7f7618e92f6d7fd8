-- Read models. Every row here follows from the rows of events and quarantine in log
-- order; `fieldseal rebuild` empties these tables and fills them again. Times are
-- microseconds since 1970, UUIDs 16 bytes (empty: none), digests 32.

CREATE TABLE orgs (
	id            BLOB    PRIMARY KEY,
	kind          TEXT    NOT NULL,
	name          TEXT    NOT NULL,
	name_zh       TEXT    NOT NULL,
	accreditation TEXT    NOT NULL,
	idx           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest statement about each person; idx is that statement's place.
CREATE TABLE persons (
	id               BLOB    PRIMARY KEY,
	org              BLOB    NOT NULL,
	name             TEXT    NOT NULL,
	login            TEXT    NOT NULL,
	roles            TEXT    NOT NULL,
	credential_no    TEXT    NOT NULL,
	credential_from  TEXT    NOT NULL,
	credential_until TEXT    NOT NULL,
	disabled         INTEGER NOT NULL,
	idx              INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX persons_login ON persons (login) WHERE login <> '';
CREATE INDEX persons_org ON persons (org);

-- Enrolled devices; number 1 is the authority itself. revoked_idx is -1 while the
-- key is good.
CREATE TABLE devices (
	n             INTEGER PRIMARY KEY,
	id            BLOB    NOT NULL,
	person        BLOB    NOT NULL,
	org           BLOB    NOT NULL,
	key_id        BLOB    NOT NULL,
	alg           TEXT    NOT NULL,
	spki          BLOB    NOT NULL,
	model         TEXT    NOT NULL,
	app           TEXT    NOT NULL,
	enrolment     BLOB    NOT NULL,
	enrolled      INTEGER NOT NULL,
	enrolled_idx  INTEGER NOT NULL,
	revoked       INTEGER NOT NULL,
	revoked_idx   INTEGER NOT NULL,
	revoked_cause TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX devices_id ON devices (id);
CREATE INDEX devices_key ON devices (key_id);
CREATE INDEX devices_person ON devices (person);

-- The accepted sequence numbers of each device as runs without a hole. first_prev
-- is what the first event of the run names as its predecessor, last_id the id of
-- the last one: what an event that joins the run must agree with.
CREATE TABLE runs (
	dev        INTEGER NOT NULL,
	first      INTEGER NOT NULL,
	last       INTEGER NOT NULL,
	first_prev BLOB    NOT NULL,
	last_id    BLOB    NOT NULL,
	PRIMARY KEY (dev, first)
) STRICT, WITHOUT ROWID;

-- A case exists from the first event that names it; opened_idx is -1 until its
-- case.opened has arrived. org is the organisation that it belongs to.
CREATE TABLE cases (
	n          INTEGER PRIMARY KEY,
	id         BLOB    NOT NULL,
	number     TEXT    NOT NULL,
	title      TEXT    NOT NULL,
	authority  TEXT    NOT NULL,
	org        BLOB    NOT NULL,
	opened_by  BLOB    NOT NULL,
	opened     INTEGER NOT NULL,
	opened_idx INTEGER NOT NULL,
	first_idx  INTEGER NOT NULL,
	last_idx   INTEGER NOT NULL,
	events     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX cases_id ON cases (id);
CREATE INDEX cases_org ON cases (org);
CREATE INDEX cases_number ON cases (number);

-- Rights in a case. until is 0 where there is no end; revoked_idx is -1 while it stands.
CREATE TABLE grants (
	id          BLOB    PRIMARY KEY,
	case_n      INTEGER NOT NULL,
	org         BLOB    NOT NULL,
	person      BLOB    NOT NULL,
	allows      TEXT    NOT NULL,
	until       INTEGER NOT NULL,
	reason      TEXT    NOT NULL,
	idx         INTEGER NOT NULL,
	revoked_idx INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_case ON grants (case_n);
CREATE INDEX grants_org ON grants (org) WHERE length(org) > 0;
CREATE INDEX grants_person ON grants (person) WHERE length(person) > 0;

-- Files whose bytes arrived whole (arrived_idx >= 0), or arrived as something else
-- (bad: how often).
CREATE TABLE media (
	sha         BLOB    PRIMARY KEY,
	size        INTEGER NOT NULL,
	type        TEXT    NOT NULL,
	arrived     INTEGER NOT NULL,
	arrived_idx INTEGER NOT NULL,
	bad         INTEGER NOT NULL,
	bad_idx     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Each mention of a file in an event, with what the event says of it.
CREATE TABLE media_refs (
	sha    BLOB    NOT NULL,
	idx    INTEGER NOT NULL,
	case_n INTEGER NOT NULL,
	size   INTEGER NOT NULL,
	type   TEXT    NOT NULL,
	name   TEXT    NOT NULL,
	PRIMARY KEY (sha, idx)
) STRICT, WITHOUT ROWID;
CREATE INDEX media_refs_case ON media_refs (case_n, idx);

-- Things: samples, sub-samples, objects, photos, files, series. The first event that
-- records a thing makes its row. find is the label as it is searched for.
CREATE TABLE items (
	id     BLOB    PRIMARY KEY,
	kind   TEXT    NOT NULL,
	case_n INTEGER NOT NULL,
	label  TEXT    NOT NULL,
	find   TEXT    NOT NULL,
	held   INTEGER NOT NULL,
	sha    BLOB    NOT NULL,
	idx    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX items_case ON items (case_n, idx);
CREATE INDEX items_find ON items (find);
CREATE INDEX items_sha ON items (sha) WHERE length(sha) > 0;

CREATE TABLE label_blocks (
	idx    INTEGER PRIMARY KEY,
	device BLOB    NOT NULL,
	prefix TEXT    NOT NULL,
	first  INTEGER NOT NULL,
	last   INTEGER NOT NULL
) STRICT;
CREATE INDEX label_blocks_device ON label_blocks (device);
CREATE INDEX label_blocks_prefix ON label_blocks (prefix, last);

CREATE TABLE rule_packs (
	idx          INTEGER PRIMARY KEY,
	pack         TEXT    NOT NULL,
	version      TEXT    NOT NULL,
	jurisdiction TEXT    NOT NULL,
	effective    TEXT    NOT NULL,
	sha          BLOB    NOT NULL
) STRICT;
CREATE INDEX rule_packs_pack ON rule_packs (pack, idx);

-- What the authority said about whom: subject is the id of an organisation, a
-- person or a device, or the digest of a file.
CREATE TABLE statements (
	subject BLOB    NOT NULL,
	idx     INTEGER NOT NULL,
	PRIMARY KEY (subject, idx)
) STRICT, WITHOUT ROWID;

-- What became of something in quarantine (idx: the settling event).
CREATE TABLE settled (
	idx        INTEGER PRIMARY KEY,
	item       INTEGER NOT NULL,
	resolution TEXT    NOT NULL,
	reason     TEXT    NOT NULL,
	actor      BLOB    NOT NULL
) STRICT;
CREATE INDEX settled_item ON settled (item, idx);
