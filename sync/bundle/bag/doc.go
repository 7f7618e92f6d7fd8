// Package bag is the format of the court bundle: one file that proves itself
// without the server that made it. It does no I/O. Package bundle writes the
// format, package verify reads and judges it, package container is the ZIP
// profile below it.
//
// # The file
//
// A bundle is a BagIt bag (RFC 8493) in a container, in one folder that is
// named fieldseal- and the bundle's UUID. The entries stand in this order: the
// four tag files, data/manifest.dsse, data/files.txt, and all other files by path.
//
//	bagit.txt                       BagIt 1.0, UTF-8
//	bag-info.txt                    who, what, when, how much
//	manifest-sha256.txt             SHA-256 of every file below data/
//	tagmanifest-sha256.txt          SHA-256 of the three above
//	data/manifest.dsse              Manifest, sealed by the authority's key
//	data/files.txt                  FileLine of every file below data/ but these two
//	data/README.html                what this is, for someone who opens the folder
//	data/VERIFY.md, VERIFY.zh.md    how to check it with sha256sum, openssl and xxd
//	data/events.ndjson              the exact envelope lines shown, in ledger order
//	data/quarantine.ndjson          QuarantineLine of received lines that were not accepted
//	data/chains.ndjson              ChainLine of every device that sealed a shown event
//	data/media.ndjson               MediaLine of every file that a shown event names
//	data/media/<sha256>.<ext>       the originals
//	data/keys/<keyid>.pem           the keys that sealed what is shown, for openssl
//	data/keys/log.pem               the ledger's key, for openssl
//	data/ledger/checkpoint          the signed note that everything is judged against
//	data/ledger/log.vkey            the ledger's verifier key
//	data/ledger/leaves.txt          LeafLine of every leaf that is shown to be in the ledger
//	data/ledger/tile/…              the C2SP tiles that lead from these leaves to the root
//	data/ledger/seen/<size>/checkpoint    a checkpoint that a device had embedded, where it is kept
//	data/ledger/seen/<size>/consistency   the proof from its tree to the checkpoint's
//	data/ledger/tsa/<name>.tsr      RFC 3161 tokens over the checkpoint, as package stamp keeps them
//	data/ledger/tsa/chain.pem       certificates between the makers of all tokens and their roots
//	data/ledger/dated/<size>/checkpoint   an earlier checkpoint that covers shown events and has tokens or cosignatures of its own
//	data/ledger/dated/<size>/consistency  the proof from its tree to the checkpoint's
//	data/ledger/dated/<size>/<name>.tsr   RFC 3161 tokens over it
//	data/former/bundle.zip          the former ledger's bundle of the case, where this ledger continues one that has it
//	data/former/seen/<size>/consistency   the proof from a checkpoint of that ledger to its last, for events that it does not have
//	data/rules/<pack>.json          the exact rules that the report was judged by
//	data/report/index.html, index.zh.html   the report for people
//
// Text is deflated where that helps, everything else and every file up to and
// including data/files.txt is stored.
//
// # What pins what
//
// The authority's signature covers the Manifest; the Manifest pins files.txt;
// files.txt pins every other file, its size, and, where it is deflated, the
// packed bytes. The tag files, the order and the framing follow from these. So
// a bundle has no byte that can change unnoticed.
//
// The signature of the authority makes the bundle; it does not make the
// evidence. Each event carries the signature of the device that sealed it; the
// leaves, tiles and the checkpoint show that the ledger has it and since when.
//
// # Which events
//
// events.ndjson holds the shown events of the case, and of no case those that
// they rest on: the authority's genesis, organisations, persons, enrolments and
// revocations of the keys, grants, arrivals of media, the geneses and clock
// observations of the devices.
//
// A ledger that continues another one has log.predecessor as its entry 1, which is
// shown in every bundle. It holds again what devices had handed in to the former one;
// what that proves, and since when, is in the former ledger's own bundle, sealed by
// the former authority, whole and unchanged.
//
// What is not shown stays countable. Every leaf of the case whose event is not
// disclosed is in leaves.txt under RoleHidden or RoleHiddenQuarantine. Where a
// shown event of a device follows one that is not shown, the leaf of that one
// is there as well (RoleNeighbour if it belongs to another case or none), and
// the shown event's prev is its id: each shown event is tied to its predecessor
// in the ledger. ChainLine accounts for all events of a device.
package bag
