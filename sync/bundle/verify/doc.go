// Package verify reads a court bundle and judges it. It needs the file alone: no
// server, no network, no database, and nothing of this product but the
// packages that define events, seals, the ledger's format and the rules of
// custody. It builds for js/wasm as it is.
//
// # Verdicts
//
//   - authentic: everything in the file is as devices sealed it, as the ledger
//     received it and as the authority signed the bundle, and the rules of
//     custody find no defect.
//   - authentic with defects: the same, but the rules of custody find defects.
//     Each is in the record with its weight, its explanation and what would cure it.
//   - not authentic: something is not what it claims to be. Every failure says
//     which check it belongs to, in which file, at which ledger index and event.
//
// A file that is no bundle at all, or cannot be read, gives an error that wraps
// ErrUnreadable and no verdict.
//
// # Checks
//
//	container    the ZIP file is built in the one form that a bundle has
//	files        every file is announced in the manifest, none is missing or extra, digests and sizes agree
//	bag          the BagIt tag files agree with the manifest
//	manifest     the manifest is well formed and signed by the authority
//	authority    the genesis is sealed by the key that it states, and the manifest repeats it truly
//	trust        the authority or the ledger is one that the reader trusts; not asked where the reader named none
//	checkpoint   the checkpoint is signed by the ledger's key
//	witnesses    a quorum of the witnesses that the reader trusts has cosigned it; not asked where the reader named none
//	tiles        the tiles lead to the checkpoint's root
//	leaves       every leaf is in its place in the tiles, and is the leaf of its event
//	signatures   every event is sealed by the key that its device was enrolled with
//	enrolments   every enrolment is the authority's and precedes the device's events, whose chain starts from it
//	revocations  no event was accepted after its key was revoked
//	chains       every event is tied to its predecessor; every hole is accounted for
//	seen         every checkpoint that a device embedded is a beginning of this ledger
//	tokens       every time-stamp is over a checkpoint of this ledger, and signed by the certificate in it
//	quarantine   every line in quarantine is what the ledger received
//	media        every file that an event names is there with its digest, or its absence is stated
//	disclosure   what is shown and hidden is as the manifest counts it
//	former       the ledger that this one continues, where it has the case: its bundle passes every check, its checkpoint
//	             is the one that entry 1 of this ledger states, and its authority has endorsed this ledger
//	rules        the rule pack is the one that the manifest names
//
// Whether a time-stamp counts is no check: it does where its maker is one that
// the reader trusts (Options.TrustedTSA). Then it bounds times in the record; if
// not, it bounds nothing, and Verdict.Tokens and the record say why.
//
// # Two ledgers
//
// Where a ledger continues another one (see package succession), a bundle holds the
// former ledger's bundle too. Each is checked by itself, with the same trust: a reader
// who trusts anybody has to trust both authorities or ledgers. Witnesses that a reader
// trusts must have cosigned this ledger, whose entry 1 commits to the former one; that
// ledger itself may have had others. Custody is judged over both as over one ledger in
// which the entries of this one follow those of the former one. An event that stands in
// both counts where it stood first.
//
// A check that was not reached because an earlier one failed says so. A pass
// never means more than Verdict.Limits allows; these are part of every verdict.
//
// # Cost
//
// Signatures are checked on all cores and dominate; all else costs about a
// third of that. Events, leaves, tiles and media are streamed. What stays in
// memory is what custody is judged by, about 2 kB for each shown event, and
// about 100 bytes for each other leaf and each file; nothing grows with media.
package verify
