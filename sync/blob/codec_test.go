package blob

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"fieldseal/sync/event"
)

func sampleRecord(t testing.TB) []byte {
	t.Helper()
	b, err := encodeRecord(header{V: 1, Wanted: Digest{7}, Length: 100, Created: 1_800_000_000, Meta: map[string]string{"owner": "丙"}},
		slot{seq: 4, offset: 50, state: []byte("state")})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordRoundTrip(t *testing.T) {
	r, err := decodeRecord(sampleRecord(t))
	if err != nil || r.Wanted != (Digest{7}) || r.Length != 100 || r.Created != 1_800_000_000 || r.Meta["owner"] != "丙" ||
		r.seq != 4 || r.offset != 50 || string(r.state) != "state" || !r.slotFound {
		t.Fatalf("%+v, %v", r, err)
	}
}

// Any single flipped bit is noticed: in the header it is an error, in a slot the
// slot does not count.
func TestRecordFlips(t *testing.T) {
	good := sampleRecord(t)
	for i := range len(good) {
		inSlot := i < slotSize
		if !inSlot && i < headerAt {
			continue // between the slots, and the blank one
		}
		for bit := range 8 {
			b := bytes.Clone(good)
			b[i] ^= 1 << bit
			r, err := decodeRecord(b)
			if inSlot && (err != nil || r.slotFound) || !inSlot && !errors.Is(err, ErrFormat) {
				t.Fatalf("bit %d of byte %d: %+v, %v", bit, i, r, err)
			}
		}
	}
}

func TestSlotRefused(t *testing.T) {
	for name, s := range map[string]slot{
		"sequence 0":      {offset: 1},
		"negative offset": {seq: 2, offset: -1},
		"beyond length":   {seq: 2, offset: 101},
		"wrong place":     {seq: 3, offset: 1},
	} {
		b := sampleRecord(t)
		copy(b, encodeSlot(s)) // the place of even numbers
		if r, err := decodeRecord(b); err != nil || r.slotFound {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	b := encodeSlot(slot{seq: 2, offset: math.MaxInt64, state: make([]byte, maxHashState)})
	if s, ok := decodeSlot(b); !ok || s.offset != math.MaxInt64 || len(s.state) != maxHashState {
		t.Errorf("the largest slot is refused: %+v", s)
	}
}

func TestHeaderRefused(t *testing.T) {
	for name, v := range map[string]any{
		"future version":  header{V: 2, Wanted: Digest{7}},
		"negative length": header{V: 1, Wanted: Digest{7}, Length: -1},
		"no digest":       header{V: 1},
		"unknown member":  map[string]any{"v": 1, "wanted": Digest{7}, "length": 1, "created": 1, "more": 1},
	} {
		text, err := frame(headerMagic, v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeRecord(append(make([]byte, headerAt), text...)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseUploadID(t *testing.T) {
	want := newUploadID()
	if got, err := ParseUploadID(want.String()); err != nil || got != want {
		t.Fatalf("%s, %v", got, err)
	}
	for _, bad := range []string{"", "00", strings.Repeat("0", 31), strings.Repeat("0", 33), strings.Repeat("A", 32), strings.Repeat("g", 32),
		strings.Repeat("0", 31) + "/", "../" + strings.Repeat("0", 29), strings.Repeat("0", 5000)} {
		if _, err := ParseUploadID(bad); !errors.Is(err, event.ErrText) || len(err.Error()) > 200 {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add(sampleRecord(f))
	f.Add(make([]byte, headerAt+12))
	f.Add([]byte("fsH1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		if r.slotFound && (r.offset < 0 || r.offset > r.Length || r.seq == 0) {
			t.Fatalf("%+v", r)
		}
	})
}

func FuzzVerdict(f *testing.F) {
	good, err := frame(verdictMagic, verdict{V: 1, State: Abandoned, At: 5, Reason: "r"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decodeVerdict(b)
		if err == nil && v.State != Quarantined && v.State != Abandoned || err != nil && !errors.Is(err, ErrFormat) {
			t.Fatalf("%+v, %v", v, err)
		}
	})
}
