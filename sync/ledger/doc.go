// Package ledger is the format of the custody log: an append-only Merkle tree
// (RFC 6962) whose leaves record everything a server received, whose root is
// signed, and whose proofs stand without us. It does no I/O: the store keeps
// what [Tree.Append] gives it, in the transaction that writes the evidence, and
// lends it back as a [TileReader].
//
// # Leaf
//
// An entry is 106 bytes. The layout is frozen: entries exist that were signed
// over with it. There is no personal data in it and it may be published.
//
//	offset  length  what
//	     0       1  version, 1
//	     1       1  kind: 1 accepted event, 2 quarantined bytes, 3 media arrival,
//	                4 enrolment, 5 revocation, 6 grant, 7 predecessor checkpoint,
//	                8 other event of the authority
//	     2      32  event id, in kind 2 the SHA-256 of the received line; never zero
//	    34      32  digest of the event's signatures; zero only in kind 2, if unknown
//	    66      32  id of the key that sealed it; zero only in kind 2, if unknown
//	    98       8  received-at: microseconds since 1970 UTC, big-endian, positive
//
// The leaf hash is SHA-256(0x00 || the 106 bytes), an interior node is
// SHA-256(0x01 || left || right). For example, the accepted event whose id,
// signature digest and key id are the SHA-256 of "event", "signature" and
// "key", received at 2026-01-02T03:04:05.000006Z, is
//
//	0101
//	b8e1f80bd70ae0784c7855a451731b745fddb67749d23f637be9082b75e9575b
//	1a2fc26dc7ea5a2a4748b7cb2b1ef193d96ab2c99f93092f69e63075b28d1278
//	2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683
//	0006475ef64cf346
//
// and its leaf hash vOqT130xogvEy31JTvdAjtWoG4hpFxFPrLXjfeT6KnY= in base64.
//
// # Tiles
//
// Hashes are stored as C2SP tlog-tiles (height 8): tile n of level 0 is the
// leaf hashes 256n to 256n+255, and entry i of tile n at level l+1 is the root
// of the full tile 256n+i at level l. The right-most tile of a level may be
// partial and grows in place; a full one never changes. The store keeps one row
// a tile, (level, n) and the bytes. Since tiles only grow, the tiles of today
// answer for every earlier size: [RootAt], [InclusionProof], [ConsistencyProof].
//
// # Checkpoint
//
// A log states its size and root in a C2SP tlog-checkpoint, a signed note under
// an Ed25519 key whose name is the log's origin. Extension lines are refused.
// Cosignatures of witnesses are further signature lines; a line by a key that
// the reader does not know is kept as it is and counts for nothing. With the
// key of seed 000102…1f, whose public text is
//
//	ledger.example/agency-a+a6435ea3+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4
//
// the log of the leaf above and, a microsecond later, a quarantined line
// "noise" of nobody known, has the checkpoint
//
//	ledger.example/agency-a
//	2
//	brtfG5cyC6i9rxj9mLs7LJ4Zjks/4Pt6OgU4LQlTUus=
//
//	— ledger.example/agency-a pkNeoxJiqoLM7Q/gjsnVoi9B9BvLH5ulfSvWSJFShFhX2TU+dAAQQfEBsWKcz2OdPQxiNaZLNRDuM3aT1YjSfIERpA8=
//
// # Proof and consistency files
//
// That an entry is in the log is shown by a C2SP tlog-proof, with the leaf as
// its extra data. For the first leaf above it is these lines, an empty line and
// the checkpoint:
//
//	c2sp.org/tlog-proof@v1
//	extra AQG44fgL1wrgeEx4VaRRcxt0X922d0nSP2N76QgrdelXWxovwm3H6loqR0i3yyse8ZPZarLJn5MJL2nmMHWyjRJ4LHDhK3oGRvkiefQnx7OOczTY5Tic/xZ6HcMOc/gmtoMABkde9kzzRg==
//	index 0
//	LtZvOqk5meSNtSG64a24og7TrgyXpQxO1UPlkwnjnL8=
//
// That one checkpoint's tree is the beginning of another's is shown by lines of
// our own, each ended by a newline: a header, the two sizes in decimal, and the
// hashes of RFC 6962 section 2.1.2 in base64, none when old is 0 or equals new.
// The roots are those of the checkpoints and are not repeated.
//
//	fieldseal-consistency@v1
//	old 1
//	new 2
//	LtZvOqk5meSNtSG64a24og7TrgyXpQxO1UPlkwnjnL8=
//
// # Canonical form
//
// Every parser here accepts exactly the bytes that the writer gives for what
// was parsed, so that of each thing there is one text, and a flipped bit is
// found even where a decoder would have looked past it.
//
// # Order of a commit
//
// The server commits leaves and tiles, then signs ([Sign]), then advances the
// guard (package guard), then shows the checkpoint to witnesses and devices. A
// crash between any two of these loses a checkpoint nobody has seen.
package ledger
