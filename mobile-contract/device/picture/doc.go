// Package picture reads what a photograph says of itself, without altering a
// byte: format, size, camera, times, position, and a perceptual hash.
//
// [Inspect] reads headers only: at most a few tens of kilobytes of any file.
// [Perceive] decodes the picture, within MaxDecoded bytes, for its [Hash].
// Neither fails on a defective file where it can still tell something: the
// defects are listed as [Problem]s, and the original stays the evidence.
//
// # Exactness
//
// EXIF writes positions as fractions of degrees, minutes and seconds. They are
// added exactly and rounded once, half to even, to 10^-7 degree (about a
// centimetre); altitude and error to the millimetre. No float is involved. The
// texts of times are kept as written: the sub-second digits "05" are 50 ms,
// not 5, and a time without an offset stays local.
//
// The general EXIF libraries for Go were tried on real files and on mutations
// of them before this reader was written. Those that survive hostile input
// hand out positions as floats and drop leading zeros of sub-seconds; those
// that hand out the fractions took seconds and gigabytes, or all memory, for a
// file of 50 kB with a few bytes changed. This reader knows the few tags that
// matter here and looks at nothing else.
//
// # What a time says
//
// The camera's clock is the owner's claim. GPS time comes from satellites, but
// is that of the last fix, which may be a day old, as may be the position with
// it. [Picture.Conflicts] names what does not fit together.
package picture
