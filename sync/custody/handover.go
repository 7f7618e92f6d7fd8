package custody

import (
	"fieldseal/sync/event"
)

// chains is what the handovers come to; see handover.go and chain.go.
type chains struct {
	handovers []*handover
	byID      map[event.UUID]*handover
}

// handover is one change of hands: an offer and an acceptance over one text of terms.
type handover struct {
	id    event.UUID
	terms *event.Terms
}
