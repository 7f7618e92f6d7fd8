package replay_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/replay"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
)

// entry is an entry of the whole log.
type entry struct {
	index int64
	id    string // as an archive names it
	leaf  ledger.Leaf
	line  []byte
}

// scene is a world with everything in it, and a backup of its beginning.
type scene struct {
	t       *testing.T
	w       *ingesttest.World
	from    int64
	all     []entry
	root    ledger.Hash
	note    string
	devices []replay.Device
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{t: t, w: ingesttest.New(t)}
	d := s.w.AddDevice()
	s.w.Submit(d.Genesis())
	s.from = s.w.Engine.Size()
	s.w.Read(func(tx *store.Tx) error {
		list, err := projection.Devices(tx)
		for _, d := range list {
			head, err := projection.HeadOf(tx, d.N)
			if err != nil {
				return err
			}
			s.devices = append(s.devices, replay.Device{ID: d.ID, Key: event.Digest(d.Key.ID()), Name: d.Model, Head: head.Max, Authority: d.Authority()})
		}
		return err
	})
	s.w.Rich()
	signed, err := s.w.Engine.Signed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.root, s.note = signed.Root, string(signed.Note())
	for i := range s.w.Engine.Size() {
		s.all = append(s.all, s.read(i))
	}
	return s
}

func (s *scene) read(i int64) (e entry) {
	s.t.Helper()
	s.w.Read(func(tx *store.Tx) (err error) {
		e.index = i
		if e.leaf, err = ingest.LeafAt(tx, i); err != nil {
			return err
		}
		row, found, err := tx.EventAt(i)
		e.id, e.line = row.ID.String(), row.Line
		if err == nil && !found {
			q, _, err := tx.QuarantineAt(i)
			e.id, e.line = q.EventID.String(), q.Line
			return err
		}
		return err
	})
	return e
}

func (s *scene) search() *replay.Evidence {
	return replay.New(replay.Config{LogKey: s.w.LogKey.Verifier(), From: ledger.Size(s.from), To: ledger.Size(len(s.all)), Devices: s.devices})
}

func (s *scene) tree() *ledger.Tree {
	s.t.Helper()
	var hashes []ledger.Hash
	for _, e := range s.all[:s.from] {
		h, err := e.leaf.Hash()
		if err != nil {
			s.t.Fatal(err)
		}
		hashes = append(hashes, h)
	}
	tree, _ := new(ledger.Tree).Append(hashes)
	return tree
}

// lines is a plain file of the lines that keep lets through.
func (s *scene) lines(keep func(entry) bool) []byte {
	var b bytes.Buffer
	for _, e := range s.all {
		if keep(e) {
			b.Write(append(e.line, '\n'))
		}
	}
	return b.Bytes()
}

// export is what an export of the log holds at a size.
func (s *scene) export(size int64) fstest.MapFS {
	s.t.Helper()
	dir := fstest.MapFS{}
	var c store.CheckpointRow
	s.w.Read(func(tx *store.Tx) (err error) { c, _, err = tx.CheckpointAt(size); return err })
	note := c.Note
	if size == int64(len(s.all)) {
		note = s.note
	}
	dir["checkpoint"] = &fstest.MapFile{Data: []byte(note)}
	for level := int64(0); level < 4; level++ {
		for n := int64(0); ; n++ {
			id := ledger.TileID{Level: level, N: n}
			width := id.Width(ledger.Size(size))
			if width == 0 {
				break
			}
			data, err := s.w.Engine.Tile(s.t.Context(), id, width)
			if err != nil {
				s.t.Fatal(err)
			}
			dir[id.Path(width)] = &fstest.MapFile{Data: data}
			if level > 0 {
				continue
			}
			if data, err = s.w.Engine.Entries(s.t.Context(), n, width); err != nil {
				s.t.Fatal(err)
			}
			dir[ledger.EntriesPath(n, width)] = &fstest.MapFile{Data: data}
		}
	}
	return dir
}

