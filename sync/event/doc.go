// Package event defines what a sealed event says: the payload that a key signs.
//
// Everything in fieldseal is an event: a sample taken, a photo, a handover, a
// laboratory result, and also what the authority itself decides (an enrolment,
// a grant, a revocation). An event is never edited and never deleted; a
// correction is a later event that names what it amends and why.
//
// # Bytes
//
// A payload is one JSON object (RFC 8259, UTF-8, no duplicate member names, no
// unknown members). Its bytes are produced once, on the device, and from then
// on kept, hashed and compared as they are; nothing ever re-encodes them. So
// the serialization of an existing type cannot change: a member may be added
// to a body only as an optional one together with a new schema version, no
// member may change its meaning, and there are no floating-point numbers.
// Measured figures are decimal.Decimal (`{"n":1234,"s":2}` is 12.34), angles
// are integers in units of 1e-7 degree, lengths millimetres where a name ends
// in _mm, durations milliseconds where it ends in _ms.
//
// # Identity
//
//   - ID is SHA-256 over the DSSE pre-authentication encoding of the payload.
//     Signatures are outside it, because ECDSA signatures are malleable.
//   - UUID is the UUIDv7 that the device gives an event or a thing.
//   - Seq counts a device's events from 1 without a hole; Prev is the ID of the
//     device's previous event and absent in the first. Together they are the
//     device's chain: a removed record shows as a hole, a replaced one as a fork.
//
// # Time and place
//
// Clock carries the wall clock as the device showed it, where that clock came
// from, and the monotonic milliseconds since a boot that has an id of its own.
// Seen names the newest ledger checkpoint that the device had been shown, which
// proves that the event was sealed after that checkpoint existed. Place always
// names its datum: a coordinate without one is refused, never guessed.
//
// The package is pure: it does no I/O and reads no clock.
package event
