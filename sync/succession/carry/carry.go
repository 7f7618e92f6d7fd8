// Package carry fills a successor log with what work needs to go on; package
// succession says what that is and why.
//
// Over carries in the order of the former log, so that every event is judged
// against what the successor has by then, as it was judged at first: what was sealed
// before a revocation is before it again. What the successor would not accept is an
// error, and the successor is then good for nothing. A run that was cut short is
// begun anew with an empty successor.
//
// What the former authority stated is believed as the database has it: check that
// first, with ingest.Fsck and by the key of the log.
package carry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// ErrRefused is wrapped where the successor does not take what the former log had.
var ErrRefused = errors.New("carry: the successor does not take an entry of the former log")

// ErrFormer is wrapped where the former log's database is not what it should be.
var ErrFormer = errors.New("carry: the former log's database is damaged")

// Summary counts what was carried over.
type Summary struct {
	// Lines are the devices' events, by type of statement what the authority sealed anew.
	Lines      int64
	Statements map[event.Type]int64
	// Left counts statements that stay in the former log alone, Quarantined the lines
	// in quarantine there.
	Left, Quarantined int64
	// Entries is how many entries the former log's database has.
	Entries int64
	// Files counts the files that had arrived and are here, Missing lists those that
	// are not: nothing is stated of them, and who has them sends them again.
	Files   int64
	Missing []event.Digest
	// Refused tells what was found in archives and is not carried over, and why.
	Refused []string

	authoritySeq int64 // of the last statement that the database has
}

// Config says what is carried from where to where.
type Config struct {
	From *store.Store
	// To's log has nothing but its genesis and its predecessor.
	To *ingest.Engine
	// Store is To's; only Further needs it.
	Store *store.Store
	// Held takes over a file that had arrived, and reports whether the successor has
	// it now. It is asked before the arrival is stated anew.
	Held func(ctx context.Context, d event.Digest) (bool, error)
	// Progress, where not nil, is told how many entries have been looked at.
	Progress func(done, total int64)
}

// Total is the number of all statements.
func (s *Summary) Total() (n int64) {
	for _, k := range s.Statements {
		n += k
	}
	return n
}

// restated are the authority's types that are stated anew; of types that devices
// seal too, all are but those below.
var restated = map[event.Type]bool{
	event.TypeOrgRegistered: true, event.TypePersonRegistered: true, event.TypeDeviceEnrolled: true, event.TypeDeviceRevoked: true,
	event.TypeCaseGranted: true, event.TypeGrantRevoked: true, event.TypeMediaReceived: true, event.TypeLabelBlock: true, event.TypeRulePack: true,
}

// bound are types whose content names an event of the authority or a place in the
// log, which is another one in the successor.
var bound = map[event.Type]bool{event.TypeEventAmended: true, event.TypeQuarantineSettled: true}

// batchBytes bounds the lines that are read before they are handed on.
const batchBytes = 4 << 20

// Over carries what the former log's database holds into the successor.
func Over(ctx context.Context, cfg Config) (*Summary, error) {
	c := &carrier{Config: cfg, ctx: ctx, sum: &Summary{Statements: map[event.Type]int64{}}}
	err := cfg.From.Read(ctx, func(tx *store.Tx) error {
		last, found, err := tx.LastCheckpoint()
		if err != nil || !found {
			return err
		}
		c.sum.Entries = last.Size
		if err := c.authority(tx); err != nil {
			return err
		}
		if _, err := tx.Get("SELECT count(*) FROM quarantine WHERE idx < $1", store.Args(last.Size), &c.sum.Quarantined); err != nil {
			return err
		}
		// Each page is handed on before the next is read: what waits is bounded.
		for next := int64(0); next < last.Size; {
			rows, err := page(tx, next, last.Size)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				break
			}
			for _, r := range rows {
				if err := c.take(r); err != nil {
					return err
				}
			}
			if err := c.flush(); err != nil {
				return err
			}
			next = rows[len(rows)-1].Index + 1
			if cfg.Progress != nil {
				cfg.Progress(next, last.Size)
			}
		}
		return nil
	})
	return c.sum, err
}

// Whole says why a database does not hold the whole of a log that ends with a
// checkpoint, or nothing. The tree is read, not the entries: that is fsck's.
func Whole(ctx context.Context, s *store.Store, end ledger.Checkpoint) error {
	return s.Read(ctx, func(tx *store.Tx) error {
		last, _, err := tx.LastCheckpoint()
		if err != nil {
			return err
		}
		if last.Size != int64(end.Size) {
			return fmt.Errorf("%w: it has %d entries, the log ended with %d", ErrFormer, last.Size, end.Size)
		}
		root, err := ledger.RootAt(ctx, tx, end.Size)
		if err == nil && root != end.Root {
			err = fmt.Errorf("%w: its %d entries come to root %v, the log ended with root %v", ErrFormer, last.Size, root, end.Root)
		}
		return err
	})
}

// Genesis reads what the former log's authority stated of itself, the one thing in
// the database that nothing there can vouch for. ErrFormer where there is none.
func Genesis(ctx context.Context, s *store.Store) (b *event.AuthorityGenesis, err error) {
	err = s.Read(ctx, func(tx *store.Tx) error {
		_, b, err = genesis(tx)
		return err
	})
	return b, err
}

