package vectors_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"testing"
	"time"

	"fieldseal/mobile-contract/vectors"
	"fieldseal/sync/event"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
)

// memory is a log in memory, kept as the plans of reconcile say.
type memory struct {
	t       *testing.T
	size    int64
	origin  string
	devices map[event.UUID]*reconcile.Device
	uuids   map[event.UUID]bool
	kept    map[event.Digest]reconcile.Kept
	appends map[int64]reconcile.Append
}

func (m *memory) DeviceKey(id event.UUID) (seal.PublicKey, bool, error) {
	if d := m.devices[id]; d != nil {
		return d.Key, true, nil
	}
	return seal.PublicKey{}, false, nil
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func publicKey(t *testing.T, k vectors.Key) seal.PublicKey {
	t.Helper()
	spki := must[[]byte](t)(base64.StdEncoding.DecodeString(k.SPKI))
	key := must[seal.PublicKey](t)(seal.ParsePublicKey(event.Algorithm(k.Alg), spki))
	if key.ID().String() != k.ID {
		t.Fatalf("the key's id is %s, stated is %s", key.ID(), k.ID)
	}
	return key
}

func open(t *testing.T, s *vectors.Scenario) *memory {
	m := &memory{t: t, size: s.Size, origin: s.Log.Origin, devices: map[event.UUID]*reconcile.Device{}, uuids: map[event.UUID]bool{},
		kept: map[event.Digest]reconcile.Kept{}, appends: map[int64]reconcile.Append{}}
	for _, d := range s.Devices {
		dev := &reconcile.Device{Key: publicKey(t, d.Key), Authority: d.Authority, Log: map[int64]reconcile.Logged{}}
		if d.Enrolment != "" {
			dev.Enrolment = must[event.ID](t)(event.ParseID(d.Enrolment))
		}
		m.devices[must[event.UUID](t)(event.ParseUUID(d.Device))] = dev
	}
	return m
}

// submit checks each line, decides about the batch and carries the plan out.
func (m *memory) submit(b *vectors.Batch) ([]reconcile.Incoming, []reconcile.Outcome) {
	m.t.Helper()
	now := time.UnixMicro(b.ReceivedUS)
	// A founding batch is checked with the key that its first entry states, as the engine does.
	var incoming []reconcile.Incoming
	for i := range b.Lines {
		line := must[[]byte](m.t)(b.Lines[i].Bytes())
		sum := sha256.Sum256(line)
		if hex.EncodeToString(sum[:]) != b.Lines[i].SHA256 {
			m.t.Fatalf("line %d is not the one whose digest is stated", i)
		}
		v, r, err := seal.Verify(line, m.founding(line))
		if err != nil || (v == nil) == (r == nil) {
			m.t.Fatal(v, r, err)
		}
		incoming = append(incoming, reconcile.Incoming{Verified: v, Refusal: r, SHA: sum})
	}
	plan, err := reconcile.Decide(reconcile.State{Size: m.size, Origin: m.origin, Devices: m.devices, UUIDs: m.uuids, Kept: m.kept}, incoming, now)
	if err != nil {
		m.t.Fatal(err)
	}
	m.apply(plan, now)
	return incoming, plan.Outcomes
}

type oneKey struct {
	device event.UUID
	key    seal.PublicKey
}

func (k oneKey) DeviceKey(d event.UUID) (seal.PublicKey, bool, error) {
	return k.key, d == k.device, nil
}

// founding gives the keys to check a line with: those enrolled, or for the first
// entry of an empty log the key that it states.
func (m *memory) founding(line []byte) seal.Keys {
	if m.size != 0 {
		return m
	}
	env, err := seal.ParseEnvelope(line)
	if err != nil {
		return m
	}
	p, err := event.Parse(env.Payload)
	if err != nil || p.Type != event.TypeAuthorityGenesis {
		return m
	}
	b := must[event.Body](m.t)(event.ParseBody(p.Type, p.Body)).(*event.AuthorityGenesis)
	return oneKey{p.Device, must[seal.PublicKey](m.t)(seal.ParseKeyInfo(b.Key))}
}

func (m *memory) apply(plan reconcile.Plan, now time.Time) {
	for _, a := range plan.Appends {
		m.appends[a.Index] = a
		if q := a.Quarantine; q != nil {
			m.kept[a.SHA] = reconcile.Kept{Index: a.Index, Received: now, ID: q.ID, Code: q.Code, Detail: q.Detail}
			continue
		}
		p := a.Event.Payload()
		m.uuids[p.UUID] = true
		if b, ok := a.Event.Body().(*event.AuthorityGenesis); ok && a.Index == 0 {
			m.devices[p.Device] = &reconcile.Device{Key: must[seal.PublicKey](m.t)(seal.ParseKeyInfo(b.Key)), Authority: true, Log: map[int64]reconcile.Logged{}}
		}
		m.devices[p.Device].Log[p.Seq] = reconcile.Logged{ID: a.Event.ID(), SHA: a.SHA, Index: a.Index, Received: now, Kind: reconcile.KindOf(p.Type)}
		switch b := a.Event.Body().(type) {
		case *event.DeviceRevoked:
			if d := m.devices[b.Device]; d != nil && event.Digest(d.Key.ID()) == b.Key {
				d.Revoked = true
			}
		case *event.DeviceEnrolled:
			if key, err := seal.ParseKeyInfo(b.Key); err == nil && m.devices[b.Device] == nil {
				m.devices[b.Device] = &reconcile.Device{Key: key, Enrolment: a.Event.ID(), Log: map[int64]reconcile.Logged{}}
			}
		}
	}
	m.size += int64(len(plan.Appends))
	for id, runs := range plan.Runs {
		m.devices[id].Runs = runs
	}
}

func TestScenarios(t *testing.T) {
	list := must[[]vectors.Scenario](t)(vectors.Scenarios())
	if len(list) == 0 {
		t.Fatal("there are no scenarios")
	}
	for _, s := range list {
		t.Run(s.Name, func(t *testing.T) {
			m := open(t, &s)
			for i := range s.Batches {
				in, out := m.submit(&s.Batches[i])
				for k, o := range out {
					l := &s.Batches[i].Lines[k]
					checkLine(t, m, l, &in[k], o)
				}
			}
			checkHeads(t, m, &s)
		})
	}
}

func checkLine(t *testing.T, m *memory, l *vectors.Line, in *reconcile.Incoming, o reconcile.Outcome) {
	t.Helper()
	e := l.Expect
	got := vectors.Expect{Status: string(o.Status), Code: string(o.Code), ID: o.ID.String(), Index: o.Index, ReceivedUS: o.Received.UnixMicro(), Kind: int(o.Kind),
		Pending: o.Pending, WaitsFor: o.WaitsFor}
	entry := m.appends[o.Index]
	leaf := reconcile.QuarantineLeaf(entry.SHA, o.Received)
	if v := entry.Event; v != nil {
		got.SignatureDigest, got.Key = v.SignatureDigest().String(), v.Key().String()
		leaf = reconcile.LeafOf(v, o.Received)
		if in.Verified != nil && in.Verified.SignatureDigest() != v.SignatureDigest() {
			t.Errorf("%s: the line's own signature digest is not that of the entry", l.Shows)
		}
	} else {
		got.Layer = string(entry.Quarantine.Layer)
	}
	got.Leaf = hex.EncodeToString(must[[]byte](t)(leaf.Marshal()))
	hash, err := leaf.Hash()
	if err != nil {
		t.Fatal(err)
	}
	got.LeafHash = hash.String()
	if o.Code == reconcile.CodeVariant {
		kept := m.kept[in.SHA]
		got.Layer, got.Kept = string(m.appends[kept.Index].Quarantine.Layer), kept.Index
		if e.Kept == 0 {
			got.Kept = 0 // the first time says where
		}
	}
	if got != e {
		t.Errorf("%s\n got %+v\nwant %+v\n%s", l.Shows, got, e, o.Detail)
	}
	if o.Status == reconcile.Quarantined && o.Detail == "" {
		t.Errorf("%s: the refusal has no detail for people", l.Shows)
	}
}

func checkHeads(t *testing.T, m *memory, s *vectors.Scenario) {
	t.Helper()
	for _, h := range s.Heads {
		d := m.devices[must[event.UUID](t)(event.ParseUUID(h.Device))]
		seq, id := d.Runs.Head()
		sum := sha256.New()
		for n := int64(1); n <= seq; n++ {
			id := d.Log[n].ID
			sum.Write(id[:])
		}
		want := vectors.Head{Device: h.Device, Seq: seq, Digest: hex.EncodeToString(sum.Sum(nil))}
		if seq > 0 {
			want.ID = id.String()
		}
		if want != h {
			t.Errorf("head %+v, stated %+v", want, h)
		}
	}
	if len(s.Heads) < len(s.Devices) {
		t.Errorf("%d heads are stated for %d devices", len(s.Heads), len(s.Devices))
	}
}
