// Package succession is what ties a log to the one that continues it. It does no
// I/O; package carry, below it, fills a successor.
//
// # When a log has a successor
//
// A log ends when its server moves, when the authority's key or the log's key must
// be replaced, or when its database is lost beyond recovery. It is frozen then: its
// last checkpoint stands in the guard, and nothing is appended to it any more. The
// successor has a name and keys of its own. Its entry 0 is its authority's genesis,
// its entry 1 log.predecessor with the exact note of the former log's last
// checkpoint, cosignatures included.
//
// # Why it is believed
//
// Anybody can begin a log with a checkpoint that is public. Two things make a
// successor of it:
//
//   - the former log's authority has named it: entry 1 carries an endorsement, an
//     envelope in which the former authority's key names the successor, its log key
//     and its authority's key. Where that key is lost or no longer to be trusted,
//     people compare the new authority's fingerprint instead, as at an enrolment.
//   - the checkpoint is the newest that anybody was shown: a device, a witness or a
//     bundle that has a larger one of the former log, or another one of that size,
//     has the proof that something acknowledged was left out.
//
// # How work and cases go on
//
// The former log stays what it was: its proofs, its dates and its cosignatures are
// the ones that say since when something is evidence, and they are read and bundled
// there. The successor takes over, in the order of the former log,
//
//   - every event that a device sealed and the former log accepted, byte for byte;
//   - every statement of the former authority that still matters, sealed anew by
//     the new one: organisations, persons, enrolments, revocations, rights, label
//     blocks, rule packs, arrivals of files.
//
// Events are taken over, and not only referred to, because everything that goes on
// needs them: a device has one chain, and what comes next in it must be tied to
// what came before; a receiver accepts what was offered under the former log; the
// custody of a thing is judged from its first event. A log that began in the middle
// would need an exception at each of these places. The price is one copy of the
// lines. It costs nothing in truth: a line stands under its device's signature
// wherever it stands, and a second entry, later than the first, takes nothing from
// the first. A bundle of a case that lies in both logs holds the former log's bundle
// too, and each event is judged by the first log that has it.
//
// The former authority's own events are not taken over as lines: they would be of a
// device that is not the successor's authority. They stay in the former log, and a
// bundle shows them from there. Lines in quarantine stay there too; who hands one
// in again has it judged again.
//
// A device keeps its key and its chain. The enrolment in the successor names the one
// that the chain began with (event.FormerEnrolment).
package succession
