// Package blob keeps media originals: photos, videos and documents addressed by
// the SHA-256 of their bytes, and the resumable uploads by which they arrive.
//
// # Content
//
// Content is immutable and named by its [Digest]. It appears under its name
// whole or not at all, and it is durable before anybody is told that it is
// there. Putting the same bytes twice, also from several processes at once,
// leaves one copy.
//
// # Uploads
//
// An upload is a promise of Length bytes whose digest is Wanted, and moves one
// way through its states:
//
//		          Append*          Finish             Settle
//		Create ─► Open ──────────► Arrived ─────────► Arrived, settled
//		            │  │ Finish                       Settle
//		            │  └─────────► Quarantined ─────► Quarantined, settled
//		            └ Abandon ───► Abandoned
//
//	  - Append acknowledges an offset only when every byte before it has been
//	    flushed to stable storage. After a crash, a full disk or a failed flush
//	    the upload stands at the last acknowledged offset or beyond it, never
//	    before it.
//	  - Finish compares the digest of the bytes received with the one promised.
//	    On a match the bytes become content; on a mismatch they are moved to
//	    quarantine and kept, and every later Finish answers the same
//	    [MismatchError].
//	  - Settle is the caller's word that whatever must follow an arrival or a
//	    quarantining (a ledger entry) is done. An upload that reached its end and
//	    is not settled is found by [Store.Uploads] after a restart, so a crash
//	    between Finish and its consequence can be made good.
//	  - Nothing received is deleted by the store. Abandoned uploads keep their
//	    bytes until an operator purges them.
//
// # The files backend
//
// [Files] keeps everything under one directory, which must be on one file
// system that can rename and fsync:
//
//	FORMAT                  the layout's version
//	content/ab/<digest>     content
//	staging/<id>/data       bytes received so far
//	staging/<id>/record     what was promised, and the offset acknowledged
//	quarantine/<id>/…       the same, with a verdict
//	abandoned/<id>/…        the same, with a verdict
//	done/<id>/record        settled arrivals, kept so that a client that missed
//	                        the answer can still ask
//	tmp/                    not yet acknowledged; may be removed when a day old
//
// Order of writes, and what a crash between two of them leaves:
//
//	Create  tmp/<id> written, renamed to staging/<id>, record and directories
//	        flushed. Before the rename: a leftover in tmp. After: an upload that
//	        its client was never told of, or an incomplete directory without
//	        data, which is not taken for an upload.
//	Append  data written, data flushed, slot written, slot flushed. Before the
//	        slot: data longer than acknowledged, cut when the upload is next
//	        touched. A torn slot fails its checksum and the other one stands.
//	Finish  data renamed to content, content flushed. Before the rename: an open
//	        upload whose Finish runs again. After: an Arrived upload.
//	        On a mismatch: verdict written, the directory renamed to quarantine.
//	Settle  record's directory renamed to done. Before it: the caller is asked
//	        to settle again, so what it does must be idempotent.
//
// The record holds two slots in blocks of their own, written in turn; each
// carries the offset, the SHA-256 state at that offset and a checksum. They are
// overwritten in place, so acknowledging what a full disk still took needs no
// free space. Where a slot cannot be trusted after a failed flush, it is written
// anew before the offset is acknowledged again.
//
// One process appends to an upload at a time: a second Append gets [ErrLocked],
// also from another process on the same machine (on systems with flock).
package blob
