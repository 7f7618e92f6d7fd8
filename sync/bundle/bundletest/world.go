// Package bundletest makes cases for tests of bundles: an authority, enrolled
// devices that seal real events, files, and a ledger with real tiles, signatures
// and checkpoints, all in memory. There is no server behind it and nothing is
// faked: what it holds verifies, or was made wrong on purpose by the test.
package bundletest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	"fieldseal/sync/bundle"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// Origin is the name of the ledger of every world.
const Origin = "ledger.test/bundle"

// World is an authority with its ledger.
type World struct {
	T         testing.TB
	Authority *Device
	LogKey    *ledger.Key
	Case      event.UUID
	Entries   []Entry
	Files     map[event.Digest][]byte
	// Partial counts the bytes of files that have not arrived whole.
	Partial map[event.Digest]int64
	// Stamps are the time-stamp tokens over checkpoints.
	Stamps map[ledger.Size][]bundle.Token
	Notes  map[ledger.Size][]byte
	Newest ledger.Size
	// Cosign, where it is set, lets witnesses sign each checkpoint.
	Cosign func(*ledger.SignedCheckpoint) *ledger.SignedCheckpoint
	// Now is the clock of the server; every entry moves it on.
	Now   time.Time
	tree  *ledger.Tree
	tiles map[ledger.TileID][]byte
	count int
	keys  map[event.UUID]seal.PublicKey
	// generate makes the keys of devices.
	generate func() (*seal.PrivateKey, error)
}

// Entry is what the ledger has at an index.
type Entry struct {
	Leaf    ledger.Leaf
	Line    []byte
	Payload *event.Payload // nil in quarantine
	Layer   seal.Layer
	Code    seal.Code
	Detail  string
}

// New makes a world of new P-256 keys.
func New(t testing.TB) *World {
	t.Helper()
	key, err := ledger.GenerateKey(Origin)
	if err != nil {
		t.Fatal(err)
	}
	return newWorld(t, seal.GenerateKey, key)
}

// NewFixed makes a world of Ed25519 keys that are the same in every run, so that
// all signatures are, too.
func NewFixed(t testing.TB) *World {
	t.Helper()
	key, err := ledger.NewKey(Origin, make([]byte, ed25519.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	n := byte(0)
	return newWorld(t, func() (*seal.PrivateKey, error) {
		n++
		der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)))
		if err != nil {
			return nil, err
		}
		return seal.ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}, key)
}

func newWorld(t testing.TB, generate func() (*seal.PrivateKey, error), logKey *ledger.Key) *World {
	t.Helper()
	w := &World{T: t, LogKey: logKey, generate: generate, Files: map[event.Digest][]byte{}, Partial: map[event.Digest]int64{}, Notes: map[ledger.Size][]byte{},
		Now: time.Date(2026, 11, 24, 1, 0, 0, 0, time.UTC), tree: &ledger.Tree{}, tiles: map[ledger.TileID][]byte{}, keys: map[event.UUID]seal.PublicKey{}}
	key, err := generate()
	w.must(err)
	w.Authority = &Device{w: w, ID: w.UUID(), Key: key, Person: w.UUID()}
	w.keys[w.Authority.ID] = key.Public()
	w.Authority.Seal(event.UUID{}, &event.AuthorityGenesis{Name: "City Environment Bureau", NameZH: "市生态环境局", Key: key.Public().Info(),
		LogOrigin: Origin, LogKey: w.LogKey.VerifierText()})
	w.Case = w.UUID()
	return w
}

func (w *World) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

// UUID gives a new UUID, the same in every run.
func (w *World) UUID() event.UUID {
	w.count++
	sum := sha256.Sum256(fmt.Append(nil, "bundletest ", w.count))
	return event.NewUUID(time.UnixMilli(1796000000000+int64(w.count)), [10]byte(sum[:10]))
}

// DeviceKey implements seal.Keys.
func (w *World) DeviceKey(d event.UUID) (seal.PublicKey, bool, error) {
	k, ok := w.keys[d]
	return k, ok, nil
}

// append adds a leaf to the ledger.
func (w *World) append(e Entry) ledger.Index {
	w.T.Helper()
	h, err := e.Leaf.Hash()
	w.must(err)
	tree, changed := w.tree.Append([]ledger.Hash{h})
	for _, t := range changed {
		w.tiles[t.TileID] = t.Data
	}
	w.tree = tree
	w.Entries = append(w.Entries, e)
	w.Now = w.Now.Add(700 * time.Millisecond)
	return ledger.Index(len(w.Entries) - 1)
}

// Accept takes a line into the ledger; its signature must be right, and nothing
// else is asked, so that a test can make a server that errs.
func (w *World) Accept(line []byte) ledger.Index {
	w.T.Helper()
	v, refusal, err := seal.Verify(line, w)
	w.must(err)
	if refusal != nil {
		w.T.Fatal(refusal)
	}
	p := *v.Payload()
	if b, ok := v.Body().(*event.DeviceEnrolled); ok {
		if key, err := seal.ParseKeyInfo(b.Key); err == nil {
			w.keys[b.Device] = key
		}
	}
	return w.append(Entry{Leaf: reconcile.LeafOf(v, w.Now), Line: line, Payload: &p})
}

// Quarantine puts a line into quarantine.
func (w *World) Quarantine(line []byte, layer seal.Layer, code seal.Code, detail string) ledger.Index {
	w.T.Helper()
	return w.append(Entry{Leaf: reconcile.QuarantineLeaf(seal.LineDigest(line), w.Now), Line: line, Layer: layer, Code: code, Detail: detail})
}

