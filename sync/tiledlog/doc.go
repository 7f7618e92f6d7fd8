// Package tiledlog publishes the log as files: the layout of C2SP tlog-tiles
// (https://c2sp.org/tlog-tiles), which any web server can serve and other
// people's checkers read. Nothing of what events say is in it: a file has hashes,
// or entries of package ledger, which are digests, ids of keys and times of
// receipt.
//
//	checkpoint               the signed checkpoint, C2SP tlog-checkpoint
//	tile/0/x001/234          256 hashes of entries
//	tile/1/004.p/210         a tile that is not full yet, with 210 hashes
//	tile/entries/x001/234    the 256 entries, each behind its length
//
// # Order and crashes
//
// [Export] writes each file under another name, makes it durable and renames it:
// what has its name is whole. The checkpoint comes last, when everything that it
// states is durable, so that a reader never finds a checkpoint without its tiles,
// and an export that was cut off anywhere is taken up by the next one. What is
// there already is held against the log, not written again; a file that differs
// is never overwritten: either the disk or one of the two histories is wrong, and
// somebody must look.
//
// Partial tiles of the checkpoints that were published before stay until the tile
// is full, since a reader may come with such a checkpoint; then they are removed.
//
// Package audit checks what was written, by another path.
package tiledlog
