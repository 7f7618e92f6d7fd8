package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

var bg = context.Background()

func openSim(t simT, s *simFS) *Files {
	t.Helper()
	f, err := openFiles(FilesConfig{Dir: "/d/store", Checkpoint: time.Hour}, s)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return f
}

// claim is what a store has acknowledged of one upload.
type claim struct {
	id     UploadID
	sent   []byte // the bytes as they are sent
	wanted Digest
	acked  int64
	state  State // as acknowledged
}

func newClaim(sent []byte, bad bool) *claim {
	c := &claim{sent: sent, wanted: sha256.Sum256(sent), state: Open}
	if bad {
		c.wanted[0] ^= 1
	}
	return c
}

// create, send and finish each do one step and note what was acknowledged.
func (c *claim) create(f *Files) error {
	up, err := f.Create(bg, Promise{Wanted: c.wanted, Length: int64(len(c.sent))})
	if err == nil {
		c.id = up.ID
		if up.Held {
			c.state = Arrived
		}
	}
	return err
}

func (c *claim) send(f *Files, n int, cut bool, sum *Digest) error {
	up, err := f.Upload(bg, c.id)
	if err != nil {
		return err
	}
	c.acked = max(c.acked, up.Offset) // asking is being told
	rest := c.sent[c.acked:]
	var body io.Reader = bytes.NewReader(rest[:min(n, len(rest))])
	if cut {
		body = io.MultiReader(body, iotest.ErrReader(errors.New("cable cut")))
	}
	got, err := f.Append(bg, c.id, c.acked, body, sum)
	c.acked = max(c.acked, got)
	return err
}

func (c *claim) finish(f *Files) error {
	_, err := f.Finish(bg, c.id)
	var wrong *MismatchError
	if errors.As(err, &wrong) {
		c.state = Quarantined
		return nil
	}
	if err == nil {
		c.state = Arrived
	}
	return err
}

// check opens the store that is on s and looks whether everything acknowledged
// is there.
func check(t simT, s *simFS, when string, claims ...*claim) {
	t.Helper()
	f := openSim(t, s)
	// What a crash in Create leaves is no upload, and no damage either.
	if err := f.Uploads(bg, func(Upload) error { return nil }); err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	for _, c := range claims {
		if c.id.IsZero() {
			continue
		}
		up, err := f.Upload(bg, c.id)
		if err != nil {
			t.Fatalf("%s: upload %s: %v", when, c.id, err)
		}
		if up.Offset < c.acked {
			t.Fatalf("%s: upload %s stands at %d, %d were acknowledged", when, c.id, up.Offset, c.acked)
		}
		if c.state != Open && up.State != c.state {
			t.Fatalf("%s: upload %s is %s, acknowledged as %s", when, c.id, up.State, c.state)
		}
		var got []byte
		if up.State == Arrived {
			if err := f.Verify(bg, c.wanted); err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			got = c.sent
		} else {
			l, _, err := f.peek(c.id)
			if err == nil {
				got, err = f.readAll(f.path(l.where, c.id.String(), dataName), int64(len(c.sent)))
			}
			if err != nil {
				t.Fatalf("%s: bytes of upload %s: %v", when, c.id, err)
			}
		}
		if int64(len(got)) < up.Offset || !bytes.Equal(got[:up.Offset], c.sent[:up.Offset]) {
			t.Fatalf("%s: upload %s: the %d bytes acknowledged are not those sent (%d there)", when, c.id, up.Offset, len(got))
		}
	}
}

// checkAll looks at the store as the process sees it, and after power cuts.
func checkAll(t simT, s *simFS, when string, rng *rand.Rand, claims ...*claim) {
	t.Helper()
	check(t, s.powerCut(nil), when+", power cut, nothing unflushed survives", claims...)
	for range 3 {
		check(t, s.powerCut(rng), when+", power cut", claims...)
	}
}

// complete carries a claim to its end on a healthy file system, as a client does.
func complete(t simT, f *Files, c *claim) {
	t.Helper()
	for range 10 {
		if c.id.IsZero() {
			if err := c.create(f); err != nil {
				t.Fatal(err)
			}
		}
		if c.state != Open {
			return
		}
		if up, err := f.Upload(bg, c.id); err != nil {
			t.Fatal(err)
		} else if up.State == Open {
			if err := c.send(f, len(c.sent), false, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.finish(f); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("upload %s does not come to its end", c.id)
}

// script is a whole life of two uploads, one of them with a wrong digest; it
// stops at the first error.
func script(f *Files, good, bad *claim) error {
	half := Digest(sha256.Sum256(good.sent[40_000:50_000]))
	steps := []func() error{
		func() error { return good.create(f) },
		func() error { return good.send(f, 700, false, nil) },
		func() error { return bad.create(f) },
		func() error {
			var cut *SourceError
			if err := good.send(f, 39_300, true, nil); !errors.As(err, &cut) {
				return errors.Join(err, errors.New("the body was cut and Append did not say so"))
			}
			return nil
		},
		func() error { return good.send(f, 10_000, false, &half) },
		func() error { return bad.send(f, len(bad.sent), false, nil) },
		func() error { return good.send(f, len(good.sent), false, nil) },
		func() error { return bad.finish(f) },
		func() error { return good.finish(f) },
		func() error { return f.Settle(bg, good.id) },
		func() error { return f.Settle(bg, bad.id) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// TestEveryOperationFails lets each file operation of a whole upload fail in
// turn, with EIO and with ENOSPC, without effect and in spite of its effect. After
// each the bytes acknowledged are there, now and after a power cut, and both a
// client of the same process and one after a restart can complete the upload.
func TestEveryOperationFails(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	probe := newSimFS()
	f := openSim(t, probe)
	first := probe.ops
	if err := script(f, newClaim(photo(60_001, 1), false), newClaim(photo(5_000, 2), true)); err != nil {
		t.Fatal(err)
	}
	total := probe.ops - first
	if total < 60 {
		t.Fatalf("the script makes only %d operations", total)
	}
	for k := range total {
		for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENOSPC} {
			for _, applied := range []bool{false, true} {
				when := fmt.Sprintf("operation %d of %d fails with %v, applied %v", k+1, total, errno, applied)
				s := newSimFS()
				f := openSim(t, s)
				good, bad := newClaim(photo(60_001, 1), false), newClaim(photo(5_000, 2), true)
				left := k
				var hit string
				s.fault = func(op, name string) (error, bool) {
					left--
					if left == -1 {
						hit = op + " " + name
						return errno, applied
					}
					return nil, false
				}
				err := script(f, good, bad)
				s.fault = nil
				when += " (" + hit + ")"
				if err != nil && errno == syscall.ENOSPC && !errors.Is(err, ErrFull) && !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("%s: the error does not tell: %v", when, err)
				}
				checkAll(t, s, when, rng, good, bad)
				after := s.powerCut(rng)
				// The same process goes on, then a restarted one after a power cut.
				g, b := *good, *bad
				complete(t, f, good)
				complete(t, f, bad)
				checkAll(t, s, when+", completed", rng, good, bad)
				if good.state != Arrived || bad.state != Quarantined {
					t.Fatalf("%s: ended as %s and %s", when, good.state, bad.state)
				}
				restarted := openSim(t, after)
				complete(t, restarted, &g)
				complete(t, restarted, &b)
				checkAll(t, after, when+", completed after restart", rng, &g, &b)
			}
		}
	}
}

// simT is what *testing.T, *testing.B and *rapid.T have in common.
type simT interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}
