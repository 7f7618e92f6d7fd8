-- The store of a device: one SQLite file that works with the network off.
--
-- Migrations are applied in the order of their numbers, each in one
-- transaction that also sets user_version to its number. Open the file with
-- journal_mode=WAL, synchronous=FULL, foreign_keys=ON, and write in BEGIN
-- IMMEDIATE transactions: a capture is committed before anybody is told "saved".
--
-- Identifiers are BLOBs: 16 bytes for a UUID, 32 for a SHA-256. Instants are
-- RFC 3339 TEXT, except where a name ends in _us (microseconds since 1970 UTC, as
-- the server gives them). The private key is never in this file.

PRAGMA application_id = 1179865158; -- "FSDF"

-- Who this device is. One row, written when the enrolment has been verified, in
-- the transaction that also seals the device.genesis event.
CREATE TABLE identity (
  one              INTEGER PRIMARY KEY CHECK (one = 1),
  device           BLOB NOT NULL CHECK (length(device) = 16),
  person           BLOB NOT NULL CHECK (length(person) = 16),
  person_name      TEXT NOT NULL,
  org              BLOB NOT NULL CHECK (length(org) = 16),
  org_name         TEXT NOT NULL,
  key_id           BLOB NOT NULL CHECK (length(key_id) = 32),
  key_alg          TEXT NOT NULL,
  key_spki         BLOB NOT NULL,
  -- key_ref says where the private key is: a file name beside this store, or
  -- "external" for a key in hardware.
  key_ref          TEXT NOT NULL,
  model            TEXT NOT NULL,
  app              TEXT NOT NULL,
  server           TEXT NOT NULL,
  enrolment        BLOB NOT NULL CHECK (length(enrolment) = 32),
  enrolment_idx    INTEGER NOT NULL,
  -- The pinned authority and log. Another key from the same server is an alarm.
  authority        BLOB NOT NULL CHECK (length(authority) = 16),
  authority_name   TEXT NOT NULL,
  authority_key_id BLOB NOT NULL CHECK (length(authority_key_id) = 32),
  authority_alg    TEXT NOT NULL,
  authority_spki   BLOB NOT NULL,
  authority_line   BLOB NOT NULL,
  log_origin       TEXT NOT NULL,
  log_key          TEXT NOT NULL,
  enrolled_at      TEXT NOT NULL
) STRICT;

-- An enrolment that was asked for and not yet answered, so that a lost answer is
-- asked for again with the same code, key and proof.
CREATE TABLE enrolling (
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  server      TEXT NOT NULL,
  code_sha256 BLOB NOT NULL CHECK (length(code_sha256) = 32),
  key_ref     TEXT NOT NULL,
  proof       BLOB NOT NULL,
  started     TEXT NOT NULL
) STRICT;

-- Small facts by name: see the device package for the names.
CREATE TABLE settings (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- This device's own chain, exact envelope bytes. Rows are never deleted; only
-- state, code, detail and waits_for change.
--   local        not known to the server, as far as this device can show
--   sent         the server gave back this id and a checkpoint of its log that covers it
--   receipted    that checkpoint is also shown to continue every one seen before
--   proven       an inclusion proof leads from this event to such a checkpoint
--   quarantined  the server keeps the bytes, but does not accept the event
CREATE TABLE events (
  seq     INTEGER PRIMARY KEY CHECK (seq >= 1),
  id      BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
  uuid    BLOB NOT NULL UNIQUE CHECK (length(uuid) = 16),
  type    TEXT NOT NULL,
  case_id BLOB CHECK (length(case_id) = 16),
  actor   BLOB NOT NULL CHECK (length(actor) = 16),
  wall    TEXT NOT NULL,
  line    BLOB NOT NULL,
  state   TEXT NOT NULL DEFAULT 'local'
          CHECK (state IN ('local', 'sent', 'receipted', 'proven', 'quarantined')),
  code    TEXT,
  detail  TEXT,
  -- waits_for is the first sequence number that the server misses before this event.
  waits_for INTEGER,
  CHECK ((state = 'quarantined') = (code IS NOT NULL))
) STRICT;
CREATE INDEX events_unproven ON events (state, seq) WHERE state <> 'proven';
CREATE INDEX events_case ON events (case_id, seq);
CREATE INDEX events_type ON events (type, seq);

-- What the server answered for an event, own or carried.
CREATE TABLE receipts (
  event_id        BLOB PRIMARY KEY CHECK (length(event_id) = 32),
  status          TEXT NOT NULL CHECK (status IN ('accepted', 'duplicate', 'quarantined')),
  idx             INTEGER NOT NULL CHECK (idx >= 0),
  received_us     INTEGER NOT NULL,
  kind            INTEGER NOT NULL,
  checkpoint_size INTEGER NOT NULL CHECK (checkpoint_size > idx),
  -- The inclusion proof: hashes of 32 bytes one after another, from the leaf up,
  -- to the linked checkpoint of proof_size leaves.
  proof_size      INTEGER,
  proof           BLOB,
  at              TEXT NOT NULL,
  CHECK ((proof IS NULL) = (proof_size IS NULL))
) STRICT;

-- Every checkpoint shown to this device whose log signature is right.
--   linked    shown by a consistency proof to be in one line with all other linked ones
--   loose     not compared yet
--   conflict  shown, or admitted by a missing proof, not to be in that line: evidence
CREATE TABLE checkpoints (
  note_sha256 BLOB PRIMARY KEY CHECK (length(note_sha256) = 32),
  size        INTEGER NOT NULL CHECK (size >= 0),
  root        BLOB NOT NULL CHECK (length(root) = 32),
  note        BLOB NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('linked', 'loose', 'conflict')),
  seen_at     TEXT NOT NULL
) STRICT;
CREATE INDEX checkpoints_size ON checkpoints (state, size);

