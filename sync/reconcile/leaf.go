package reconcile

import (
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

// KindOf is the kind of the log entry of an accepted event.
func KindOf(t event.Type) ledger.Kind {
	switch t {
	case event.TypeMediaReceived:
		return ledger.KindMedia
	case event.TypeDeviceEnrolled:
		return ledger.KindEnrolment
	case event.TypeDeviceRevoked:
		return ledger.KindRevocation
	case event.TypeCaseGranted, event.TypeGrantRevoked:
		return ledger.KindGrant
	case event.TypeLogPredecessor:
		return ledger.KindPredecessor
	}
	if t.AuthorityOnly() {
		return ledger.KindAuthority
	}
	return ledger.KindEvent
}

// LeafOf is the log entry of an accepted event, of whatever kind: its id, the
// digest of its signature, the key that sealed it and when it was received. A
// verifier computes it from the exact line and the time alone.
func LeafOf(v *seal.Verified, received time.Time) ledger.Leaf {
	return ledger.Leaf{Kind: KindOf(v.Payload().Type), Event: ledger.EventID(v.ID()), Signature: ledger.SignatureDigest(v.SignatureDigest()),
		Key: ledger.KeyID(v.Key()), Received: ledger.Micros(received.UnixMicro())}
}

// QuarantineLeaf is the log entry of a line in quarantine: SHA-256 over its
// bytes. Signature and key are left out, since nothing was proven about them.
func QuarantineLeaf(line event.Digest, received time.Time) ledger.Leaf {
	return ledger.Leaf{Kind: ledger.KindQuarantine, Event: ledger.EventID(line), Received: ledger.Micros(received.UnixMicro())}
}
