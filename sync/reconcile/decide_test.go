package reconcile_test

import (
	"errors"
	"strings"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"

	"pgregory.net/rapid"
)

const line3 = "A1 -> A2 -> A3"

// Each scenario draws events, says in which batches (divided by |) they are
// handed in, and what is answered: a accepted, d duplicate, ?n waits for event
// n, otherwise the code of the quarantine.
func TestScenarios(t *testing.T) {
	cases := []struct{ name, draw, submit, want string }{
		{"in order", line3, "A1 A2 A3", "a a a"},
		{"one by one", line3, "A1 | A2 | A3", "a | a | a"},
		{"again", line3, "A1 A2 | A1 A2 | A2", "a a | d d | d"},
		{"twice in one batch", line3, "A1 A1 A2 A2", "a d a d"},
		{"reversed", line3, "A3 | A2 | A1", "a?1 | a?1 | a"},
		{"reversed in one batch", line3, "A3 A2 A1", "a a a"},
		{"gap", line3, "A1 A3 | A2 | A3", "a a?2 | a | d"},
		{"gap, asked again while it waits", line3, "A3 | A3", "a?1 | d?1"},
		{"two devices", line3 + "\nB1 -> B2", "B1 A1 B2 A2 A3", "a a a a a"},
		{"two holes", "A1 -> A2 -> A3 -> A4 -> A5", "A1 A3 A5 | A4 | A2", "a a?2 a?2 | a?2 | a"},
		{"fork after the fact", line3 + "\nA2 -> A3'", "A1 A2 A3 | A3'", "a a a | FORK"},
		{"fork, the other first", line3 + "\nA2 -> A3'", "A1 A2 A3' | A3", "a a a | FORK"},
		{"fork within a batch", line3 + "\nA2 -> A3'", "A1 A2 A3 A3'", "a a a FORK"},
		{"fork again gets the same answer", line3 + "\nA2 -> A3'", "A1 A2 A3 | A3' | A3'", "a a a | FORK | FORK"},
		{"fork twice in one batch", line3 + "\nA2 -> A3'", "A1 A2 A3 A3' A3'", "a a a FORK FORK"},
		{"what follows on a fork is broken off", line3 + "\nA2 -> A3' -> A4'", "A1 A2 A3 A3' A4'", "a a a FORK CHAIN_BROKEN"},
		{"second genesis", line3 + "\nA1' -> A2'", "A1 A1' A2'", "a FORK CHAIN_BROKEN"},
		{"branch that arrives before the hole is filled", line3 + "\nA1 -> A2' -> A3'", "A1 A3' | A2 | A2'", "a a?2 | FORK | a"},
		{"both halves of a fork pend on the same hole", line3 + "\nA1 -> A2' -> A3'", "A3 | A3' | A1 A2' | A2", "a?1 | FORK | a FORK | a"},
		{"a fork does not stop the chain", "A1 -> A2 -> A3 -> A4\nA2 -> A3'", "A1 A2 A3' | A3 A4", "a a a | FORK CHAIN_BROKEN"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.draw(c.draw)
			m := w.memory("A", "B", "W")
			play(t, m, c.submit, c.want)
			for name, line := range w.lines {
				if strings.Contains(c.submit+" ", name+" ") && !m.lines[string(line)] {
					t.Errorf("the bytes of %s are not kept", name)
				}
			}
		})
	}
}

func play(t *testing.T, m *memory, submit, want string) {
	t.Helper()
	wants := strings.Split(want, "|")
	for i, batch := range strings.Split(submit, "|") {
		var got []string
		for _, o := range m.submit(strings.Fields(batch)...) {
			got = append(got, short(o))
		}
		if g := strings.Join(got, " "); g != strings.Join(strings.Fields(wants[i]), " ") {
			t.Fatalf("batch %d, %s: answered %q, want %q", i, strings.TrimSpace(batch), g, strings.TrimSpace(wants[i]))
		}
	}
}