-- Media originals in the media folder beside this file, by digest.
--   held     kept, but no event names it yet
--   waiting  named by an event, not yet whole on the server
--   sent     the server has it whole, digest verified
--   refused  the server says that the bytes it got have another digest
--   damaged  the file here is missing or has another digest than when it was taken
CREATE TABLE media (
  sha256     BLOB PRIMARY KEY CHECK (length(sha256) = 32),
  size       INTEGER NOT NULL CHECK (size >= 0),
  type       TEXT NOT NULL,
  name       TEXT NOT NULL,
  path       TEXT NOT NULL,
  state      TEXT NOT NULL DEFAULT 'held'
             CHECK (state IN ('held', 'waiting', 'sent', 'refused', 'damaged')),
  uploaded   INTEGER NOT NULL DEFAULT 0 CHECK (uploaded >= 0),
  upload_url TEXT,
  tries      INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  -- arrival is the authority's media.received event: the ledger says that it is there.
  arrival    BLOB CHECK (length(arrival) = 32),
  added_at   TEXT NOT NULL
) STRICT;
CREATE INDEX media_state ON media (state);

-- Events of others, exact bytes, as pulled or as shown in a handover.
--   verified     checked with the key of the enrolled device
--   unknown_key  the enrolment of its device is not known here yet
--   newer        of a type or version that this program does not know yet
--   refused      does not verify: kept as evidence, used for nothing
CREATE TABLE pulled (
  id          BLOB PRIMARY KEY CHECK (length(id) = 32),
  idx         INTEGER UNIQUE,
  received_us INTEGER,
  kind        INTEGER,
  device      BLOB,
  seq         INTEGER,
  type        TEXT NOT NULL,
  case_id     BLOB,
  line        BLOB NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('verified', 'unknown_key', 'newer', 'refused')),
  why         TEXT
) STRICT;
CREATE INDEX pulled_state ON pulled (state, device) WHERE state <> 'verified';
CREATE INDEX pulled_case ON pulled (case_id, idx);

-- Events of others that this device also delivers: a handover's offer, so that
-- either side may sync first.
CREATE TABLE carried (
  id     BLOB PRIMARY KEY CHECK (length(id) = 32),
  line   BLOB NOT NULL,
  state  TEXT NOT NULL DEFAULT 'local' CHECK (state IN ('local', 'sent', 'quarantined')),
  code   TEXT,
  detail TEXT
) STRICT;

-- Enrolled devices and their keys, from verified device.enrolled events.
CREATE TABLE devices (
  device    BLOB PRIMARY KEY CHECK (length(device) = 16),
  key_id    BLOB NOT NULL CHECK (length(key_id) = 32),
  alg       TEXT NOT NULL,
  spki      BLOB NOT NULL,
  person    BLOB NOT NULL,
  org       BLOB NOT NULL,
  enrolment BLOB NOT NULL,
  revoked   TEXT
) STRICT;

CREATE TABLE orgs (
  org           BLOB PRIMARY KEY CHECK (length(org) = 16),
  kind          TEXT NOT NULL,
  name          TEXT NOT NULL,
  name_zh       TEXT NOT NULL,
  accreditation TEXT
) STRICT;

