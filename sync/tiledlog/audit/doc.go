// Package audit verifies a published log from the signature of its checkpoint to
// every entry. It reads C2SP tlog-tiles (https://c2sp.org/tlog-tiles), from a
// directory or over HTTP, of this product's logs or of any other's.
//
// It is a second path on purpose: the tree is computed and the tiles are
// authenticated by TileHashReader of golang.org/x/mod/sumdb/tlog, the note is
// opened by golang.org/x/mod/sumdb/note, and nothing of fieldseal is imported,
// so that a fault of package ledger does not vouch for itself.
//
// # What is checked
//
//   - The checkpoint: signed by the given key of the log and, where keys of
//     witnesses are given, cosigned by every one of them; byte for byte in the
//     one form that there is. Signature lines by other keys are counted: nothing
//     can be said of them.
//   - Every tile of hashes of the stated size, from the root down to the hashes of
//     the entries, and of every entry that its hash is the one in the tile.
//   - That the tree continues an earlier checkpoint, where one is given.
//   - In a directory also the narrower tiles that earlier checkpoints left.
//
// A [Fault] names the file that is wrong. What lies under a wrong tile cannot be
// checked and is counted as such. An error says that the check could not be done,
// which says nothing about the log.
//
// What a pass does not say: that this is the only history that the holder of the
// key has shown. For that, compare checkpoints with other readers, or trust witnesses.
package audit
