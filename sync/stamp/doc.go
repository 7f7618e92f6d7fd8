// Package stamp asks for, reads and verifies RFC 3161 time-stamp tokens over
// signed checkpoints. It does no I/O and builds for js/wasm; package authority
// speaks to a time-stamping authority, package collector keeps what it answers.
//
// A token that is merely present proves nothing. Three steps lead from bytes to
// a time:
//
//   - Parse reads the form alone, and strictly. What comes out may be a lie.
//   - Token.Check asks everything that needs no trust: the token is over this
//     very digest, the certificate that it names signed it, and that certificate
//     may do nothing but time-stamping. Who made the certificate is still open.
//   - Token.Verify asks all of that, and who: a chain from the certificate to a
//     root that the caller trusts, valid at the token's own time, a policy that the
//     caller accepts, the nonce that the caller sent. Only it makes a Verified.
//
// # The form
//
// A token is kept as a TimeStampResp (RFC 3161, 2.4.2), which is what "openssl
// ts -verify" reads: status granted, nothing else in the status, and the token
// as the authority sent it. ReadAnswer makes it of what came over the wire,
// where a status may carry words; they are not signed and are not kept.
//
// All of it must be DER (X.690): definite and minimal lengths, one order of a set
// of signed attributes. RFC 3161 demands DER; a second encoding of the same
// token would be a byte that can change unnoticed. Refused as well: several
// signers, unsigned attributes, revocation lists, certificates of other kinds
// than X.509, algorithms other than RSA (PKCS #1 v1.5) and ECDSA with SHA-256,
// SHA-384 or SHA-512. The SM2 tokens of GM/T 0033 are none of these and are refused.
//
// # What is checked
//
// From RFC 3161, 2.2 and 2.3, RFC 5652, RFC 5816 and RFC 5035: versions and content
// types; the digest over the TSTInfo; the signature over the exact bytes of
// the signed attributes; that ESSCertID or ESSCertIDv2 names the certificate by
// its digest, and its issuer and serial number where these are given; message
// imprint; policy; that the extended key usage is critical and is timeStamping
// alone; key usage; the name of the authority in the token; no critical extension
// that nobody understood. What "openssl ts -verify -attime" with the same roots would
// refuse is refused here too.
//
// # What is not
//
// Whether the authority's certificate had been revoked is not known from a token.
// The time is the authority's word: it bounds from above when the digest existed,
// within the accuracy that the authority states; where it states none, the bound
// is the time itself.
package stamp