CREATE TABLE persons (
  person           BLOB PRIMARY KEY CHECK (length(person) = 16),
  org              BLOB NOT NULL,
  name             TEXT NOT NULL,
  roles            TEXT NOT NULL,
  credential_no    TEXT NOT NULL,
  credential_until TEXT NOT NULL,
  disabled         INTEGER NOT NULL
) STRICT;

CREATE TABLE cases (
  case_id   BLOB PRIMARY KEY CHECK (length(case_id) = 16),
  number    TEXT NOT NULL,
  title     TEXT NOT NULL,
  authority TEXT NOT NULL,
  event_id  BLOB NOT NULL,
  own       INTEGER NOT NULL
) STRICT;
CREATE INDEX cases_number ON cases (number);

-- Things that verified events speak of, own and others': what a person picks by label.
CREATE TABLE things (
  kind     TEXT NOT NULL,
  id       BLOB NOT NULL CHECK (length(id) = 16),
  case_id  BLOB NOT NULL,
  label    TEXT NOT NULL,
  seal_no  TEXT NOT NULL DEFAULT '',
  parent   BLOB,
  event_id BLOB NOT NULL,
  own      INTEGER NOT NULL,
  -- void_by is the event that withdrew the one that made the thing.
  void_by  BLOB,
  PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX things_label ON things (label);
CREATE INDEX things_event ON things (event_id);

-- Label numbers reserved for this device; next > last means used up.
CREATE TABLE label_blocks (
  event_id BLOB PRIMARY KEY CHECK (length(event_id) = 32),
  prefix   TEXT NOT NULL,
  first    INTEGER NOT NULL CHECK (first >= 1),
  last     INTEGER NOT NULL CHECK (last >= first),
  next     INTEGER NOT NULL CHECK (next >= first)
) STRICT;

-- Every label this device gave or scanned: none is given twice.
CREATE TABLE labels (
  label    TEXT PRIMARY KEY,
  event_id BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_packs (
  pack      TEXT NOT NULL,
  version   TEXT NOT NULL,
  effective TEXT NOT NULL,
  sha256    BLOB NOT NULL,
  content   TEXT NOT NULL,
  PRIMARY KEY (pack, version)
) STRICT, WITHOUT ROWID;

-- Handovers in which this device is one side.
CREATE TABLE handovers (
  handover   BLOB PRIMARY KEY CHECK (length(handover) = 16),
  case_id    BLOB NOT NULL,
  side       TEXT NOT NULL CHECK (side IN ('from', 'to')),
  state      TEXT NOT NULL CHECK (state IN ('offered', 'accepted', 'concluded', 'declined')),
  terms      TEXT NOT NULL,
  offer      BLOB NOT NULL CHECK (length(offer) = 32),
  -- answer is the custody.accepted or custody.declined event, conclusion the custody.concluded one.
  answer     BLOB,
  conclusion BLOB,
  peer       BLOB,
  -- peer_known: 0 the other side's key is not known here yet, 1 its signature was
  -- checked, 2 it was checked later and is wrong.
  peer_known INTEGER NOT NULL DEFAULT 0 CHECK (peer_known IN (0, 1, 2)),
  at         TEXT NOT NULL
) STRICT;

-- What must not happen and did: a server that answered wrongly, a log that forked,
-- bytes that do not verify. one and two are the exact evidence.
CREATE TABLE anomalies (
  n            INTEGER PRIMARY KEY,
  at           TEXT NOT NULL,
  kind         TEXT NOT NULL,
  detail       TEXT NOT NULL,
  one          BLOB,
  two          BLOB,
  acknowledged TEXT
) STRICT;

CREATE TABLE drafts (
  draft   BLOB PRIMARY KEY CHECK (length(draft) = 16),
  type    TEXT NOT NULL,
  case_id BLOB,
  body    TEXT NOT NULL,
  updated TEXT NOT NULL
) STRICT;

-- The clock as last compared with the server's, per boot.
CREATE TABLE clock (
  boot          BLOB PRIMARY KEY CHECK (length(boot) = 16),
  offset_ms     INTEGER NOT NULL,
  round_trip_ms INTEGER NOT NULL,
  mono_ms       INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  at            TEXT NOT NULL
) STRICT;

CREATE TABLE sync_runs (
  n       INTEGER PRIMARY KEY,
  started TEXT NOT NULL,
  ended   TEXT,
  outcome TEXT,
  detail  TEXT
) STRICT;
