// Package bundle makes court bundles: one file that proves itself without the
// server that made it. The format is package bag's, and its package comment has
// the layout; package verify reads and judges what is made here.
//
// # Making one
//
// Prepare reads everything that the bundle will hold from a Source, checks it,
// and spools what is text to one temporary file; Prepared then knows the length
// and the digest of the manifest, and writes the container front to back to any
// stream, with media straight from the source. Write does both.
//
// The same contents, options and time give the same bytes, but for the
// signature over the manifest where the authority's key is ECDSA.
//
// # What is checked before a byte is written
//
// Every leaf is in its tile and every tile leads to the checkpoint's root; every
// file of media has the digest that events name; every shown event has its
// predecessor in the ledger or stated as missing. What fails is a fault of the
// store (ErrSource) and not something to hand to a court. What a device stated
// falsely is not a fault of the store: it goes into the bundle as it is, and
// verification finds it.
//
// # Whole case or chosen exhibits
//
// With Options.Exhibits only what concerns these things is disclosed: the events
// about them and about what they were made from or into, their handovers,
// laboratory work, seals, photos and files, the blanks that travelled in the same
// cooler, and of what they are linked to (site, waste, party, other end of a
// link) the event that records it. All other events of the case are counted
// and shown to be in the ledger, and their contents stay hidden. Lines in
// quarantine are hidden then, because nothing shows what they concern.
package bundle