func TestRefusals(t *testing.T) {
	cases := []struct {
		name, draw, submit, want string
		prepare                  func(w *world)
	}{
		{name: "UUID used by another event", draw: line3, submit: "A1 A2 A3 | A3", want: "a a UUID_REUSED | UUID_REUSED",
			prepare: func(w *world) { w.uuids["A3"] = uuid("A2") }},
		{name: "UUID used by another device", draw: line3 + "\nB1", submit: "B1 | A1 | A2", want: "a | UUID_REUSED | a?1",
			prepare: func(w *world) { w.uuids["A1"] = uuid("B1") }},
		{name: "a fork with the same UUID is a fork", draw: "A1 -> A2\nA1 -> A2'", submit: "A1 A2 A2'", want: "a a FORK",
			prepare: func(w *world) { w.uuids["A2'"] = uuid("A2") }},
		{name: "genesis of another enrolment", draw: "A1", submit: "A1", want: "GENESIS_MISMATCH",
			prepare: func(w *world) {
				w.special["A1"] = &event.DeviceGenesis{Enrolment: event.ID{9}, Key: event.Digest(w.key("A").Public().ID()), Origin: origin}
			}},
		{name: "genesis of another key", draw: "A1", submit: "A1", want: "GENESIS_MISMATCH",
			prepare: func(w *world) {
				w.key("A")
				w.special["A1"] = &event.DeviceGenesis{Enrolment: w.enrol["A"], Key: event.Digest(w.key("B").Public().ID()), Origin: origin}
			}},
		{name: "genesis for another log", draw: "A1", submit: "A1", want: "GENESIS_MISMATCH",
			prepare: func(w *world) {
				w.key("A")
				w.special["A1"] = &event.DeviceGenesis{Enrolment: w.enrol["A"], Key: event.Digest(w.key("A").Public().ID()), Origin: "log.other"}
			}},
		{name: "a device plays the authority", draw: "A1 -> A2 -> A3", submit: "A1 A2 A3", want: "a NOT_AUTHORITY a?2",
			prepare: func(w *world) {
				w.special["A2"] = &event.OrgRegistered{Org: uuid("o"), Kind: "police", Name: "Ours"}
			}},
		{name: "a device founds an authority", draw: "A1", submit: "A1", want: "NOT_AUTHORITY",
			prepare: func(w *world) { w.special["A1"] = genesis(w, "A") }},
		{name: "unknown device", draw: "X1 -> X2", submit: "X1 X2 | X1", want: "UNKNOWN_DEVICE UNKNOWN_DEVICE | UNKNOWN_DEVICE"},
		{name: "revoked", draw: "A1 -> A2 -> A3\nW1 -> W2", submit: "W1 A1 A2 | W2 | A3 A2 | A3", want: "a a a | a | REVOKED_KEY d | REVOKED_KEY",
			prepare: func(w *world) { w.special["W1"] = genesis(w, "W"); w.special["W2"] = revocation(w) }},
		{name: "revoked within the batch", draw: "A1 -> A2\nW1 -> W2", submit: "W1 A1 W2 A2", want: "a a a REVOKED_KEY",
			prepare: func(w *world) { w.special["W1"] = genesis(w, "W"); w.special["W2"] = revocation(w) }},
		{name: "revocation of another key has no effect", draw: "A1 -> A2\nW1 -> W2", submit: "W1 A1 W2 A2", want: "a a a a",
			prepare: func(w *world) {
				w.special["W1"] = genesis(w, "W")
				w.special["W2"] = &event.DeviceRevoked{Device: deviceID("A"), Key: event.Digest{7}, Reason: "lost"}
			}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			if c.prepare != nil {
				c.prepare(w)
			}
			w.draw(c.draw)
			play(t, w.memory("A", "B", "W"), c.submit, c.want)
		})
	}
}

func genesis(w *world, dev string) event.Body {
	return &event.AuthorityGenesis{Name: "Authority", Key: w.key(dev).Public().Info(), LogOrigin: origin, LogKey: "k"}
}

func revocation(w *world) event.Body {
	return &event.DeviceRevoked{Device: deviceID("A"), Key: event.Digest(w.key("A").Public().ID()), Reason: "lost"}
}

func TestVariantKeepsBothEnvelopes(t *testing.T) {
	w := newWorld(t)
	w.draw(line3)
	w.reseal("A2", "A2'")
	m := w.memory("A")
	play(t, m, "A1 A2 | A2' A2' | A2' A2", "a a | dVARIANT dVARIANT | dVARIANT d")
	if m.size != 3 || !m.lines[string(w.lines["A2'"])] || !m.lines[string(w.lines["A2"])] {
		t.Fatalf("log of %d entries, both envelopes kept: %v %v", m.size, m.lines[string(w.lines["A2"])], m.lines[string(w.lines["A2'"])])
	}
	if a, b := m.submit("A2")[0], m.submit("A2'")[0]; a.Index != b.Index || !a.Received.Equal(b.Received) {
		t.Fatalf("the variant is answered %+v, the event %+v", b, a)
	}
}

// A log that begins from nothing: genesis, enrolment and the device's events in
// one batch, the device unknown when its lines were checked.
func TestFoundingBatch(t *testing.T) {
	w := newWorld(t)
	w.special["W1"] = genesis(w, "W")
	w.special["W2"] = &event.DeviceEnrolled{Device: deviceID("A"), Key: w.key("A").Public().Info(), Person: uuid("p"), Org: uuid("o"), Code: event.Digest{1}, Proof: []byte{1}}
	w.draw("W1 -> W2")
	w.enrol["A"] = w.ids["W2"]
	w.draw("A1 -> A2")
	m := w.memory("W")
	play(t, m, "W1 A2 W2 A1 A2", "a UNKNOWN_DEVICE a a UNKNOWN_DEVICE")
	w.draw("A2 -> A3")
	play(t, m, "A3", "a?2")
}

