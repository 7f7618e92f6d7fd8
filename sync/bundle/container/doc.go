// Package container reads and writes the file that a court bundle travels in: a
// strict profile of ZIP (PKWARE APPNOTE 6.3) that every unzip program opens and
// that has exactly one byte sequence for given contents.
//
// # Profile
//
//	local header, data   of the first entry, at offset 0
//	local header, data   of the second, directly behind it, and so on
//	central directory    one header for each entry, in the same order
//	zip64 end record and locator, only where a number does not fit below
//	end of central directory, to the last byte of the file
//
// Nothing else may be there: no bytes before, between or behind, no comments,
// no data descriptors, no encryption, no directories, links or other special
// files, no extra fields but the zip64 one, and that one only where a size or
// an offset is 0xffffffff or more. Methods are stored and deflated. All entries
// carry one and the same modification time in UTC, permissions 0644, version
// 2.0 needed (4.5 with zip64 fields) and 4.5 on Unix made by.
//
// Names are relative paths of the letters, digits and ._- of ASCII; no two are
// equal when case is ignored, and none is also a folder of another, so that the
// tree unpacks the same everywhere.
//
// Open encodes all framing anew from what it read and requires the same bytes,
// so a changed bit anywhere outside the entries' data is found without a list
// of tricks to look for. What remains free is how data is deflated; the bundle's
// signed manifest pins that by the digest of the packed bytes.
//
// # Bounds
//
// Open holds the directory in memory and nothing else, and refuses more than
// MaxEntries entries. Reading an entry streams it; it stops at the stated size,
// which is at most MaxRatio times the packed one.
package container
