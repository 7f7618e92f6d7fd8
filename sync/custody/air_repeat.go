package custody

import (
	"math/bits"
	"slices"
)

// Repeated blocks: a stretch of readings that occurs again later, value for
// value, as when old data are played back. A hash rolls over blockLen readings;
// one hash in keepOneIn is kept with its place, so that a long series costs
// little memory. A copy shows as kept hashes in a row that all point the same
// distance back.
const (
	blockLen  = 24
	keepOneIn = 8
	// leastVaried is how many different values a block needs to count: coarse
	// and steady readings repeat by nature.
	leastVaried = 10
	// maxKept bounds the memory of one channel to about 16 MiB, which is two
	// million readings; beyond it earlier stretches stay comparable, later ones
	// are only compared.
	maxKept = 1 << 18
	// hashBase is an odd number without structure.
	hashBase = 0x9E3779B97F4A7C15
)

// hashOut is hashBase^blockLen, by which the oldest reading leaves the hash.
var hashOut = func() uint64 {
	p := uint64(1)
	for range blockLen {
		p *= hashBase
	}
	return p
}()

// repeatFinder finds repeated blocks of at least atLeast readings.
type repeatFinder struct {
	atLeast int64
	ring    [blockLen]reading
	// n counts the readings so far, hash is over the last blockLen of them.
	n    int64
	hash uint64
	kept map[uint64]keptBlock
	// run is the copy being followed, runEnd the count at which it was last seen to hold.
	run    repeat
	runEnd int64
	found  []repeat
	count  int64
}

// keptBlock is the start of a kept block and the count of readings at its end.
type keptBlock struct {
	start reading
	end   int64
}

// repeat is a stretch of n readings that occurs again lag readings later.
type repeat struct {
	original, copy reading
	lag, n         int64
}

// maxRepeats caps the repeats that are listed for one channel.
const maxRepeats = 20

func (f *repeatFinder) add(r reading) {
	i := f.n % blockLen
	if f.n >= blockLen {
		f.hash -= scatter(f.ring[i].v) * hashOut
	}
	f.ring[i] = r
	f.hash = (f.hash + scatter(r.v)) * hashBase
	f.n++
	if f.n >= blockLen {
		f.look()
	}
}

// scatter spreads a value over 64 bits.
func scatter(v nano) uint64 {
	x := uint64(v) + 0x632BE59BD9B4E019
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// look compares the block that ends at the newest reading with those kept.
func (f *repeatFinder) look() {
	h := bits.RotateLeft64(f.hash*0xD6E8FEB86659FD93, 32)
	if h%keepOneIn != 0 || f.varied() < leastVaried {
		return
	}
	start := f.ring[f.n%blockLen]
	old, seen := f.kept[h]
	lag := f.n - old.end
	switch {
	case !seen:
		f.finish()
		if f.kept == nil {
			f.kept = map[uint64]keptBlock{}
		}
		if len(f.kept) < maxKept {
			f.kept[h] = keptBlock{start, f.n}
		}
	case lag < blockLen:
	case f.run.lag == lag && f.n-f.runEnd <= blockLen:
		f.run.n += f.n - f.runEnd
		f.runEnd = f.n
	default:
		f.finish()
		f.run = repeat{original: old.start, copy: start, lag: lag, n: blockLen}
		f.runEnd = f.n
	}
}

// varied is how many different values the block holds.
func (f *repeatFinder) varied() int {
	var values [blockLen]nano
	for i, r := range f.ring {
		values[i] = r.v
	}
	slices.Sort(values[:])
	return len(slices.Compact(values[:]))
}

// finish takes the copy that just ended.
func (f *repeatFinder) finish() {
	if f.run.n >= f.atLeast && f.run.n > 0 {
		f.count++
		if len(f.found) < maxRepeats {
			f.found = append(f.found, f.run)
		}
	}
	f.run = repeat{}
}
