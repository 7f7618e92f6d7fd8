package certificate

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
	"fieldseal/sync/witness"
)

// Options say what certificate to make of a case in a ledger.
type Options struct {
	// ID, Made, Language, Exhibits, Purpose, For and Address are as in Input.
	ID       event.UUID
	Made     time.Time
	Language bag.Language
	Exhibits []event.Ref
	Purpose  string
	For      string
	Address  string
	// Case is the case.
	Case event.UUID
	// Former is the case's bundle by the ledger that this one continues, where it lies in both.
	Former *bundle.Former
	// Witnesses are those whose cosignatures count, Quorum how many are needed.
	Witnesses []*witness.Verifier
	Quorum    int
}

// Gather collects what a certificate states from what a bundle is made of, and
// judges the case as a bundle of the whole of it would be judged. The source must
// be fresh: it answers as of one checkpoint, which the certificate then names.
// Errors are those of bundle.RecordAfter.
func Gather(ctx context.Context, src bundle.Source, o Options) (Input, error) {
	in := Input{ID: o.ID, Made: o.Made, Language: o.Language, Exhibits: o.Exhibits, Purpose: o.Purpose, For: o.For, Address: o.Address}
	note, err := src.Checkpoint(ctx)
	if err != nil {
		return in, err
	}
	claimed, _, err := ledger.ParseUnverifiedCheckpoint(note)
	if err != nil {
		return in, fmt.Errorf("%w: the newest checkpoint: %w", bundle.ErrSource, err)
	}
	if in.Record, _, err = bundle.RecordAfter(ctx, src, o.Case, o.Former); err != nil {
		return in, err
	}
	in.Laboratories = Laboratories(func(yield func(event.Body) bool) {
		for b, e := range bodiesOf(ctx, src, o.Case, claimed.Size) {
			if e != nil {
				err = e
				return
			}
			if g, ok := b.(*event.AuthorityGenesis); ok {
				in.Authority = bag.Authority{Name: g.Name, NameZH: g.NameZH, Key: g.Key, Origin: g.LogOrigin, LogKey: g.LogKey}
			}
			if !yield(b) {
				return
			}
		}
	})
	if err != nil {
		return in, err
	}
	in.Checkpoint, err = checkpointOf(note, in.Authority.LogKey, o)
	return in, err
}

// bodiesOf reads the bodies of a case's events, in ledger order.
func bodiesOf(ctx context.Context, src bundle.Source, c event.UUID, size ledger.Size) iter.Seq2[event.Body, error] {
	return func(yield func(event.Body, error) bool) {
		for ev, err := range src.Events(ctx, c, size) {
			var b event.Body
			if err == nil {
				b, err = bodyOf(ev.Line)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

func bodyOf(line []byte) (event.Body, error) {
	env, err := seal.ParseEnvelope(line)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bundle.ErrSource, err)
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bundle.ErrSource, err)
	}
	b, err := event.ParseBody(p.Type, p.Body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", bundle.ErrSource, err)
	}
	return b, nil
}

// checkpointOf reads the checkpoint, whose signature must be the ledger's, and
// counts the cosignatures of the witnesses that the caller names, each once.
func checkpointOf(note []byte, key string, o Options) (Checkpoint, error) {
	logKey, err := ledger.ParseVerifier(key)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: the ledger's key: %w", bundle.ErrSource, err)
	}
	signed, err := ledger.ParseCheckpoint(note, logKey)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: the newest checkpoint: %w", bundle.ErrSource, err)
	}
	c := Checkpoint{Origin: signed.Origin, Size: int64(signed.Size), Root: event.Root(signed.Root), Quorum: o.Quorum}
	for _, w := range o.Witnesses {
		for _, sig := range signed.Signatures() {
			if !w.Made(sig) || !w.Verify([]byte(signed.Text()), sig.Sig) {
				continue
			}
			at, err := witness.Time(sig.Sig)
			if err != nil {
				return c, fmt.Errorf("%w: the cosignature of %s: %w", bundle.ErrSource, w.Name(), err)
			}
			c.Witnesses = append(c.Witnesses, Witness{w.Name(), at})
			break
		}
	}
	slices.SortFunc(c.Witnesses, func(a, b Witness) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}
