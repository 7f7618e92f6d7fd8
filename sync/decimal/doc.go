// Package decimal holds exact decimal numbers: readings, results, quantities
// and coordinates as signed payloads carry them. No function here passes
// through a float.
//
// A [Decimal] is an integer N and a scale S; its value is N × 10^-S. The scale
// is part of what was said: "12.50" is {N: 1250, S: 2} and stays so, because
// the digits a laboratory or an instrument wrote are evidence of its
// resolution. [Decimal.Cmp] compares values (12.5 equals 12.50); the Go
// operator == compares what was said (they differ).
//
// # JSON
//
// The one JSON form is an object of exactly two integers:
//
//	{"n":1250,"s":2}
//
// Both members are required, no other is allowed, neither may occur twice, and
// each is a plain JSON integer: no fraction, no exponent, no string, no null,
// no negative zero. n fits a signed 64-bit integer, s is 0 to 18. The encoder
// writes no white space and n before s; the decoder takes either order. The
// serialization is frozen: payloads that were signed with it exist.
//
// An absent number is a nil *Decimal, never a Decimal of zero. Decimal has no
// IsZero method on purpose: the JSON option omitzero would call it and drop a
// measured 0 from a payload. Use [IsZero] or [Decimal.Sign].
package decimal
