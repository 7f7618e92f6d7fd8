// Package keeper is a witness: it remembers of each log the largest tree that it
// cosigned, answers add-checkpoint, and never cosigns what does not go on from
// there, not even after a crash, a lost disk or an old backup.
//
// # Two files
//
// The state is a small SQLite file; beside it, best on another volume, are the
// marks: the largest tree of each log that was ever cosigned, as size and root.
// Neither is part of any backup that is restored. Both are written with
// synchronous=FULL, in this order:
//
//	begin, and lock the state
//	compare the request with the state      409, 422
//	sign
//	commit the state
//	raise the mark
//	answer 200 with the cosignature
//
// Comparing and writing are one transaction that holds the write lock, so of two
// requests that go on from the same tree exactly one is cosigned, whichever
// goroutine or process they come to. The crash windows:
//
//	commit | raise     the mark is behind the state; the next start raises it
//	raise | answer     the log asks again, is told 409 with the size, and asks from there
//
// # What was lost
//
// At its start a witness compares the two. A log that has a mark and is not in
// the state, or is there with less, was lost: *LostError, and nothing is served.
// The way out is [Reseed], by hand: it puts the mark into the state, which is
// exactly what was cosigned last. Where the marks were lost as well, it makes new
// files from a checkpoint that the operator has from elsewhere and believes; such
// files trust no log that was not reseeded by hand, since any of them may have
// been cosigned before. Only [Create], for a witness whose key is new as well,
// makes files that take a log they have never seen from its beginning.
//
// # Time
//
// A cosignature says that the tree was the newest at that second. A clock that
// went back behind the last cosignature of the log would make the witness
// contradict itself; it refuses until the clock has caught up (*ClockError).
//
// # Evidence
//
// A request that the log signed and that does not go together with what was
// cosigned is kept, as bytes: together with the last cosigned note it shows to
// anyone that the log has two histories.
package keeper
