// Package guard remembers, apart from the database, the newest checkpoint that
// a log has shown to anyone, so that a database which was put back to an older
// state is refused instead of quietly signing a second history.
//
// It is a SQLite file of its own, best on another volume. It is never backed
// up together with the database and never restored: an old guard beside an old
// database sees nothing.
//
// # Order
//
//	commit leaves and tiles → sign → Advance → show the checkpoint, acknowledge
//
// What was acknowledged is therefore in the guard. The crash windows:
//
//	commit | sign, advance    the database is ahead; Check finds it consistent
//	                          and the next Advance catches up
//	advance | acknowledge     the guard knows a checkpoint that nobody has seen;
//	                          the entries are in the database all the same
//
// At its start a server calls [Guard.Check] before it appends or signs. The
// first Check of an empty log registers it, so that there is no moment in which
// a log has entries and its guard does not know it. A log that has entries and
// is not in the guard is refused with a [*MissingError] until an operator says
// that the guard was lost and the database is whole: [Guard.Adopt].
//
// # The end of a log
//
// [Guard.Freeze] makes the newest checkpoint the last one. From then on Check
// and Advance refuse everything larger with a [*FrozenError], for ever: a log
// that ended, and whose last checkpoint its successor has stated, must not go on.
//
// # Several processes
//
// Advance is a compare-and-swap on (origin, size, root) and only ever moves to a
// larger size, so any number of processes on any number of databases of the
// same log may share one guard file on one machine. The file is in WAL mode
// with synchronous=FULL: it must not lie on a network file system.
package guard
