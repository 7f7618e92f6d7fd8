package server

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/source"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
	"golang.org/x/sync/singleflight"
)

// records keeps the newest custody records: computing one reads the whole case.
type records struct {
	mu     sync.Mutex
	held   map[event.UUID]record
	flight singleflight.Group
}

type record struct {
	size int64
	json []byte
}

// judgedAtOnce bounds the cases that are judged at the same time: each takes a core,
// and of a case of 100,000 events some 700 MB for two seconds. Others wait.
const judgedAtOnce = 2

// maxRecords bounds the records kept in memory.
const maxRecords = 32

func (r *records) get(id event.UUID, size int64) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.held[id]
	return k.json, ok && k.size == size
}

func (r *records) put(id event.UUID, size int64, data []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.held) >= maxRecords || r.held == nil {
		r.held = map[event.UUID]record{}
	}
	r.held[id] = record{size, data}
}

// getRecord gives the custody record of a case: by the same code, and so the same
// record, as the verifier finds in a bundle of the whole case.
func (s *Server) getRecord(c *fiber.Ctx) error {
	id, err := s.visibleCase(c)
	if err != nil {
		return err
	}
	rec, err := s.newestRecord(c.UserContext(), id)
	if err != nil {
		return err
	}
	return answerJSON(c, wire.Record{Case: id.String(), CheckpointSize: rec.size, Record: rec.json})
}

// newestRecord gives a case's record of the whole ledger as it was when it was asked
// for, or newer. Who asks at once shares one computing, and who leaves does not end it
// for the others.
func (s *Server) newestRecord(ctx context.Context, id event.UUID) (record, error) {
	size := s.engine.Size()
	if data, ok := s.records.get(id, size); ok {
		return record{size, data}, nil
	}
	v, err, _ := s.records.flight.Do(fmt.Sprint(id, " ", size), func() (any, error) {
		if data, ok := s.records.get(id, size); ok {
			return record{size, data}, nil // somebody was done just before
		}
		data, size, err := s.computeRecord(context.WithoutCancel(ctx), id)
		if err != nil {
			return nil, err
		}
		s.records.put(id, size, data)
		return record{size, data}, nil
	})
	if err != nil {
		return record{}, err
	}
	return v.(record), nil
}

func (s *Server) visibleCase(c *fiber.Ctx) (event.UUID, error) {
	id, err := uuidParam(c, "id")
	if err != nil {
		return id, err
	}
	return id, s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		_, err := caseFor(tx, id, identity(c).Person)
		return err
	})
}

func (s *Server) computeRecord(ctx context.Context, id event.UUID) ([]byte, int64, error) {
	rec, size, err := s.judge(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	data, err := json.Marshal(rec, json.Deterministic(true))
	return data, size, err
}

// judge gives a case's record, over both ledgers where it lies in two.
func (s *Server) judge(ctx context.Context, id event.UUID) (r *custody.Record, at int64, err error) {
	if err := s.judging.Acquire(ctx, 1); err != nil {
		return nil, 0, err
	}
	defer s.judging.Release(1)
	former, done, err := s.former(ctx, bundle.Options{Case: id, WithoutMedia: true})
	if err != nil {
		return nil, 0, err
	}
	r, size, err := bundle.RecordAfter(ctx, source.New(s.engine, s.store, s.blobs), id, former)
	return r, int64(size), errors.Join(err, done())
}

// former gives the former ledger's bundle, nil where there is none.
func (s *Server) former(ctx context.Context, o bundle.Options) (*bundle.Former, func() error, error) {
	if s.cfg.Former == nil {
		return nil, func() error { return nil }, nil
	}
	return s.cfg.Former(ctx, o)
}

// stamped gives a bundle its id and its time.
func (s *Server) stamped(o bundle.Options) (bundle.Options, error) {
	var random [10]byte
	if _, err := rand.Read(random[:]); err != nil {
		return o, err
	}
	o.Made = s.now().UTC().Truncate(time.Second)
	o.Bundle = event.NewUUID(o.Made, random)
	return o, nil
}

// Export makes a bundle; that it was made is on the ledger before a byte of it leaves.
func (s *Server) Export(ctx context.Context, w io.Writer, o bundle.Options, actor event.UUID) (sum bundle.Summary, err error) {
	if o, err = s.stamped(o); err != nil {
		return bundle.Summary{}, err
	}
	if o.Former == nil {
		var done func() error
		if o.Former, done, err = s.former(ctx, o); err != nil {
			return bundle.Summary{}, err
		}
		defer func() { err = errors.Join(err, done()) }()
	}
	p, _, err := source.Export(ctx, s.engine, s.store, s.blobs, actor, o, s.witnessedNote(ctx, o.Bundle), s.stampFor(o.Bundle))
	if err != nil {
		return bundle.Summary{}, err
	}
	_, err = p.WriteTo(w)
	return p.Summary(), errors.Join(err, p.Close())
}

// stampFor has the checkpoint of a bundle time-stamped. That an authority did not
// answer is for the operator; the bundle itself states which time-stamps it lacks.
func (s *Server) stampFor(id event.UUID) func(context.Context, []byte) {
	if s.cfg.Stamp == nil {
		return nil
	}
	return func(ctx context.Context, note []byte) {
		if err := s.cfg.Stamp(ctx, note); err != nil {
			s.log.Warn("a bundle is made without a time-stamp over its checkpoint", "bundle", id.String(), "cause", err.Error())
		}
	}
}

// getBundle gives the court bundle: made whole first, so that a failure is an
// answer and not a broken file.
func (s *Server) getBundle(c *fiber.Ctx) error {
	id, err := s.visibleCase(c)
	if err != nil {
		return err
	}
	o := bundle.Options{Case: id, Purpose: c.Query("purpose")}
	if o.Exhibits, err = s.exhibits(c, id); err != nil {
		return err
	}
	f, err := os.CreateTemp("", "fieldseal-bundle-*.zip")
	if err != nil {
		return err
	}
	// The file has no name from here on: it is gone when the answer has been sent.
	if err := os.Remove(f.Name()); err != nil {
		return errors.Join(err, f.Close())
	}
	buf := bufio.NewWriterSize(f, 1<<20)
	made, err := s.Export(c.UserContext(), buf, o, identity(c).Person)
	if err == nil {
		err = buf.Flush()
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		if errors.Is(err, bundle.ErrOptions) {
			return fault.New(wire.CodeBadRequest, "A bundle cannot be made of that choice of exhibits.").Because(err)
		}
		return err
	}
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="case-`+id.String()+`.zip"`)
	return c.SendStream(f, int(made.Length))
}

func (s *Server) exhibits(c *fiber.Ctx, id event.UUID) ([]event.Ref, error) {
	text := c.Query("items")
	if text == "" {
		return nil, nil
	}
	var refs []event.Ref
	err := s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		for _, t := range strings.Split(text, ",") {
			u, err := event.ParseUUID(t)
			if err != nil {
				return fault.New(wire.CodeBadRequest, "items: %.80q is not an identifier.", t).Because(err)
			}
			i, found, err := projection.ItemByID(tx, u)
			if err != nil {
				return err
			}
			if !found || i.Case != id {
				return fault.New(wire.CodeNotFound, "items: the case has no item %s.", u)
			}
			refs = append(refs, event.Ref{Kind: i.Kind, ID: u})
		}
		return nil
	})
	return refs, err
}
