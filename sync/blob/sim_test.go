package blob

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

var errInjected = syscall.EIO

// TestOpenFails lets each operation of making a store fail in turn; opening it
// again must then make a whole one.
func TestOpenFails(t *testing.T) {
	for k := 0; ; k++ {
		s, left := newSimFS(), k
		s.fault = func(string, string) (error, bool) { left--; return faultAt(left) }
		_, err := openFiles(FilesConfig{Dir: "/d/store"}, s)
		s.fault = nil
		if err == nil && left >= 0 {
			if k < 270 {
				t.Fatalf("making a store takes only %d operations", k)
			}
			return
		}
		after := s.powerCut(nil)
		for _, s := range []*simFS{s, after} {
			c := newClaim(photo(100, 1), false)
			complete(t, openSim(t, s), c)
			check(t, s.powerCut(nil), "after a failed opening", c)
		}
	}
}

func faultAt(left int) (error, bool) {
	if left == -1 {
		return errInjected, false
	}
	return nil, false
}

// TestHistories runs random histories: uploads sent in random chunks through two
// processes on one store, with failing operations, broken lines, restarts and
// power cuts. At every moment everything acknowledged is there, and in the end
// every upload can be completed.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		s := newSimFS()
		procs := []*Files{openSim(t, s), openSim(t, s)}
		var claims []*claim
		for i := range rapid.IntRange(1, 3).Draw(t, "uploads") {
			size := rapid.IntRange(0, 5000).Draw(t, "size")
			claims = append(claims, newClaim(photo(size, byte(i)), rapid.Bool().Draw(t, "bad")))
		}
		odds := rapid.IntRange(5, 200).Draw(t, "fault odds")
		for step := range rapid.IntRange(1, 25).Draw(t, "steps") {
			s.fault = func(string, string) (error, bool) {
				if rng.IntN(odds) > 0 {
					return nil, false
				}
				return []syscall.Errno{syscall.EIO, syscall.ENOSPC}[rng.IntN(2)], rng.IntN(2) == 0
			}
			f := procs[rng.IntN(2)]
			c := claims[rng.IntN(len(claims))]
			act := rapid.SampledFrom([]string{"send", "send", "cut", "sum", "finish", "settle", "restart", "power"}).Draw(t, "act")
			if c.id.IsZero() && act != "restart" && act != "power" {
				act = "create"
			}
			n := rapid.IntRange(0, 3000).Draw(t, "n")
			switch act {
			case "create":
				_ = c.create(f)
			case "send":
				_ = c.send(f, n, false, nil)
			case "cut":
				_ = c.send(f, n, true, nil)
			case "sum":
				from := min(c.acked, int64(len(c.sent)))
				sum := Digest(sha256.Sum256(c.sent[from:min(from+int64(n), int64(len(c.sent)))]))
				_ = c.send(f, n, rng.IntN(4) == 0, &sum)
			case "finish":
				_ = c.finish(f)
			case "settle":
				_ = f.Settle(bg, c.id)
			case "restart":
				s.fault = nil
				procs[rng.IntN(2)] = openSim(t, s)
			case "power":
				s = s.powerCut(rng)
				procs = []*Files{openSim(t, s), openSim(t, s)}
			}
			s.fault = nil
			checkAll(t, s, fmt.Sprintf("after step %d, %s", step, act), rng, claims...)
		}
		for _, c := range claims {
			complete(t, procs[rng.IntN(2)], c)
		}
		checkAll(t, s, "in the end", rng, claims...)
	})
}
