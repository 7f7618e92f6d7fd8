// Package ingest is the heart of the server: the only opener of a transaction
// that appends to the log. Submit takes what devices hand in, Author makes the
// authority's own events; both go the same way.
//
// # The way of a line
//
//	verify   outside the writer, on all processors: form, body, signature
//	group    whatever waits, up to about a thousand events, goes into one
//	         transaction; nothing is delayed to make a group larger
//	decide   inside the transaction, against the state of the log at that moment
//	append   exact bytes, leaves, tiles and read models, together
//	commit   on stable storage
//	sign     the checkpoint over the new root
//	guard    the checkpoint is remembered apart from the database
//	answer   index, time and the first checkpoint that covers each line
//
// # Crash windows
//
//	before commit          nothing happened; the device sends again
//	commit | sign          the log is ahead of its checkpoint by one transaction:
//	                       the row is there, the note is not. The next process, or
//	                       the next transaction of this one, signs the same text
//	                       again; Ed25519 gives the same signature, so the receipt is
//	                       the same
//	sign | guard           the guard is behind the database; the next start, or the
//	                       next transaction, brings it up
//	guard | answer         the device sends again and gets the same answer
//
// A note is written to its row by the transaction after it, or when the engine
// closes, so that an acknowledgement costs one commit of the database and one of
// the guard.
//
// # When writing fails
//
// Any error in the writer ends the attempt for everyone in the group and drops
// what the engine remembers of the log. The next attempt reads it again, checks
// the right edge of the tree against the newest checkpoint and that one against
// the guard, and goes on by the normal path. A commit of which it is not known
// whether it took effect is an *OutcomeError; submitting the same lines again
// gives their answer, whichever it was. If a group of several requests fails
// for a reason that lies in the data, each is tried alone, so that a request
// that cannot be stored blocks no other.
//
// # Several processes
//
// On PostgreSQL any number of engines share one log: the transaction takes the
// ledger's advisory lock before it looks, and an engine that finds the log
// longer than it remembers reads the edge again. On SQLite the write lock of
// the database does the same, for an administrator's command beside the server.
package ingest
