// Package thumbnail makes small upright JPEG pictures of media for people to look
// at. A thumbnail is a derivative and never evidence: it is kept apart from the
// originals, carries a comment that says of what it was made, and can be deleted
// and made again at any time. Originals are only read.
//
// Thumbnails are made after the fact, by a Maker with a bounded queue and, unless
// told otherwise, one worker, so that taking evidence in never waits for a decoder.
// A full queue refuses; the next look at the picture asks again.
//
// Decoders read what strangers sent. Before one is started the header is looked
// at: a picture whose decoded form would exceed MaxPixels or maxDecoded is refused.
// A panic inside a decoder becomes an error. A picture that cannot be decoded is
// recorded with the reason and not tried again; a failure of the disk is not
// recorded.
//
// JPEG, PNG, GIF (first picture), TIFF (first picture), BMP and WebP are read; the
// EXIF orientation is applied where the format carries one.
//
// Layout below the derivatives directory, by the digest of the original:
//
//	thumbnail-1/ab/<digest>.jpg     the picture
//	thumbnail-1/ab/<digest>.failed  why there is none, as text
//
// The 1 is the version of the rules in this package: a later one begins anew.
package thumbnail
