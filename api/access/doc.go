// Package access decides who is at the other end: passwords, device logins,
// access tokens and refresh tokens.
//
// Nothing here is evidence. Who exists and what they may do is on the ledger
// (person.registered, device.enrolled, case.granted …); this package keeps only
// what must never be on it: password hashes, refresh tokens, spent one-time
// codes and challenges. They live in tables of their own that fieldseal rebuild
// does not touch.
//
//   - Passwords: argon2id (RFC 9106), parameters stored with each hash, at most a
//     few computed at a time so that a login storm cannot take the memory.
//   - Access tokens: JWTs (EdDSA only, key id checked, audience and issuer
//     fixed), good for AccessLife, checked without the database.
//   - Refresh tokens: 32 random bytes, only their SHA-256 is stored, good for one
//     use. Each use gives a new one of the same family. A second use of a spent
//     token means that it was stolen from one side or the other, so the whole
//     family ends and both must sign in again. A client whose answer was lost on
//     the way may repeat the same refresh for ReuseGrace and gets an error that
//     asks for a new sign-in, without ending the family.
//   - Device logins: the device seals a server's nonce with its enrolled key. No
//     password is ever kept on a device.
package access
