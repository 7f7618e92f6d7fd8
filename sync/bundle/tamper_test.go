package bundle_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/container"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
)

// small is a case as small as a case can be, with one photo.
func small(w *bundletest.World) *bundletest.World {
	org := w.Org("environment", "Bureau")
	d := w.Enrol(org, w.Person(org, "Li Wei", event.RoleInspector))
	seen := w.Checkpoint()
	d.Seen = &seen
	d.Seal(w.Case, &event.CaseOpened{Number: "1", Title: "Case", Authority: "Bureau"})
	m := w.File([]byte("a photo"), "image/jpeg", "")
	d.Seal(w.Case, &event.PhotoCaptured{Photo: w.UUID(), Media: m, Shows: "a drum", SealVisible: "no"})
	w.Arrive(m, d)
	w.Checkpoint()
	return w
}

// accepted reports whether a changed bundle passes as authentic.
func accepted(b []byte) (bool, error) {
	v, err := verify.Verify(context.Background(), bytes.NewReader(b), int64(len(b)), verify.Options{Workers: 1})
	if errors.Is(err, verify.ErrUnreadable) {
		return false, nil
	}
	return err == nil && v.Result != verify.NotAuthentic, err
}

// sweep verifies n changes of a bundle, on all cores, and reports each that passes.
func sweep(t *testing.T, n int, change func(i int) []byte) {
	t.Helper()
	step := 1
	if testing.Short() {
		step = 17
	}
	var wg sync.WaitGroup
	work := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range work {
				switch ok, err := accepted(change(i)); {
				case err != nil:
					t.Errorf("change %d: %v", i, err)
				case ok:
					t.Errorf("change %d passes as authentic", i)
				}
			}
		})
	}
	for i := 0; i < n; i += step {
		work <- i
	}
	close(work)
	wg.Wait()
}

// TestEveryByte flips a bit of every byte of a bundle, its ZIP framing and the
// padding inside deflated data included. There is no byte that does not matter.
func TestEveryByte(t *testing.T) {
	w := small(bundletest.New(t))
	b := w.Bundle(w.Options())
	sweep(t, len(b), func(i int) []byte {
		c := bytes.Clone(b)
		c[i] ^= 1 << (i % 8)
		return c
	})
}

// TestEveryBit flips every bit of what a reader interprets before any digest
// protects it: the ZIP framing, the manifest and the list of files.
func TestEveryBit(t *testing.T) {
	w := small(bundletest.New(t))
	b := w.Bundle(w.Options())
	a, err := container.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	data := make([]bool, len(b))
	for i, e := range a.Entries() {
		if i >= 4 && i < 6 { // the manifest and the list of files
			continue
		}
		raw := a.Raw(e)
		_, from, n := raw.Outer()
		for k := from; k < from+n; k++ {
			data[k] = true
		}
	}
	var places []int
	for i, d := range data {
		if !d {
			places = append(places, i)
		}
	}
	sweep(t, 8*len(places), func(i int) []byte {
		c := bytes.Clone(b)
		c[places[i/8]] ^= 1 << (i % 8)
		return c
	})
}

// TestCutAndGrown cuts a bundle everywhere, and puts bytes everywhere.
func TestCutAndGrown(t *testing.T) {
	w := small(bundletest.New(t))
	b := w.Bundle(w.Options())
	sweep(t, 3000, func(i int) []byte {
		rng := rand.New(rand.NewPCG(1, uint64(i)))
		at := rng.IntN(len(b))
		n := 1 + rng.IntN(min(len(b)-at, 300))
		switch i % 4 {
		case 0:
			return b[:at]
		case 1: // a piece is missing
			return append(bytes.Clone(b[:at]), b[at+n:]...)
		case 2: // a piece is there twice
			return append(bytes.Clone(b[:at+n]), b[at:]...)
		}
		c := bytes.Clone(b) // a piece is zero
		clear(c[at : at+n])
		if bytes.Equal(c, b) {
			c[at] ^= 0xff
		}
		return c
	})
}

func FuzzVerify(f *testing.F) {
	w := small(bundletest.NewFixed(f)) // the same in all of the fuzzer's processes
	good := w.Bundle(w.Options())
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		ok, err := accepted(b)
		if err != nil {
			t.Fatal(err)
		}
		if ok && !bytes.Equal(b, good) {
			t.Fatal("something else than the bundle passes as authentic")
		}
	})
}
