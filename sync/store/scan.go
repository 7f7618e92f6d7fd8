package store

import (
	"database/sql"
	"fmt"
)

// Array is any fixed-size identifier: event ids, digests and roots have 32
// bytes, UUIDs 16.
type Array interface{ ~[32]byte | ~[16]byte }

// Into scans a column of raw bytes into a fixed-size identifier; empty is the
// zero value, any other length an error that wraps ErrWidth.
func Into[A Array](dst *A) sql.Scanner { return into[A]{dst} }

// ErrWidth is wrapped where a column's bytes do not have the length of what they should be.
var ErrWidth = fmt.Errorf("store: a column has the wrong number of bytes")

type into[A Array] struct{ dst *A }

func (i into[A]) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok {
		return fmt.Errorf("%w: %T is not bytes", ErrWidth, src)
	}
	var zero A
	*i.dst = zero
	if len(b) == 0 {
		return nil
	}
	if len(b) != len(zero) {
		return fmt.Errorf("%w: %d instead of %d", ErrWidth, len(b), len(zero))
	}
	*i.dst = A(b)
	return nil
}

// Bytes is an identifier as an argument: its bytes, or none for the zero value.
func Bytes[A Array](a A) []byte {
	var zero A
	if a == zero {
		return []byte{}
	}
	b := make([]byte, len(a))
	for i := range b {
		b[i] = a[i]
	}
	return b
}
