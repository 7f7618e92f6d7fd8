package carry_test

import (
	"errors"
	"math/rand"
	"strings"
	"testing"

	"fieldseal/mobile-contract/device/carry"
	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/seal"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func sealed(t testing.TB, typ event.Type) (line, payload []byte) {
	t.Helper()
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	payload, err = event.Marshal(eventtest.Payload(typ, 2))
	if err != nil {
		t.Fatal(err)
	}
	line, err = key.Seal(event.PayloadType, payload)
	if err != nil {
		t.Fatal(err)
	}
	return line, payload
}

func message(t testing.TB) carry.Message {
	line, _ := sealed(t, event.TypeCustodyOffered)
	intro, _ := sealed(t, event.TypeNoteWritten)
	return carry.Message{Kind: carry.Offer, Handover: eventtest.UUID(5), Lines: [][]byte{line, intro}}
}

func TestRoundTrip(t *testing.T) {
	m := message(t)
	for _, limit := range []int{0, 64, 100, 300, carry.QRText, 100_000} {
		parts, err := carry.Encode(m, nil, limit)
		if limit == 64 && errors.Is(err, carry.ErrForm) {
			continue // more parts than anybody scans
		}
		if err != nil {
			t.Fatalf("limit %d: %v", limit, err)
		}
		for _, p := range parts {
			if limit > 0 && len(p) > limit {
				t.Errorf("limit %d: a part has %d characters", limit, len(p))
			}
			if strings.Trim(p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/") != "" {
				t.Errorf("%q is not all QR alphanumeric", p)
			}
		}
		rand.New(rand.NewSource(1)).Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		text := "From the other phone:\n" + strings.Join(parts, "\n\n> ") + "\n" + parts[0]
		got, err := carry.Decode(text, nil)
		if err != nil {
			t.Fatalf("limit %d: %v", limit, err)
		}
		if d := cmp.Diff(m, got); d != "" {
			t.Errorf("limit %d: %s", limit, d)
		}
	}
}

