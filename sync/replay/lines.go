package replay

import (
	"bytes"
	"crypto/sha256"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
)

// line is a line of a source that may be one of those that are looked for.
type line struct {
	raw     []byte
	sha     event.Digest
	id      event.ID // zero: not an envelope
	sig     event.Digest
	key     seal.KeyID
	payload event.Payload // as far as it can be read
	body    event.Body    // of an enrolment
	source  string
}

// lines are the lines that are looked for, and what the others tell of chains.
type lines struct {
	wanted map[[32]byte]bool
	byID   map[event.ID][]*line
	bySHA  map[event.Digest]*line
	// seqs are the sequence numbers beyond the backup that any source has a line of.
	seqs map[event.UUID]map[int64]bool
}

// ed25519Signature is the length of such a signature. One by P-256 in DER has
// this length by a chance of less than 2^-40, and would then not be found.
const ed25519Signature = 64

func readLine(raw []byte, source string) *line {
	l := &line{raw: raw, sha: sha256.Sum256(raw), source: source}
	env, err := seal.ParseEnvelope(raw)
	if err != nil || env.PayloadType != event.PayloadType {
		return l
	}
	l.id = seal.IDOf(env.Payload)
	l.payload, _ = event.Parse(env.Payload)
	if len(env.Signatures) == 1 {
		s, alg := env.Signatures[0], event.AlgP256
		if len(s.Sig) == ed25519Signature {
			alg = event.AlgEd25519
		}
		l.sig, l.key = seal.SignatureDigest(alg, s.Sig), s.KeyID
	}
	if l.payload.Type == event.TypeDeviceEnrolled {
		l.body, _ = event.ParseBody(l.payload.Type, l.payload.Body)
	}
	return l
}

// leaf is the entry of the log that an event gives.
func (l *line) leaf(received ledger.Micros) ledger.Leaf {
	return ledger.Leaf{Kind: reconcile.KindOf(l.payload.Type), Event: ledger.EventID(l.id), Signature: ledger.SignatureDigest(l.sig),
		Key: ledger.KeyID(l.key), Received: received}
}

// is reports whether the line is that of the leaf.
func (l *line) is(leaf *ledger.Leaf) bool {
	if leaf.Kind == ledger.KindQuarantine {
		return ledger.EventID(l.sha) == leaf.Event
	}
	return l.leaf(leaf.Received) == *leaf
}

// readLines reads every source once and keeps the lines whose id or digest a
// claim or a place names.
func (e *Evidence) readLines() *lines {
	x := &lines{wanted: map[[32]byte]bool{}, byID: map[event.ID][]*line{}, bySHA: map[event.Digest]*line{}, seqs: map[event.UUID]map[int64]bool{}}
	for _, list := range e.claims {
		for i := range list {
			x.wanted[list[i].leaf.Event] = true
		}
	}
	for _, list := range e.places {
		for _, p := range list {
			x.wanted[p.id] = true
		}
	}
	heads := map[event.UUID]int64{}
	for _, d := range e.cfg.Devices {
		heads[d.ID] = d.Head
	}
	for _, s := range e.streams {
		err := s.each(func(raw []byte) error {
			l := readLine(raw, s.name)
			if p := &l.payload; p.Seq > heads[p.Device] {
				if x.seqs[p.Device] == nil {
					x.seqs[p.Device] = map[int64]bool{}
				}
				x.seqs[p.Device][p.Seq] = true
			}
			x.keep(l)
			return nil
		})
		if err != nil {
			e.remark("%s: reading stopped: %v", s.name, err)
		}
	}
	return x
}

func (x *lines) keep(l *line) {
	if !x.wanted[l.sha] && (l.id.IsZero() || !x.wanted[l.id]) || x.bySHA[l.sha] != nil {
		return
	}
	l.raw = bytes.Clone(l.raw)
	l.payload.Body = nil // it aliases what was read
	x.bySHA[l.sha] = l
	if !l.id.IsZero() {
		x.byID[l.id] = append(x.byID[l.id], l)
	}
}

// of gives a line of the leaf; nil where no source has one. Where the same event
// is there in several envelopes, one that is itself an entry in quarantine comes last.
func (x *lines) of(leaf *ledger.Leaf, refused map[event.Digest]bool) *line {
	if leaf.Kind == ledger.KindQuarantine {
		return x.bySHA[event.Digest(leaf.Event)]
	}
	var second *line
	for _, l := range x.byID[event.ID(leaf.Event)] {
		if !l.is(leaf) {
			continue
		}
		if !refused[l.sha] {
			return l
		}
		second = l
	}
	return second
}
