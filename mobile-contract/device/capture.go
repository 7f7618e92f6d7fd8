package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// maxTogether bounds the drafts of one CaptureAll, and with them how long one
// transaction keeps other processes waiting.
const maxTogether = 1000

// Draft is what a person wants to say; Capture turns it into a sealed event.
type Draft struct {
	// Case is the case it belongs to; may be zero for a case.opened, which then gets a new one.
	Case event.UUID
	// Body is the content. Capture fills in a copy what the device itself knows,
	// where it is empty: new identifiers, labels, times, who acts (see Complete).
	Body event.Body
	// Actor is who acts; zero for the person that the device is enrolled for.
	Actor event.UUID
	// Place is where, nil where it is not known.
	Place *event.Place
	// Kept is the saved draft that this completes; it is deleted in the same transaction.
	Kept event.UUID
}

// Saved is a sealed and durable event.
type Saved struct {
	ID   event.ID
	UUID event.UUID
	Seq  int64
	Type event.Type
	Case event.UUID
	// Body is the completed body.
	Body event.Body
	// Line is the exact envelope.
	Line []byte
}

// Capture seals a draft as the next event of this device's chain and returns when
// it is durable. Errors: ErrNotEnrolled, ErrKeyFile, ErrChainHold, ErrDiskFull,
// ErrStorage, or a *[CaptureError] about the draft (wrapping event.ErrInvalid,
// ErrInput, ErrNoLabels, ErrLabelUsed or ErrMedia).
func (s *Store) Capture(ctx context.Context, d Draft) (Saved, error) {
	saved, err := s.CaptureAll(ctx, d)
	if err != nil {
		return Saved{}, err
	}
	return saved[0], nil
}