// An acceptance leaves out the terms that the giver has, and is made whole again.
func TestLeavesOutTerms(t *testing.T) {
	_, offer := sealed(t, event.TypeCustodyOffered)
	line, _ := sealed(t, event.TypeCustodyAccepted)
	m := carry.Message{Kind: carry.Acceptance, Handover: eventtest.UUID(5), Lines: [][]byte{line}}
	whole, err := carry.Encode(m, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	short, err := carry.Encode(m, offer, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(short[0]) >= len(whole[0])*3/4 {
		t.Errorf("%d characters with the offer at hand, %d without", len(short[0]), len(whole[0]))
	}
	got, err := carry.Decode(short[0], func(kind carry.Kind, h event.UUID) ([]byte, error) {
		if kind != m.Kind || h != m.Handover {
			t.Errorf("asked for %v %s", kind, h)
		}
		return offer, nil
	})
	if err != nil || string(got.Lines[0]) != string(line) {
		t.Errorf("%v", err)
	}
	if _, err := carry.Decode(short[0], nil); !errors.Is(err, carry.ErrReference) {
		t.Errorf("without the offer: %v", err)
	}
	if _, err := carry.Decode(short[0], func(carry.Kind, event.UUID) ([]byte, error) { return offer[:40], nil }); !errors.Is(err, carry.ErrReference) {
		t.Errorf("with a shorter offer: %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	m := message(t)
	parts, err := carry.Encode(m, nil, 400)
	if err != nil {
		t.Fatal(err)
	}
	other, err := carry.Encode(message(t), nil, 400)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(parts, "\n")
	flip := func(s string, at int) string {
		c := byte('A')
		if s[at] == c {
			c = 'B'
		}
		return s[:at] + string(c) + s[at+1:]
	}
	for name, c := range map[string]struct {
		text, says string
	}{
		"empty":                   {"", "no part"},
		"something else":          {"https://example.com/FS2:1/1:00000000:AAAA", "no part"},
		"a part missing":          {strings.Join(parts[1:], "\n"), "part 1 of"},
		"a part misread":          {flip(all, 60), "part 1 was misread"},
		"parts of two messages":   {parts[0] + "\n" + strings.Join(other[1:], "\n"), "different messages"},
		"a part twice, changed":   {all + "\n" + strings.Replace(parts[0], parts[0][len(parts[0])-8:], parts[0][len(parts[0])-8:], 1)[:len(parts[0])-8], "misread"},
		"a sum that is not hex":   {strings.ReplaceAll(all, parts[0][strings.Index(parts[0], ":")+1:][4:12], "ZZZZZZZZ"), "checksum"},
		"part 0":                  {strings.Replace(parts[0], "FS1:1/", "FS1:0/", 1), "part number"},
		"part 01":                 {strings.Replace(parts[0], "FS1:1/", "FS1:01/", 1), "part number"},
		"more parts than allowed": {"FS1:1/100" + parts[0][strings.Index(parts[0], "/")+2:], "part number"},
		"lower case":              {strings.ToLower(all), "no part"},
		"too long":                {strings.Repeat("x", carry.MaxText+1), "at most"},
		"no data":                 {"FS1:1/1:00000000:", "misread"},
	} {
		_, err := carry.Decode(c.text, nil)
		if !errors.Is(err, carry.ErrText) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want something on %q", name, err, c.says)
		}
	}
	if _, err := carry.Decode(strings.Join(parts[1:], " "), nil); !errors.Is(err, carry.ErrMissing) {
		t.Errorf("got %v", err)
	}
	if _, err := carry.Decode(all, nil); err != nil {
		t.Errorf("the text that the bad ones were made from: %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	line, _ := sealed(t, event.TypeNoteWritten)
	spaced := strings.Replace(string(line), `","payload"`, `", "payload"`, 1)
	for name, m := range map[string]carry.Message{
		"no events":       {Kind: carry.Offer},
		"too many events": {Kind: carry.Offer, Lines: [][]byte{line, line, line, line, line}},
		"no kind":         {Lines: [][]byte{line}},
		"not an envelope": {Kind: carry.Offer, Lines: [][]byte{[]byte("{}")}},
		"another form":    {Kind: carry.Offer, Lines: [][]byte{[]byte(spaced)}},
	} {
		if _, err := carry.Encode(m, nil, 0); !errors.Is(err, carry.ErrForm) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, err := carry.Encode(carry.Message{Kind: carry.Offer, Lines: [][]byte{line}}, nil, 10); !errors.Is(err, carry.ErrForm) {
		t.Errorf("parts of ten characters: %v", err)
	}
}

// Whatever single character of a text is changed, the message is refused or the same.
func TestEveryCharacterCounts(t *testing.T) {
	line, _ := sealed(t, event.TypeNoteWritten)
	m := carry.Message{Kind: carry.Offer, Handover: eventtest.UUID(5), Lines: [][]byte{line}}
	parts, err := carry.Encode(m, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(parts[0])-1).Draw(t, "at")
		c := rapid.SampledFrom([]byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567089:/ ")).Draw(t, "character")
		text := parts[0][:at] + string(c) + parts[0][at+1:]
		got, err := carry.Decode(text, nil)
		if err == nil && (text != parts[0] || !cmp.Equal(got, m)) {
			t.Fatalf("a changed text was read: %q at %d", c, at)
		}
	})
}

func FuzzDecode(f *testing.F) {
	m := message(f)
	for _, limit := range []int{0, 400} {
		parts, err := carry.Encode(m, nil, limit)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(strings.Join(parts, "\n"))
	}
	_, offer := sealed(f, event.TypeCustodyOffered)
	line, _ := sealed(f, event.TypeCustodyAccepted)
	parts, err := carry.Encode(carry.Message{Kind: carry.Acceptance, Lines: [][]byte{line}}, offer, 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(parts[0])
	f.Add("FS1:1/1:00000000:AAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := carry.Decode(text, func(carry.Kind, event.UUID) ([]byte, error) { return offer, nil })
		if err != nil {
			if !errors.Is(err, carry.ErrText) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		for _, line := range m.Lines {
			if len(line) > seal.MaxLine+1024 {
				t.Fatalf("a line of %d bytes", len(line))
			}
		}
	})
}

// FuzzUnpack reaches the message behind the checksums.
func FuzzUnpack(f *testing.F) {
	_, offer := sealed(f, event.TypeCustodyOffered)
	f.Add([]byte{1})
	f.Add(append([]byte{1}, make([]byte, 200)...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, err := carry.Decode(carry.TextOf(raw), func(carry.Kind, event.UUID) ([]byte, error) { return offer, nil })
		if err != nil && !errors.Is(err, carry.ErrText) {
			t.Fatalf("an error of another kind: %v", err)
		}
	})
}
