package servertest

import (
	"context"
	"errors"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
	"fieldseal/sync/succession"
	"fieldseal/sync/succession/carry"
)

// Succession changes what a successor begins with; the zero value is a true one.
type Succession struct {
	// Entry changes what it says of the former log, before that is endorsed.
	Entry func(*event.LogPredecessor)
	// Endorser seals the endorsement in the place of the former authority.
	Endorser *seal.PrivateKey
	// Unendorsed leaves the endorsement out.
	Unendorsed bool
	// Backup is a copy of the former database to carry over from, and no file with it, as
	// after a disaster.
	Backup string
}

// Successor freezes the server's log, unless it is frozen already, and runs another
// server whose log continues it, under a name.
func (s *Server) Successor(t testing.TB, origin string, o Succession) *Server {
	t.Helper()
	last, err := s.Engine.Freeze(context.Background(), "the server moves")
	if err != nil {
		t.Fatal(err)
	}
	b := &event.LogPredecessor{Origin: last.Origin, Size: int64(last.Size), Root: event.Root(last.Root), Checkpoint: string(last.Note()), Reason: "the server moves"}
	if o.Entry != nil {
		o.Entry(b)
	}
	if o.Endorser == nil {
		o.Endorser = s.Authority
	}
	w := ingesttest.Empty(t, origin, func(c *ingest.Config) {
		if !o.Unendorsed {
			b.Endorsement = endorse(t, b, c.LogKey, c.AuthorityKey.Public(), o.Endorser)
		}
		c.Predecessor = b
	})
	w.Org = s.Org
	n := on(t, w, Options{Guarded: func(context.Context) error { return nil }})
	from := s.Store
	held := func(ctx context.Context, d event.Digest) (bool, error) {
		r, err := s.Blobs.Open(ctx, d)
		if err != nil {
			return false, err
		}
		_, _, err = n.Blobs.Put(ctx, r)
		return err == nil, errors.Join(err, r.Close())
	}
	if o.Backup != "" {
		if from, err = store.Open(context.Background(), store.Config{Driver: store.SQLite, Path: o.Backup}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = from.Close() })
		held = func(context.Context, event.Digest) (bool, error) { return false, nil }
	}
	if _, err := carry.Over(context.Background(), carry.Config{From: from, To: w.Engine, Held: held}); err != nil {
		t.Fatal(err)
	}
	return n
}

func endorse(t testing.TB, b *event.LogPredecessor, log *ledger.Key, next seal.PublicKey, by *seal.PrivateKey) []byte {
	t.Helper()
	line, err := succession.Endorse(succession.Statement{Former: succession.EndOf(b),
		Next: succession.Next{Origin: log.Name(), LogKey: log.VerifierText(), Authority: event.Digest(next.ID())}}, by)
	if err != nil {
		t.Fatal(err)
	}
	return line
}
