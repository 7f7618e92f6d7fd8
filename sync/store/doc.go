// Package store keeps the server's state in SQL: SQLite for one machine,
// PostgreSQL for any number of server processes, by the same statements.
//
// # Transactions
//
// Write and Read run a function in one transaction with one reading of the
// clock. The function given to Write may run more than once (a lost lock, a
// serialization failure), so it has no effect besides the transaction. When
// Write returns nil, what was written is on stable storage. When it returns an
// error that wraps ErrOutcomeUnknown, the commit itself failed in a way that
// does not tell whether it took effect: the caller reads again before it
// concludes anything. After any other error nothing was written.
//
//   - SQLite: one writing connection, which takes the write lock when the
//     transaction begins (a deferred read-then-write would fail at once whatever
//     the busy timeout), and reading connections beside it. WAL, synchronous=FULL.
//   - PostgreSQL: READ COMMITTED for writers, who take the ledger's advisory lock
//     with LockLedger before they look at the log; REPEATABLE READ, READ ONLY for
//     readers, so that a read sees one moment.
//
// # One text
//
// Statements number their parameters ($1, $2 …), which both drivers bind by
// number, and use what both dialects share: INSERT … ON CONFLICT, RETURNING,
// partial indexes. Times are whole microseconds since 1970, identifiers are raw
// bytes, texts never contain NUL (see Text), flags are 0 and 1. Received bytes are
// kept as bytes and never as a JSON type of the database.
//
// Errors of the drivers are classified once, here: see Error.
package store
