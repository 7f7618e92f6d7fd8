// Package seal makes and checks the seal of an event: a DSSE envelope (Dead
// Simple Signing Envelope) whose signature covers
//
//	PAE(type, payload) = "DSSEv1" SP len(type) SP type SP len(payload) SP payload
//
// with lengths in decimal. An envelope is one line of JSON:
//
//	{"payloadType":"application/vnd.fieldseal.event.v1+json",
//	 "payload":"<base64>","signatures":[{"keyid":"<hex>","sig":"<base64>"}]}
//
// base64 is the standard alphabet with padding and no stray bits; keyid is
// SHA-256 over the key's DER SubjectPublicKeyInfo in lower-case hex. The keyid
// only says where to look: which algorithm checks a signature is bound to the
// enrolled key and never read from the envelope.
//
// Signatures by P-256 keys are ASN.1 DER, which Android Keystore and Secure
// Enclave produce and openssl reads. Because (r, s) and (r, n-s) are both valid
// ECDSA signatures, the signature digest that the ledger keeps is taken over
// the fixed-size r and the smaller s; the exact bytes are kept beside it.
//
// # The only maker of a Verified
//
// The ledger appends nothing but a Verified as accepted, and only Verify can
// make one. Everything else that arrives becomes a Refusal: it keeps the exact
// bytes, names the layer that refused them and why, and carries what the bytes
// claim of themselves. A Refusal is stored too; nothing received is dropped.
//
// The package is pure: it does no I/O, reads no clock and knows no store.
package seal