func genesis(tx *store.Tx) (p event.Payload, b *event.AuthorityGenesis, err error) {
	row, found, err := tx.EventAt(0)
	if err != nil {
		return p, nil, err
	}
	if !found {
		return p, nil, fmt.Errorf("%w: it has no entry 0", ErrFormer)
	}
	p, body, err := parse(row)
	if err != nil {
		return p, nil, err
	}
	b, ok := body.(*event.AuthorityGenesis)
	if !ok {
		return p, nil, fmt.Errorf("%w: entry 0 is a %s", ErrFormer, p.Type)
	}
	return p, b, nil
}

// pageRows is how many entries are read at once.
const pageRows = 1000

func page(tx *store.Tx, from, size int64) (rows []store.EventRow, err error) {
	bytes := 0
	full := errors.New("full")
	err = tx.Each("SELECT "+store.EventColumns+" FROM events WHERE idx >= $1 AND idx < $2 ORDER BY idx LIMIT $3", store.Args(from, size, int64(pageRows)), func(scan func(...any) error) error {
		r, err := store.ScanEvent(scan)
		rows = append(rows, r)
		if bytes += len(r.Line); err == nil && bytes > batchBytes {
			err = full
		}
		return err
	})
	if errors.Is(err, full) {
		err = nil
	}
	return rows, err
}

// carrier is one run. Lines or drafts wait, never both, so that the order stays.
type carrier struct {
	Config
	ctx    context.Context
	sum    *Summary
	origin string     // the former log's name
	former event.UUID // its authority
	lines  [][]byte
	places []int64 // of the lines in the former log
	drafts []ingest.Draft
}

// authority reads who kept the former log.
func (c *carrier) authority(tx *store.Tx) error {
	p, b, err := genesis(tx)
	if err != nil {
		return err
	}
	c.origin, c.former = b.LogOrigin, p.Device
	return nil
}

func parse(r store.EventRow) (event.Payload, event.Body, error) {
	env, err := seal.ParseEnvelope(r.Line)
	if err != nil {
		return event.Payload{}, nil, fmt.Errorf("%w: entry %d: %w", ErrFormer, r.Index, err)
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		return p, nil, fmt.Errorf("%w: entry %d: %w", ErrFormer, r.Index, err)
	}
	b, err := event.ParseBody(p.Type, p.Body)
	if err != nil {
		return p, nil, fmt.Errorf("%w: entry %d: %w", ErrFormer, r.Index, err)
	}
	return p, b, nil
}

// take takes up one entry of the former log.
func (c *carrier) take(r store.EventRow) error {
	if r.Dev != projection.AuthorityNumber {
		if len(c.drafts) > 0 {
			if err := c.flush(); err != nil {
				return err
			}
		}
		c.lines, c.places = append(c.lines, slices.Clone(r.Line)), append(c.places, r.Index)
		return nil
	}
	p, body, err := parse(r)
	if err != nil {
		return err
	}
	c.sum.authoritySeq = p.Seq
	if len(c.lines) > 0 {
		if err := c.flush(); err != nil {
			return err
		}
	}
	return c.restate(p, body, r.ID)
}

// restate makes the draft of a statement that matters to the successor.
func (c *carrier) restate(p event.Payload, body event.Body, id event.ID) error {
	if p.Type.AuthorityOnly() && !restated[p.Type] || bound[p.Type] {
		c.sum.Left++
		return nil
	}
	d := ingest.Draft{Case: p.Case, Body: body}
	if p.Actor != c.former {
		d.Actor = p.Actor
	}
	switch b := body.(type) {
	case *event.DeviceEnrolled:
		if b.Former == nil { // one that is there names what the chain began with, which stays
			b.Former = &event.FormerEnrolment{Origin: c.origin, Enrolment: id}
		}
	case *event.MediaReceived:
		held, err := c.Held(c.ctx, b.SHA256)
		if err != nil {
			return err
		}
		if !held {
			c.sum.Missing = append(c.sum.Missing, b.SHA256)
			return nil
		}
		c.sum.Files++
	}
	c.sum.Statements[p.Type]++
	c.drafts = append(c.drafts, d)
	return nil
}

// flush hands on what waits.
func (c *carrier) flush() error {
	if len(c.drafts) > 0 {
		if _, err := c.To.Author(c.ctx, c.drafts...); err != nil {
			return fmt.Errorf("%w: a statement of its authority: %w", ErrRefused, err)
		}
	}
	if len(c.lines) > 0 {
		receipt, err := c.To.Submit(c.ctx, c.lines, event.UUID{})
		if err != nil {
			return err
		}
		for i, r := range receipt.Results {
			if r.Status != reconcile.Accepted {
				return fmt.Errorf("%w: entry %d, event %s: %s: %s %s", ErrRefused, c.places[i], r.ID, r.Status, r.Code, r.Detail)
			}
		}
		c.sum.Lines += int64(len(c.lines))
	}
	c.lines, c.places, c.drafts = c.lines[:0], c.places[:0], c.drafts[:0]
	return nil
}