// Anyone may found an empty log by stating their key, nobody a log that has begun.
func TestGenesisFoundsOnlyAnEmptyLog(t *testing.T) {
	w := newWorld(t)
	w.special["W1"] = genesis(w, "W")
	w.draw("W1\nA1")
	line := w.lines["W1"]
	v, r, err := seal.Verify(line, w.memory("W"))
	if err != nil || r != nil {
		t.Fatal(r, err)
	}
	in := []reconcile.Incoming{{Verified: v, SHA: seal.LineDigest(line)}}
	plan, err := reconcile.Decide(reconcile.State{Origin: origin}, in, start)
	if err != nil || plan.Outcomes[0].Status != reconcile.Accepted {
		t.Fatal(plan, err)
	}
	if _, err := reconcile.Decide(reconcile.State{Size: 1, Origin: origin}, in, start); !errors.Is(err, reconcile.ErrState) {
		t.Fatalf("a second authority: %v", err)
	}
	plan, err = reconcile.Decide(reconcile.State{Origin: "another"}, in, start)
	if err != nil || plan.Outcomes[0].Code != reconcile.CodeGenesisMismatch {
		t.Fatal(plan.Outcomes, err)
	}
}

func TestIncompleteStateIsAnError(t *testing.T) {
	w := newWorld(t)
	w.draw(line3)
	m := w.memory("A")
	m.submit("A1", "A2")
	delete(m.devices[deviceID("A")].Log, 2)
	v, _, err := seal.Verify(w.lines["A2"], m)
	if err != nil {
		t.Fatal(err)
	}
	_, err = reconcile.Decide(reconcile.State{Size: 2, Origin: origin, Devices: m.devices}, []reconcile.Incoming{{Verified: v, SHA: seal.LineDigest(w.lines["A2"])}}, start)
	if !errors.Is(err, reconcile.ErrState) {
		t.Fatal(err)
	}
}

// honest is three chains, sealed once for all runs of the property.
func honest(t testing.TB) (*world, []string) {
	w := newWorld(t)
	w.draw("A1 -> A2 -> A3 -> A4 -> A5 -> A6\nB1 -> B2 -> B3 -> B4\nC1 -> C2 -> C3 -> C4 -> C5")
	var names []string
	for name := range w.lines {
		names = append(names, name)
	}
	return w, names
}

// Whatever the order, the division into batches and the repetitions: honest
// chains end in the same accepted events, and nothing is put into quarantine.
func TestHonestChainsConverge(t *testing.T) {
	w, names := honest(t)
	inOrder := w.memory("A", "B", "C")
	for _, name := range strings.Fields("A1 A2 A3 A4 A5 A6 B1 B2 B3 B4 C1 C2 C3 C4 C5") {
		inOrder.submit(name)
	}
	want := inOrder.accepted()
	rapid.Check(t, func(r *rapid.T) {
		order := rapid.Permutation(append(names, rapid.SliceOf(rapid.SampledFrom(names)).Draw(r, "again")...)).Draw(r, "order")
		m := w.memory("A", "B", "C")
		for len(order) > 0 {
			n := rapid.IntRange(1, len(order)).Draw(r, "batch")
			for _, o := range m.submit(order[:n]...) {
				if o.Status == reconcile.Quarantined {
					r.Fatalf("quarantined: %+v", o)
				}
			}
			order = order[n:]
		}
		if got := m.accepted(); got != want || m.size != int64(len(names)) {
			r.Fatalf("%d entries\n%s\nwant\n%s", m.size, got, want)
		}
	})
}

// Whatever the order, of a forked chain every line is kept, one event a number
// is accepted, and the accepted ones are a chain.
func TestForksKeepBothSides(t *testing.T) {
	w := newWorld(t)
	w.draw("A1 -> A2 -> A3 -> A4 -> A5\nA2 -> A3' -> A4'\nA3 -> A4''")
	names := strings.Fields("A1 A2 A3 A4 A5 A3' A4' A4''")
	rapid.Check(t, func(r *rapid.T) {
		m := w.memory("A")
		first := map[string]reconcile.Outcome{}
		for _, name := range rapid.Permutation(append(names, names...)).Draw(r, "order") {
			o := m.submit(name)[0]
			if f, again := first[name]; again && (o.Index != f.Index || !o.Received.Equal(f.Received) || o.Code != f.Code || (o.Status == reconcile.Quarantined) != (f.Status == reconcile.Quarantined)) {
				r.Fatalf("%s is answered %+v, first %+v", name, o, f)
			} else if !again {
				first[name] = o
			}
		}
		for _, name := range names {
			if !m.lines[string(w.lines[name])] {
				r.Fatalf("the bytes of %s are lost", name)
			}
		}
		if m.size != int64(len(names)) {
			r.Fatalf("%d entries for %d lines", m.size, len(names))
		}
		checkChain(r, w, m)
	})
}

// checkChain checks that neighbours among the accepted events of A name each other.
func checkChain(t rapid.TB, w *world, m *memory) {
	byID := map[event.ID]event.Payload{}
	for name, line := range w.lines {
		env, err := seal.ParseEnvelope(line)
		if err != nil {
			t.Fatal(err)
		}
		p, err := event.Parse(env.Payload)
		if err != nil {
			t.Fatal(err)
		}
		byID[w.ids[name]] = p
	}
	log := m.devices[deviceID("A")].Log
	for seq, l := range log {
		if before, ok := log[seq-1]; ok && byID[l.ID].Prev != before.ID {
			t.Fatalf("accepted event %d does not follow on accepted event %d", seq, seq-1)
		}
	}
}