// Checkpoint signs the ledger as it is.
func (w *World) Checkpoint() event.Seen {
	w.T.Helper()
	size := w.tree.Size()
	root := w.tree.Root()
	c, err := ledger.Sign(ledger.Checkpoint{Origin: Origin, Size: size, Root: root}, w.LogKey)
	w.must(err)
	if w.Cosign != nil {
		c = w.Cosign(c)
	}
	if w.Notes[size] == nil {
		w.Notes[size] = c.Note()
	}
	w.Newest = size
	return event.Seen{Origin: Origin, Size: int64(size), Root: event.Root(root), Note: sha256.Sum256(w.Notes[size])}
}

// Device seals events. The authority is one.
type Device struct {
	w      *World
	ID     event.UUID
	Key    *seal.PrivateKey
	Person event.UUID
	Org    event.UUID
	Seq    int64
	Prev   event.ID
	// Seen is embedded in what it seals next.
	Seen *event.Seen
	// Enrolment is the id of its enrolment.
	Enrolment event.ID
}

// Org registers an organisation.
func (w *World) Org(kind event.OrgKind, name string) event.UUID {
	w.T.Helper()
	id := w.UUID()
	w.Authority.Seal(event.UUID{}, &event.OrgRegistered{Org: id, Kind: kind, Name: name})
	return id
}

// Person registers a person.
func (w *World) Person(org event.UUID, name string, role event.Role) event.UUID {
	w.T.Helper()
	id := w.UUID()
	w.Authority.Seal(event.UUID{}, &event.PersonRegistered{Person: id, Org: org, Name: name, Roles: []event.Role{role},
		CredentialNo: "EN-" + name, CredentialFrom: "2024-01-01", CredentialUntil: "2029-12-31"})
	return id
}

// Enrol enrols a device of a person, which seals its genesis.
func (w *World) Enrol(org, person event.UUID) *Device {
	w.T.Helper()
	d := w.Register(org, person)
	d.Seal(event.UUID{}, &event.DeviceGenesis{Enrolment: d.Enrolment, Key: event.Digest(d.Key.Public().ID()), Origin: Origin})
	return d
}

// Register enrols a device of a person, whose chain has not begun.
func (w *World) Register(org, person event.UUID) *Device {
	w.T.Helper()
	key, err := w.generate()
	w.must(err)
	d := &Device{w: w, ID: w.UUID(), Key: key, Person: person, Org: org}
	code := event.Digest(sha256.Sum256([]byte(d.ID.String())))
	statement, err := json.Marshal(map[string]any{"code_sha256": code, "key": event.Digest(key.Public().ID()), "nonce": "n", "time": event.StampOf(w.Now)}, json.Deterministic(true))
	w.must(err)
	proof, err := key.Seal("application/vnd.fieldseal.enrol.v1+json", statement)
	w.must(err)
	d.Enrolment = w.Authority.Seal(event.UUID{}, &event.DeviceEnrolled{Device: d.ID, Key: key.Public().Info(), Person: person, Org: org,
		Model: "rugged laptop", App: "fieldkit", Code: code, Proof: proof})
	return d
}

// Payload makes the next payload without sealing it.
func (d *Device) Payload(c event.UUID, body event.Body) event.Payload {
	d.w.T.Helper()
	raw, err := event.MarshalBody(body)
	d.w.must(err)
	p := event.Payload{V: event.Version, Type: event.TypeOf(body), UUID: d.w.UUID(), Case: c, Device: d.ID, Seq: d.Seq + 1, Prev: d.Prev, Actor: d.Person,
		Clock: event.Clock{Wall: event.StampOf(d.w.Now.Add(-2 * time.Second).In(time.FixedZone("", 8*3600))), Source: "gnss"}, Body: raw}
	if d.Seen != nil {
		seen := *d.Seen
		p.Seen = &seen
	}
	return p
}

// Make seals the next event of the chain without handing it in.
func (d *Device) Make(c event.UUID, body event.Body) (line []byte, id event.ID) {
	d.w.T.Helper()
	return d.MakePayload(d.Payload(c, body))
}

// MakePayload seals a payload, which becomes the head of the chain.
func (d *Device) MakePayload(p event.Payload) (line []byte, id event.ID) {
	d.w.T.Helper()
	data, err := event.Marshal(p)
	d.w.must(err)
	line, err = d.Key.Seal(event.PayloadType, data)
	d.w.must(err)
	d.Seq, d.Prev = p.Seq, seal.IDOf(data)
	return line, d.Prev
}

// Seal seals an event and hands it in.
func (d *Device) Seal(c event.UUID, body event.Body) event.ID {
	d.w.T.Helper()
	line, id := d.Make(c, body)
	d.w.Accept(line)
	return id
}

// File keeps a file and says how an event names it.
func (w *World) File(data []byte, mediaType, name string) event.Media {
	sum := event.Digest(sha256.Sum256(data))
	w.Files[sum] = data
	return event.Media{SHA256: sum, Size: int64(len(data)), Type: mediaType, Name: name}
}

// Arrive states that a file has arrived.
func (w *World) Arrive(m event.Media, from *Device) event.ID {
	w.T.Helper()
	return w.Authority.Seal(event.UUID{}, &event.MediaReceived{SHA256: m.SHA256, Size: m.Size, Type: m.Type, Carrier: from.ID})
}

// Revoke ends a device's key.
func (w *World) Revoke(d *Device) event.ID {
	w.T.Helper()
	return w.Authority.Seal(event.UUID{}, &event.DeviceRevoked{Device: d.ID, Key: event.Digest(d.Key.Public().ID()), Reason: "lost"})
}
