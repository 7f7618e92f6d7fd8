package source_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http/httptest"
	"testing"

	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/source"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/stamp"
	"fieldseal/sync/stamp/authority"
	"fieldseal/sync/stamp/collector"
	"fieldseal/sync/stamp/stamptest"
	"fieldseal/sync/store"
)

// stamped is a scene whose ledger a real authority stamps.
type stamped struct {
	*scene
	roots *stamp.Roots
	k     *collector.Collector
	down  func()
}

func newStamped(t *testing.T) *stamped {
	t.Helper()
	s := &stamped{scene: newScene(t)}
	a := stamptest.New(t, stamptest.Options{})
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	s.down = server.Close
	var err error
	if s.roots, err = stamp.ParseRoots(a.RootPEM()); err != nil {
		t.Fatal(err)
	}
	one, err := authority.New(authority.Config{Name: "one", URL: server.URL, Roots: s.roots})
	if err != nil {
		t.Fatal(err)
	}
	s.k, err = collector.New(collector.Config{Engine: s.Engine, Store: s.Store, Authorities: []*authority.Authority{one}, Note: s.newest})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stamped) newest(ctx context.Context) ([]byte, error) {
	return source.Newest(ctx, s.Engine, s.Store)
}

func (s *stamped) stampNow() []byte {
	s.t.Helper()
	note, err := s.newest(s.t.Context())
	if err == nil {
		err = s.k.Stamp(s.t.Context(), note)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return note
}

// export exports and verifies with the authority trusted.
func (s *stamped) export(stamp func(context.Context, []byte)) (*verify.Verdict, bundle.Summary) {
	s.t.Helper()
	p, _, err := source.Export(s.t.Context(), s.Engine, s.Store, s.files, s.dev.Person, s.options(), nil, stamp)
	if err != nil {
		s.t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		s.t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		s.t.Fatal(err)
	}
	v, err := verify.Verify(s.t.Context(), bytes.NewReader(b.Bytes()), int64(b.Len()), verify.Options{TrustedTSA: s.roots})
	if err != nil || v.Result == verify.NotAuthentic {
		s.t.Fatalf("%v: %v", err, v.Failures)
	}
	for _, token := range v.Tokens {
		if !token.Verified {
			s.t.Errorf("%+v", token)
		}
	}
	return v, p.Summary()
}

// cosigned puts a second signature under the newest checkpoint, as a witness does.
func (s *stamped) cosigned() []byte {
	s.t.Helper()
	signed, err := s.Engine.Signed(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	witness, err := ledger.GenerateKey("witness.test/a")
	if err != nil {
		s.t.Fatal(err)
	}
	sig, err := witness.Sign([]byte(signed.Text()))
	if err != nil {
		s.t.Fatal(err)
	}
	both, err := signed.WithSignature(ledger.Signature{Name: witness.Name(), KeyHash: witness.KeyHash(), Sig: sig}, witness.Verifier())
	if err == nil {
		err = s.Engine.AddCosigned(s.t.Context(), string(both.Note()))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return both.Note()
}

// TestExportIsStamped: the token is over the very checkpoint that the bundle is
// judged against, whatever happens while the authority is asked; and earlier
// tokens go along where they were the first to cover something.
func TestExportIsStamped(t *testing.T) {
	s := newStamped(t)
	early := s.stampNow()
	s.seal(s.c, &event.NoteWritten{Text: "after the first token"})
	v, sum := s.export(func(ctx context.Context, note []byte) {
		s.submit(s.dev.Note(s.c, "while the authority is asked"))
		if err := s.k.Stamp(ctx, note); err != nil {
			t.Error(err)
		}
	})
	c, _, err := ledger.ParseUnverifiedCheckpoint(early)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Tokens != 1 || len(v.Tokens) != 2 || v.Tokens[0].Size != c.Size || v.Tokens[0].File != bag.DatedTokenPath(c.Size, "one") ||
		v.Tokens[1].File != bag.TokenPath("one") || v.Tokens[1].Size != sum.Checkpoint {
		t.Errorf("%+v: %+v", sum, v.Tokens)
	}
	// The record online comes to the same bounds.
	rec, _, err := bundle.Record(t.Context(), source.New(s.Engine, s.Store, s.files), s.c)
	if err != nil {
		t.Fatal(err)
	}
	bounded := 0
	for id, i := range v.Record.Intervals {
		if i.Witnessed != nil && i.Witnessed.NotAfterBy.Size == int64(c.Size) {
			bounded++
			if got := rec.Intervals[id].Witnessed; got == nil || !got.NotAfter.Equal(i.Witnessed.NotAfter) {
				t.Errorf("event %s: online %+v, in the bundle %+v", id, got, i.Witnessed)
			}
		}
	}
	if bounded == 0 {
		t.Error("the first token bounds nothing")
	}
}

// TestCosignedIsStamped: the token is over the note with its cosignatures.
func TestCosignedIsStamped(t *testing.T) {
	s := newStamped(t)
	s.stampNow() // over the log's own note of the same size
	note := s.cosigned()
	v, sum := s.export(func(ctx context.Context, got []byte) {
		if !bytes.Equal(got, note) {
			t.Errorf("another note is to be stamped: %q", got)
		}
		if err := s.k.Stamp(ctx, got); err != nil {
			t.Error(err)
		}
	})
	if sum.Tokens != 1 || len(v.Tokens) != 2 || v.Tokens[0].Size != v.Tokens[1].Size {
		t.Errorf("%+v: %+v", sum, v.Tokens)
	}
}

// TestAuthorityDown: the bundle is made without, and says so.
func TestAuthorityDown(t *testing.T) {
	s := newStamped(t)
	s.stampNow()
	s.seal(s.c, &event.NoteWritten{Text: "after the first token"})
	s.down()
	v, sum := s.export(func(ctx context.Context, note []byte) {
		if err := s.k.Stamp(ctx, note); err == nil {
			t.Error("the authority is not down")
		}
	})
	if sum.Tokens != 0 || len(v.Tokens) != 1 {
		t.Errorf("%+v: %+v", sum, v.Tokens)
	}
}

// TestTokenWithoutItsNote: it has nothing that it could be checked against, and is left out.
func TestTokenWithoutItsNote(t *testing.T) {
	s := newStamped(t)
	digest := sha256.Sum256(s.stampNow())
	s.seal(s.c, &event.NoteWritten{Text: "after the first token"})
	if err := s.Store.Write(t.Context(), func(tx *store.Tx) error {
		n, err := tx.Exec("UPDATE checkpoints SET note = '' WHERE size = (SELECT size FROM tokens WHERE note_sha = $1)", digest[:])
		if n != 1 {
			t.Errorf("%d rows", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if v, sum := s.export(nil); sum.Tokens != 0 || len(v.Tokens) != 0 {
		t.Errorf("%+v: %+v", sum, v.Tokens)
	}
}
