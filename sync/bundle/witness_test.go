package bundle_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/witnesstest"
)

func witnessKey(name string) *witness.Key {
	k, err := witness.NewKey(name, witnesstest.Seed(name))
	if err != nil {
		panic(err)
	}
	return k
}

var witnessNames = []string{"police.test/w", "procuratorate.test/w", "court.test/w"}

func witnessKeys(names ...string) (list []string) {
	for _, name := range names {
		list = append(list, witnessKey(name).Text())
	}
	return list
}

// cosignedStory is the story in a ledger whose checkpoints the named witnesses
// cosign, each a second after the one before.
func cosignedStory(t *testing.T, names ...string) *bundletest.Story {
	w := bundletest.New(t)
	w.Cosign = func(c *ledger.SignedCheckpoint) *ledger.SignedCheckpoint {
		for i, name := range names {
			k := witnessKey(name)
			sig, err := k.Cosign(c.Checkpoint, w.Now.Add(time.Duration(i)*time.Second))
			if err == nil {
				c, err = c.WithSignature(sig, k)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	return bundletest.NewStory(w)
}

func checkOf(t *testing.T, v *verify.Verdict, name string) verify.Check {
	t.Helper()
	for _, c := range v.Checks {
		if c.Name == name {
			return c
		}
	}
	t.Fatalf("no check %s", name)
	return verify.Check{}
}

func TestWitnesses(t *testing.T) {
	s := cosignedStory(t, witnessNames...)
	b := s.Bundle(s.Options())
	last := s.Now.UTC().Truncate(time.Second)

	v := passes(t, s.Verify(b, verify.Options{}))
	if c := checkOf(t, v, "witnesses"); c.State != verify.NotAsked || !limit(v, "WITNESSES_NOT_TRUSTED") || limit(v, "NO_WITNESS") || len(v.Witnesses) != 0 || !v.Bundle.Witnessed.IsZero() {
		t.Errorf("nobody is trusted: %+v, %+v", c, v.Limits)
	}
	if in := v.Record.Intervals[s.SampleEvent]; in.Witnessed != nil {
		t.Errorf("nobody is trusted, and the sample is dated by witnesses: %+v", in.Witnessed)
	}

	v = passes(t, s.Verify(b, verify.Options{TrustedWitnesses: witnessKeys(witnessNames...)}))
	if c := checkOf(t, v, "witnesses"); c.State != verify.Passed || c.Count != 3 || !limit(v, "WITNESSES_ARE_BELIEVED") || limit(v, "NO_WITNESS") {
		t.Errorf("%+v, %+v", c, v.Limits)
	}
	if len(v.Witnesses) != 3 || v.Witnesses[0].Witness != "court.test/w" || !v.Witnesses[0].Time.Equal(last.Add(2*time.Second)) || !v.Bundle.Witnessed.Equal(last.Add(time.Second)) {
		t.Errorf("the witnesses are %+v, at %v", v.Witnesses, v.Bundle.Witnessed)
	}
	in := v.Record.Intervals[s.SampleEvent]
	if in.Witnessed == nil || in.Witnessed.NotBefore.IsZero() || in.Witnessed.NotAfter.After(v.Bundle.Witnessed) || in.Witnessed.NotAfter.Before(in.Witnessed.NotBefore) {
		t.Fatalf("the sample is dated %+v", in.Witnessed)
	}

	// A larger quorum is reached later: in the checkpoint that the device had seen, and in the last.
	all := passes(t, s.Verify(b, verify.Options{TrustedWitnesses: witnessKeys(witnessNames...), WitnessQuorum: 3}))
	if later := all.Record.Intervals[s.SampleEvent].Witnessed; !later.NotBefore.Equal(in.Witnessed.NotBefore.Add(time.Second)) || !later.NotAfter.Equal(in.Witnessed.NotAfter.Add(time.Second)) {
		t.Errorf("by two: %+v, by three: %+v", in.Witnessed, later)
	}
	// One that the reader does not trust counts for nothing.
	two := passes(t, s.Verify(b, verify.Options{TrustedWitnesses: witnessKeys(witnessNames[1:]...), WitnessQuorum: 1}))
	if len(two.Witnesses) != 2 || !two.Bundle.Witnessed.Equal(last.Add(time.Second)) {
		t.Errorf("the witnesses are %+v, at %v", two.Witnesses, two.Bundle.Witnessed)
	}
}

// TestDatedByWitnesses: an entry is dated by the first cosigned checkpoint that
// covers it, which goes along, and not by the bundle's own alone.
func TestDatedByWitnesses(t *testing.T) {
	s := cosignedStory(t, witnessNames...)
	id := s.Inspector.Seal(s.Case, &event.NoteWritten{Text: "between two checkpoints"})
	first := s.Checkpoint()
	for range 3 {
		s.Inspector.Seal(s.Case, &event.NoteWritten{Text: "later"})
	}
	s.Checkpoint()
	b := s.Bundle(s.Options())
	if dated := fmt.Sprintf("data/ledger/dated/%d/checkpoint", first.Size); !bytes.Contains(b, []byte(dated)) {
		t.Errorf("the bundle has no %s", dated)
	}
	v := passes(t, s.Verify(b, verify.Options{TrustedWitnesses: witnessKeys(witnessNames...)}))
	if in := v.Record.Intervals[id].Witnessed; in == nil || in.NotAfterBy.Size != first.Size {
		t.Errorf("the note is dated %+v", in)
	}
	v = passes(t, s.Verify(b, verify.Options{}))
	if in := v.Record.Intervals[id]; in.Witnessed != nil {
		t.Errorf("nobody is trusted, and the note is dated %+v", in.Witnessed)
	}
	// By others than the bundle's checkpoint has, it counts for nothing either.
	v = passes(t, s.Verify(b, verify.Options{TrustedWitnesses: witnessKeys("x.test/w", witnessNames[0], "y.test/w"), WitnessQuorum: 1}))
	if in := v.Record.Intervals[id].Witnessed; in == nil || in.NotAfterBy.Size != first.Size {
		t.Errorf("by one, the note is dated %+v", in)
	}
}

// TestWitnessesMissing: an authority that shows a ledger of its own making cannot
// show the cosignatures that the reader asks for.
func TestWitnessesMissing(t *testing.T) {
	for _, x := range []struct {
		name   string
		signed []string
		trust  []string
		quorum int
		ok     bool
	}{
		{"nobody signed", nil, witnessNames, 0, false},
		{"one of three signed", witnessNames[:1], witnessNames, 0, false},
		{"one is enough for the reader", witnessNames[:1], witnessNames, 1, true},
		{"two of three signed", witnessNames[:2], witnessNames, 0, true},
		{"two signed, three are asked for", witnessNames[:2], witnessNames, 3, false},
		{"others signed", []string{"x.test/w", "y.test/w", "z.test/w"}, witnessNames, 0, false},
		{"one signed that is trusted alone", witnessNames[:1], witnessNames[:1], 0, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := cosignedStory(t, x.signed...)
			v := s.Verify(s.Bundle(s.Options()), verify.Options{TrustedWitnesses: witnessKeys(x.trust...), WitnessQuorum: x.quorum})
			if x.ok {
				passes(t, v)
				return
			}
			c := checkOf(t, v, "witnesses")
			if v.Result != verify.NotAuthentic || c.State != verify.Failed || v.FailureCount != 1 || !limit(v, "NO_WITNESS") || !v.Bundle.Witnessed.IsZero() {
				t.Errorf("%+v\n%s", c, bundletest.Summary(v))
			}
			if v.Record == nil || !strings.Contains(v.Failures[0].Detail, "are needed") {
				t.Errorf("%+v", v.Failures)
			}
		})
	}
}

// TestWitnessForged: a line in the name of a trusted witness that it never signed
// is a failure, not one vote less, also in a checkpoint that a device had seen.
func TestWitnessForged(t *testing.T) {
	forge := func(s *bundletest.Story, size ledger.Size) {
		k := witnessKey("court.test/w")
		other := ledger.Checkpoint{Origin: bundletest.Origin, Size: size + 1}
		sig, err := k.Cosign(other, s.Now)
		if err != nil {
			t.Fatal(err)
		}
		s.Notes[size] = append(bytes.Clone(s.Notes[size]), sig.Line()...)
	}
	for name, at := range map[string]func(s *bundletest.Story) ledger.Size{
		"the bundle's checkpoint": func(s *bundletest.Story) ledger.Size { return s.Newest },
		"one that a device saw":   func(s *bundletest.Story) ledger.Size { return ledger.Size(s.Inspector.Seen.Size) },
	} {
		t.Run(name, func(t *testing.T) {
			s := cosignedStory(t, witnessNames[:2]...)
			forge(s, at(s))
			b := s.Bundle(s.Options())
			passes(t, s.Verify(b, verify.Options{TrustedWitnesses: witnessKeys(witnessNames[:2]...)}))
			v := s.Verify(b, verify.Options{TrustedWitnesses: witnessKeys(witnessNames...)})
			if c := checkOf(t, v, "witnesses"); v.Result != verify.NotAuthentic || c.Failed != 1 || !strings.Contains(v.Failures[0].Detail, "court.test/w is wrong") {
				t.Errorf("%+v\n%s", c, bundletest.Summary(v))
			}
		})
	}
}

func TestWitnessOptionsRefused(t *testing.T) {
	s := cosignedStory(t, witnessNames...)
	b := s.Bundle(s.Options())
	again, err := witness.NewKey("another.test/w", witnesstest.Seed("court.test/w"))
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]verify.Options{
		"no key":                 {TrustedWitnesses: []string{"court.test/w"}},
		"the ledger's key":       {TrustedWitnesses: []string{s.LogKey.VerifierText()}},
		"one twice":              {TrustedWitnesses: witnessKeys("court.test/w", "court.test/w")},
		"one key, two names":     {TrustedWitnesses: append(witnessKeys("court.test/w"), again.Text())},
		"a quorum of nobody":     {WitnessQuorum: 1},
		"a quorum of too many":   {TrustedWitnesses: witnessKeys(witnessNames...), WitnessQuorum: 4},
		"a quorum of minus one":  {TrustedWitnesses: witnessKeys(witnessNames...), WitnessQuorum: -1},
		"an empty witness's key": {TrustedWitnesses: []string{""}},
	} {
		if v, err := verify.Verify(context.Background(), bytes.NewReader(b), int64(len(b)), o); err == nil {
			t.Errorf("%s: %s", name, v.Result)
		}
	}
}
