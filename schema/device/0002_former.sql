-- The logs that this device belonged to before the one that it is pinned to now.
-- A device goes over to the log that continues its own with its key and its chain;
-- what it had been shown of the former log, and what that had proven to hold, moves
-- here unchanged, and checkpoints and receipts begin anew.

CREATE TABLE former_logs (
  n              INTEGER PRIMARY KEY,
  origin         TEXT NOT NULL UNIQUE,
  log_key        TEXT NOT NULL,
  server         TEXT NOT NULL,
  authority      BLOB NOT NULL CHECK (length(authority) = 16),
  authority_name TEXT NOT NULL,
  authority_line BLOB NOT NULL,
  enrolment      BLOB NOT NULL CHECK (length(enrolment) = 32),
  enrolment_idx  INTEGER NOT NULL,
  -- The log's last checkpoint, as the log that continues it states it in its entry 1,
  -- and that entry's exact envelope.
  size           INTEGER NOT NULL,
  root           BLOB NOT NULL CHECK (length(root) = 32),
  note           BLOB NOT NULL,
  predecessor    BLOB NOT NULL,
  -- shown says how that checkpoint was compared with the newest one seen here:
  --   same      it is of the same tree
  --   proven    the former log's server gave a consistency proof
  --   unshown   nobody could show it; a person decided to go over all the same
  shown          TEXT NOT NULL CHECK (shown IN ('same', 'proven', 'unshown')),
  -- endorsed: the former authority's own key named the log that continues its own.
  endorsed       INTEGER NOT NULL CHECK (endorsed IN (0, 1)),
  left_at        TEXT NOT NULL
) STRICT;

CREATE TABLE former_checkpoints (
  note_sha256 BLOB PRIMARY KEY CHECK (length(note_sha256) = 32),
  log         INTEGER NOT NULL REFERENCES former_logs (n),
  size        INTEGER NOT NULL,
  root        BLOB NOT NULL CHECK (length(root) = 32),
  note        BLOB NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('linked', 'loose', 'conflict')),
  seen_at     TEXT NOT NULL
) STRICT;
CREATE INDEX former_checkpoints_size ON former_checkpoints (log, size);

-- Of each event the receipt of the first log that proved to hold it, and where none
-- did, of the last that gave one.
CREATE TABLE former_receipts (
  event_id        BLOB PRIMARY KEY CHECK (length(event_id) = 32),
  log             INTEGER NOT NULL REFERENCES former_logs (n),
  status          TEXT NOT NULL,
  idx             INTEGER NOT NULL,
  received_us     INTEGER NOT NULL,
  kind            INTEGER NOT NULL,
  checkpoint_size INTEGER NOT NULL,
  proof_size      INTEGER,
  proof           BLOB,
  at              TEXT NOT NULL
) STRICT;
