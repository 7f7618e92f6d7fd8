package ingest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
)

// Draft is an event for the authority to seal.
type Draft struct {
	// Case is the case that it belongs to; zero where it belongs to none.
	Case event.UUID
	// Actor is the person who decided it; zero: the authority's server itself.
	Actor event.UUID
	Body  event.Body
}

// Author seals drafts with the authority's key, in order, and appends them: all
// or, where one is refused, none. It returns when they are stored as Submit's
// are. A draft that would contradict the log (a login that is taken, a device
// enrolled twice, a grant for a case that does not exist …) is refused with an
// error that wraps ErrConflict. Stating again what the log holds already, a file
// that has arrived or a rule pack, is answered as a duplicate.
func (e *Engine) Author(ctx context.Context, drafts ...Draft) ([]Result, error) {
	if len(drafts) == 0 || len(drafts) > MaxLines {
		return nil, fmt.Errorf("%w: %d drafts, must be 1 to %d", ErrTooManyLines, len(drafts), MaxLines)
	}
	for i, d := range drafts {
		if d.Body == nil || event.TypeOf(d.Body) == "" {
			return nil, conflict("draft %d is of no event type", i)
		}
		if _, ok := d.Body.(*event.AuthorityGenesis); ok {
			return nil, conflict("a log has one genesis, which it was begun with")
		}
	}
	r := newRequest(nil, event.UUID{})
	r.drafts = drafts
	receipt, err := e.enqueue(ctx, r)
	return receipt.Results, err
}

// author seals and appends one list of drafts, or notes why it was refused.
func (t *transaction) author(i int, drafts []Draft) error {
	tree, tiles := t.tree, maps.Clone(t.tiles)
	if _, err := t.tx.Exec("SAVEPOINT author"); err != nil {
		return err
	}
	results, err := t.drafts(drafts)
	if err == nil {
		t.results[i] = results
		_, err = t.tx.Exec("RELEASE SAVEPOINT author")
		return err
	}
	if !errors.Is(err, ErrConflict) && !errors.Is(err, errBegun) && !errors.Is(err, event.ErrInvalid) && !errors.Is(err, event.ErrMalformed) {
		return err
	}
	t.errs[i] = err
	t.tree, t.tiles, t.head.reg = tree, tiles, projection.Registry{}
	if _, err := t.tx.Exec("ROLLBACK TO SAVEPOINT author"); err != nil {
		return err
	}
	_, err = t.tx.Exec("RELEASE SAVEPOINT author")
	return err
}

func (t *transaction) drafts(drafts []Draft) (results []Result, err error) {
	for _, d := range drafts {
		prior, err := t.check(d)
		if err != nil {
			return nil, err
		}
		if prior != nil {
			results = append(results, *prior)
			continue
		}
		line, v, err := t.sealDraft(d)
		if err != nil {
			return nil, err
		}
		outcomes, err := t.append([]reconcile.Incoming{{Verified: v, SHA: seal.LineDigest(line)}}, []event.UUID{{}})
		if err != nil {
			return nil, err
		}
		r := resultOf(outcomes[0])
		if r.Status != reconcile.Accepted {
			return nil, fmt.Errorf("%w: the authority's own %s was not accepted: %s: %s", ErrDamaged, event.TypeOf(d.Body), r.Code, r.Detail)
		}
		r.Line = line
		results = append(results, r)
	}
	return results, nil
}

// sealDraft makes the next event of the authority's chain.
func (t *transaction) sealDraft(d Draft) ([]byte, *seal.Verified, error) {
	p, err := t.payload(d)
	if err != nil {
		return nil, nil, err
	}
	data, err := event.Marshal(p)
	if err != nil {
		return nil, nil, err
	}
	line, err := t.e.cfg.AuthorityKey.Seal(event.PayloadType, data)
	if err != nil {
		return nil, nil, err
	}
	v, r, err := seal.Verify(line, authorityKeys{p.Device, t.e.cfg.AuthorityKey.Public()})
	if err != nil {
		return nil, nil, err
	}
	if r != nil {
		return nil, nil, fmt.Errorf("ingest: the event just sealed does not verify: %w", r)
	}
	return line, v, nil
}

func (t *transaction) payload(d Draft) (event.Payload, error) {
	now := t.tx.Now()
	p := event.Payload{V: event.Version, Type: event.TypeOf(d.Body), UUID: newUUID(now), Case: d.Case, Actor: d.Actor, Seq: 1,
		Clock: event.Clock{Wall: event.StampOf(now), Source: "network"}}
	var err error
	if p.Body, err = event.MarshalBody(d.Body); err != nil {
		return p, err
	}
	if p.Type == event.TypeAuthorityGenesis {
		p.Device = newUUID(now)
		p.Actor = p.Device
		return p, nil
	}
	dev, found, err := projection.DeviceByNumber(t.tx, projection.AuthorityNumber)
	if err != nil {
		return p, err
	}
	if !found {
		return p, fmt.Errorf("%w: the authority has no genesis", ErrDamaged)
	}
	head, err := projection.HeadOf(t.tx, dev.N)
	if err != nil {
		return p, err
	}
	if len(head.Pending) > 0 {
		return p, fmt.Errorf("%w: the authority's own chain lacks event %d; nothing can be authored until it is replayed", ErrDamaged, head.FirstMissing)
	}
	p.Device, p.Seq, p.Prev = dev.ID, head.Seq+1, head.ID
	if p.Actor.IsZero() {
		p.Actor = dev.ID
	}
	if s := t.head.signed; s != nil {
		p.Seen = &event.Seen{Origin: s.Origin, Size: int64(s.Size), Root: event.Root(s.Root), Note: sha256.Sum256(s.Note())}
	}
	return p, nil
}

// authorityKeys knows one key.
type authorityKeys struct {
	id  event.UUID
	key seal.PublicKey
}

// DeviceKey implements seal.Keys.
func (a authorityKeys) DeviceKey(id event.UUID) (seal.PublicKey, bool, error) {
	return a.key, id == a.id, nil
}

func newUUID(now time.Time) event.UUID {
	var random [10]byte
	rand.Read(random[:])
	return event.NewUUID(now, random)
}
