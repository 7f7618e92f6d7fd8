package device

import (
	"fmt"

	"fieldseal/sync/event"
)

// blobTo scans a BLOB of fixed length; NULL gives zeros.
type blobTo []byte

// Scan implements sql.Scanner.
func (b blobTo) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		clear(b)
		return nil
	case []byte:
		if len(v) == len(b) {
			copy(b, v)
			return nil
		}
		return fmt.Errorf("%w: a value of %d bytes stands where %d belong", ErrCorrupt, len(v), len(b))
	}
	return fmt.Errorf("%w: a %T stands where %d bytes belong", ErrCorrupt, src, len(b))
}

func uuidTo(u *event.UUID) blobTo { return blobTo(u[:]) }

func hashTo[H ~[32]byte](h *H) blobTo { return blobTo((*h)[:]) }

// nullUUID writes a zero UUID as NULL.
func nullUUID(u event.UUID) any {
	if u.IsZero() {
		return nil
	}
	return u[:]
}

// nullID writes a zero id as NULL.
func nullID(id event.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}