// CaptureAll is Capture for several drafts: all of them are saved, in this order
// and next to each other in the chain, or none.
func (s *Store) CaptureAll(ctx context.Context, drafts ...Draft) ([]Saved, error) {
	if len(drafts) == 0 || len(drafts) > maxTogether {
		return nil, inputf("%d events at once, 1 to %d can be saved together", len(drafts), maxTogether)
	}
	var saved []Saved
	err := s.extend(ctx, func(c *chain) error {
		saved = saved[:0]
		for _, d := range drafts {
			one, err := c.capture(d)
			if err != nil {
				return err
			}
			saved = append(saved, one)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return saved, nil
}

// extend runs fn with the chain's head in hand, in one transaction.
func (s *Store) extend(ctx context.Context, fn func(*chain) error) error {
	id, err := s.Identity(ctx)
	if err != nil {
		return err
	}
	signer, err := s.loadSigner(id)
	if err != nil {
		return err
	}
	return s.write(ctx, func(t *tx) error {
		if err := checkHold(t); err != nil {
			return err
		}
		c, err := s.openChain(t, id, signer)
		if err != nil {
			return err
		}
		return fn(c)
	})
}

// chain extends the device's chain within one transaction.
type chain struct {
	t      *tx
	id     *Identity
	signer *Signer
	clock  func() event.Clock
	seq    int64
	head   event.ID
	seen   *event.Seen
}

func (s *Store) openChain(t *tx, id *Identity, signer *Signer) (*chain, error) {
	c := &chain{t: t, id: id, signer: signer, clock: s.clock}
	err := t.row(`SELECT seq, id FROM events ORDER BY seq DESC LIMIT 1`).Scan(&c.seq, hashTo(&c.head))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	cp, err := embeddedCheckpoint(t)
	if err != nil {
		return nil, err
	}
	if cp != nil {
		// The checkpoint names its log: another process may have gone over to the next one.
		var origin string
		if err := t.row(`SELECT log_origin FROM identity`).Scan(&origin); err != nil {
			return nil, err
		}
		c.seen = &event.Seen{Origin: origin, Size: cp.size, Root: event.Root(cp.root), Note: cp.digest}
	}
	return c, nil
}

// capture completes, seals and stores one draft.
func (c *chain) capture(d Draft) (Saved, error) {
	saved, err := c.complete(d)
	if err != nil {
		return Saved{}, &CaptureError{typeOf(d.Body), err}
	}
	return saved, nil
}

func typeOf(b event.Body) event.Type {
	if b == nil {
		return ""
	}
	return event.TypeOf(b)
}

func (c *chain) complete(d Draft) (Saved, error) {
	if d.Body == nil || reflect.ValueOf(d.Body).IsNil() {
		return Saved{}, inputf("the event has no content")
	}
	typ := event.TypeOf(d.Body)
	if typ == "" || typ.AuthorityOnly() || typ.Genesis() {
		return Saved{}, inputf("%q is not an event that a device captures", typ)
	}
	if d.Actor.IsZero() {
		d.Actor = c.id.Person
	}
	if _, ok := d.Body.(*event.CaseOpened); ok && d.Case.IsZero() {
		d.Case = newUUID(c.t.now)
	}
	if typ.InCase() && d.Case.IsZero() {
		return Saved{}, inputf("a %s belongs to a case: name it", typ)
	}
	d.Body = cloneBody(d.Body)
	clock := c.clock()
	f := filler{c: c, d: &d, now: clock.Wall}
	if err := f.fill(); err != nil {
		return Saved{}, err
	}
	return c.seal(typ, d, clock)
}

// seal appends a complete draft to the chain.
func (c *chain) seal(typ event.Type, d Draft, clock event.Clock) (Saved, error) {
	raw, err := event.MarshalBody(d.Body)
	if err != nil {
		return Saved{}, err
	}
	p := event.Payload{V: event.Version, Type: typ, UUID: newUUID(c.t.now), Case: d.Case, Device: c.id.Device,
		Seq: c.seq + 1, Prev: c.head, Actor: d.Actor, Clock: clock, Seen: c.seen, Place: d.Place, Body: raw}
	payload, err := event.Marshal(p)
	if err != nil {
		return Saved{}, err
	}
	line, err := c.signer.seal(event.PayloadType, payload)
	if err != nil {
		return Saved{}, err
	}
	id := seal.IDOf(payload)
	if err := c.t.exec(`INSERT INTO events (seq, id, uuid, type, case_id, actor, wall, line) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.Seq, id[:], p.UUID[:], string(typ), nullUUID(p.Case), p.Actor[:], string(p.Clock.Wall), line); err != nil {
		return Saved{}, err
	}
	if err := index(c.t, entry{id: id, typ: typ, caseID: p.Case, body: d.Body, own: true}); err != nil {
		return Saved{}, err
	}
	if err := c.claimMedia(d.Body); err != nil {
		return Saved{}, err
	}
	if !d.Kept.IsZero() {
		if err := c.t.exec(`DELETE FROM drafts WHERE draft = $1`, d.Kept[:]); err != nil {
			return Saved{}, err
		}
	}
	c.seq, c.head = p.Seq, id
	return Saved{ID: id, UUID: p.UUID, Seq: p.Seq, Type: typ, Case: p.Case, Body: d.Body, Line: line}, nil
}

// cloneBody copies a body, so that a caller's draft stays as it was.
func cloneBody(b event.Body) event.Body {
	next := reflect.New(reflect.TypeOf(b).Elem())
	next.Elem().Set(clone(reflect.ValueOf(b).Elem()))
	return next.Interface().(event.Body)
}

// clone copies what bodies consist of: structs, pointers, slices and plain values.
func clone(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(clone(v.Elem()))
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(clone(v.Index(i)))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(clone(v.Field(i)))
		}
	}
	return out
}

// claimMedia requires every file that a body names to be in the store, and makes
// it wait for its upload.
func (c *chain) claimMedia(b event.Body) error {
	for _, m := range mediaOf(b) {
		n, err := c.t.changed(`UPDATE media SET state = CASE state WHEN 'held' THEN 'waiting' ELSE state END
			WHERE sha256 = $1 AND state <> 'damaged'`, m.SHA256[:])
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w: %s (%q) is not in this store, or damaged: add the file first", ErrMedia, m.SHA256, m.Name)
		}
	}
	return nil
}

// checkHold refuses captures that would fork the chain.
func checkHold(t *tx) error {
	why, err := t.setting(setHold)
	if err != nil || why == "" {
		return err
	}
	return fmt.Errorf("%w: %s", ErrChainHold, why)
}

// Names of settings.
const (
	// setHold: why captures are stopped; absent while they are not.
	setHold = "chain_hold"
	// setAudience: what the server called itself when the device was enrolled.
	setAudience = "audience"
	// setCursor: the ledger index up to which changes were pulled.
	setCursor = "pulled_after"
)
