// Package collect is the log's side of its witnesses: it asks each of them to
// cosign the newest checkpoint, keeps the cosigned notes, and says in which state
// each witness is.
//
// # Rounds
//
// A round begins when the log has grown, at most every [MinGap], and every
// [Heartbeat] in any case: then the same checkpoint is cosigned again, so that the
// newest cosignature is also a beacon of the time. All witnesses are asked at
// once, each in its own goroutine, with a time limit of its own. A round ends
// when all have answered, or [Grace] after a quorum has, or at the time limit; its
// note is stored then. A cosignature that comes later makes a further note of the
// same checkpoint. A witness that still works on an earlier round is asked for
// the newest checkpoint when it is done.
//
// Nothing in the way of evidence waits for any of this. A checkpoint without a
// quorum is as good a receipt as before; it is not yet witnessed, that is all.
//
// # Quorum
//
// A checkpoint is witnessed when a quorum of the configured witnesses has
// cosigned it in one note: by default the majority, 2 of 3. What is stored may
// have less; the reader counts (package bundle/verify does).
//
// # What a witness may say
//
//	ok       it cosigned
//	slow     it cosigned after more than [SlowAfter], or has now missed a round
//	dead     it has not answered for [DeadAfter]
//	refuses  it answered, and did not cosign: its operator has to look
//	history  it has seen another history of this log than this server's (alarm)
//	clock    it cosigned, and its clock differs from this server's by more than [MaxSkew] (alarm)
//
// A witness that has forgotten what it cosigned, or that says it saw another
// history, is kept as evidence: the request and the answer, byte for byte, in a
// file of their own, outside the database that may be the one that is wrong.
package collect