// archive is what a device exports that knows the entries that keep lets through,
// each as change makes it.
func (s *scene) archive(device event.UUID, keep func(entry) bool, change func(*entry)) []byte {
	s.t.Helper()
	type place struct {
		ID         string `json:"id"`
		Index      int64  `json:"index"`
		ReceivedUS int64  `json:"received_us"`
		Kind       int    `json:"kind"`
	}
	places := []place{}
	var lines bytes.Buffer
	for _, e := range s.all {
		if !keep(e) {
			continue
		}
		if change != nil {
			change(&e)
		}
		places = append(places, place{e.id, e.index, int64(e.leaf.Received), int(e.leaf.Kind)})
		lines.Write(append(e.line, '\n'))
	}
	text, err := json.Marshal(places)
	if err != nil {
		s.t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range map[string][]byte{"events.ndjson": lines.Bytes(), "entries.json": text,
		"device.json": fmt.Appendf(nil, `{"device":%q,"log_origin":%q,"other":1}`, device, ingesttest.Origin)} {
		f, err := z.Create(name)
		if err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		s.t.Fatal(err)
	}
	return b.Bytes()
}

func (s *scene) add(e *replay.Evidence, name string, data []byte) {
	s.t.Helper()
	if err := e.AddFile(s.t.Context(), name, bytes.NewReader(data), int64(len(data))); err != nil {
		s.t.Fatal(err)
	}
}

// whole expects that everything is found.
func (s *scene) whole(e *replay.Evidence) {
	s.t.Helper()
	found, err := e.Resolve(s.t.Context(), s.tree(), s.root)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(found.Entries) != len(s.all)-int(s.from) {
		s.t.Fatalf("%d entries", len(found.Entries))
	}
	for k, x := range found.Entries {
		want := s.all[int(s.from)+k]
		if x.Index != ledger.Index(want.index) || x.Leaf != want.leaf || !bytes.Equal(x.Line, want.line) {
			s.t.Errorf("entry %d is not what was lost", want.index)
		}
	}
}

func every(entry) bool { return true }

func odd(e entry) bool { return e.index%2 == 1 }

func even(e entry) bool { return e.index%2 == 0 }

func TestEverySourceAlone(t *testing.T) {
	s := newScene(t)
	e := s.search()
	s.add(e, "archive", s.archive(s.w.ID(), every, nil))
	s.whole(e)
	e = s.search()
	if err := e.AddExport(t.Context(), "export", s.export(int64(len(s.all)))); err != nil {
		t.Fatal(err)
	}
	all := s.lines(func(e entry) bool { return len(e.line) > 0 })
	e.AddLines("lines", bytes.NewReader(all), int64(len(all)))
	s.whole(e)
	// Two halves, each twice, and an older export beside them.
	e = s.search()
	for range 2 {
		s.add(e, "odd", s.archive(s.w.ID(), odd, nil))
		s.add(e, "even", s.archive(s.w.ID(), even, nil))
	}
	if err := e.AddExport(t.Context(), "older", s.export(s.from)); err != nil {
		t.Fatal(err)
	}
	s.whole(e)
}

// A device that lies about places and times changes nothing: what is true wins
// by the root, and where it cannot, nothing is given.
func TestLiars(t *testing.T) {
	s := newScene(t)
	liar := func(n int64) []byte {
		return s.archive(s.w.ID(), func(e entry) bool { return e.index > s.from && e.index <= s.from+n }, func(e *entry) { e.leaf.Received += 5 })
	}
	e := s.search()
	s.add(e, "liar", liar(8))
	s.add(e, "honest", s.archive(s.w.ID(), every, nil))
	s.whole(e)
	// More lies than can be tried: with an export they are sifted, without it refused.
	e = s.search()
	s.add(e, "liar", liar(40))
	s.add(e, "honest", s.archive(s.w.ID(), every, nil))
	_, err := e.Resolve(t.Context(), s.tree(), s.root)
	if wrong := new(replay.RootError); !errors.As(err, &wrong) || len(wrong.Doubtful) == 0 || wrong.From != ledger.Size(s.from) {
		t.Errorf("forty lies: %v", err)
	}
	e = s.search()
	s.add(e, "liar", liar(40))
	s.add(e, "honest", s.archive(s.w.ID(), every, nil))
	if err := e.AddExport(t.Context(), "export", s.export(int64(len(s.all)))); err != nil {
		t.Fatal(err)
	}
	s.whole(e)
	// Only lies.
	e = s.search()
	s.add(e, "liar", s.archive(s.w.ID(), every, func(e *entry) { e.leaf.Received++ }))
	if _, err := e.Resolve(t.Context(), s.tree(), s.root); !errors.As(err, new(*replay.RootError)) {
		t.Errorf("only lies: %v", err)
	}
	// Another root than the entries give.
	e = s.search()
	s.add(e, "honest", s.archive(s.w.ID(), every, nil))
	other := s.root
	other[3] ^= 1
	if _, err := e.Resolve(t.Context(), s.tree(), other); !errors.As(err, new(*replay.RootError)) {
		t.Errorf("another root: %v", err)
	}
}

// What is missing is named to the entry, with what is known of it.
func TestMissing(t *testing.T) {
	s := newScene(t)
	hide := map[int64]bool{}
	var kinds []ledger.Kind
	for i := s.from + 3; i < int64(len(s.all)); i += 7 {
		hide[i] = true
		kinds = append(kinds, s.all[i].leaf.Kind)
	}
	seen := func(e entry) bool { return !hide[e.index] }
	e := s.search()
	s.add(e, "archive", s.archive(s.devices[1].ID, seen, nil))
	_, err := e.Resolve(t.Context(), s.tree(), s.root)
	m := new(replay.MissingError)
	if !errors.As(err, &m) || m.Count != int64(len(hide)) || len(m.Holes) == 0 || len(m.Absent) == 0 {
		t.Fatalf("%v", err)
	}
	for _, x := range m.List {
		if !hide[int64(x.First)] || x.First != x.Last || x.Leaf != nil || x.After.IsZero() || !strings.Contains(x.Where, "export of the log") {
			t.Errorf("%s", &x)
		}
	}
	for _, d := range m.Absent {
		if d.ID == s.devices[1].ID || d.Authority {
			t.Errorf("absent: %+v", d)
		}
	}
	// With the leaves it says whose they are.
	if err := e.AddExport(t.Context(), "export", s.export(int64(len(s.all)))); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Resolve(t.Context(), s.tree(), s.root); !errors.As(err, &m) || m.Count != int64(len(hide)) {
		t.Fatalf("%v", err)
	}
	for k, x := range m.List {
		words := map[ledger.Kind]string{ledger.KindQuarantine: "quarantine", ledger.KindEvent: "sealed it: "}[kinds[k]]
		if words == "" {
			words = "the authority sealed it"
		}
		if x.Leaf == nil || x.Leaf.Kind != kinds[k] || !strings.Contains(x.Where, words) {
			t.Errorf("kind %v: %s", kinds[k], &x)
		}
	}
	if _, err := s.search().Resolve(t.Context(), s.tree(), s.root); !errors.As(err, &m) || len(m.List) != 1 || m.List[0].Last != ledger.Index(len(s.all)-1) {
		t.Errorf("no source: %v", err)
	}
}

// Sources that are not what they are given for.
func TestBadSources(t *testing.T) {
	s := newScene(t)
	good := s.archive(s.w.ID(), every, nil)
	for name, data := range map[string][]byte{"empty": nil, "text": []byte("hello"), "cut": good[:len(good)/2], "no zip": []byte("PK\x03\x04 and nothing")} {
		if err := s.search().AddFile(t.Context(), name, bytes.NewReader(data), int64(len(data))); !errors.Is(err, replay.ErrSource) {
			t.Errorf("%s: %v", name, err)
		}
	}
	stranger, err := ledger.GenerateKey("ledger.test/another")
	if err != nil {
		t.Fatal(err)
	}
	if err := replay.New(replay.Config{LogKey: stranger.Verifier(), From: 1, To: 9}).AddFile(t.Context(), "of another log", bytes.NewReader(good), int64(len(good))); !errors.Is(err, replay.ErrSource) || !strings.Contains(err.Error(), "belongs to the log") {
		t.Errorf("the archive of another log's device: %v", err)
	}
	other := ingesttest.New(t)
	e := replay.New(replay.Config{LogKey: other.LogKey.Verifier(), From: 1, To: 9})
	dir := s.export(int64(len(s.all)))
	if err := e.AddExport(t.Context(), "another log's", dir); !errors.Is(err, replay.ErrSource) {
		t.Errorf("an export that another key signed: %v", err)
	}
	for path, f := range dir {
		if strings.HasPrefix(path, "tile/0/") {
			f.Data = append([]byte(nil), f.Data...)
			f.Data[40] ^= 1
		}
	}
	if err := s.search().AddExport(t.Context(), "a changed tile", dir); !errors.Is(err, replay.ErrSource) {
		t.Errorf("a changed tile: %v", err)
	}
}

// FuzzAddFile: no source crashes, and none gives anything but what gives the root.
func FuzzAddFile(f *testing.F) {
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte(`{"payloadType":"application/vnd.fieldseal.event.v1+json","payload":"","signatures":[]}`))
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"events.ndjson", "entries.json", "device.json", "proofs/1", "checkpoints/1"} {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err == nil {
			_, err = w.Write([]byte(`[{"id":"00","index":3,"received_us":1,"kind":2}]`))
		}
		if err != nil {
			f.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	key, err := ledger.NewKey(ingesttest.Origin, bytes.Repeat([]byte{1}, 32))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e := replay.New(replay.Config{LogKey: key.Verifier(), From: 0, To: 9})
		if e.AddFile(t.Context(), "fuzz", bytes.NewReader(data), int64(len(data))) != nil {
			return
		}
		if found, err := e.Resolve(t.Context(), new(ledger.Tree), ledger.Hash{1}); err == nil {
			t.Fatalf("it gave %+v", found)
		}
	})
}
