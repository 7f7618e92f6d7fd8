package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"testing"

	"fieldseal/api/server"
	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
	"fieldseal/sync/event"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstded(t testing.TB, data []byte, o ...zstd.EOption) []byte {
	t.Helper()
	enc, err := zstd.NewWriter(nil, o...)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	return enc.EncodeAll(data, nil)
}

func (c *client) packed(encoding string, body []byte) answer {
	c.t.Helper()
	return c.send(http.MethodPost, "/v1/batches", bytes.NewReader(body), "Content-Type", "application/x-ndjson", "Content-Encoding", encoding)
}

// A batch is the same batch in each packing; half of one is no batch at all.
func TestBatchPackings(t *testing.T) {
	s := servertest.Start(t)
	d := s.AddDevice()
	c := visitor(t, s)
	c.token = c.signIn(d).AccessToken
	k, opened := event.UUID{}, []byte(nil)
	lines := [][]byte{d.Genesis()}
	k, opened = d.OpenCase("1")
	lines = append(lines, opened)
	for i := range 60 {
		lines = append(lines, d.Sample(k, fmt.Sprint("S-", i)))
	}
	body := bytes.Join(lines, []byte{'\n'})
	pack := map[string][]byte{"gzip": gzipped(t, body), "zstd": zstded(t, body), "identity": body}
	for _, encoding := range []string{"gzip", "zstd"} {
		for _, cut := range []int{1, 10, len(pack[encoding]) / 2, len(pack[encoding]) - 1} {
			c.refused(fmt.Sprintf("%s cut at %d", encoding, cut), c.packed(encoding, pack[encoding][:cut]), wire.CodeBadRequest)
		}
		c.refused(encoding+" that is none", c.packed(encoding, body), wire.CodeBadRequest)
		c.refused(encoding+" with a flipped bit", c.packed(encoding, flip(pack[encoding])), wire.CodeBadRequest)
		c.refused("nothing in "+encoding, c.packed(encoding, nil), wire.CodeBadRequest)
	}
	if h := into[wire.Head](t, c.get("/v1/devices/"+d.ID.String()+"/head")); h.MaxSeq != 0 || h.Quarantined != 0 {
		t.Fatalf("something of a broken batch was kept: %+v", h)
	}
	var first wire.BatchAnswer
	for i, encoding := range []string{"zstd", "gzip", "identity", ""} {
		got := into[wire.BatchAnswer](t, c.packed(encoding, append(pack[encoding], map[bool]string{true: string(body)}[encoding == ""]...)))
		if len(got.Results) != len(lines) {
			t.Fatalf("%q: %d results", encoding, len(got.Results))
		}
		for j, r := range got.Results {
			if i == 0 {
				first = got
				if r.Status != wire.StatusAccepted || first.Checkpoints[fmt.Sprint(r.CheckpointSize)] == "" {
					t.Errorf("line %d: %+v", j, r)
				}
				continue
			}
			want := first.Results[j]
			want.Status = wire.StatusDuplicate
			if r != want {
				t.Errorf("%q, line %d: %+v, was %+v", encoding, j, r, want)
			}
		}
	}
}

func flip(data []byte) []byte {
	c := bytes.Clone(data)
	c[len(c)/2] ^= 1
	return c
}

// What grows when it is unpacked is refused within bounded memory.
func TestBombs(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	c.token = c.signIn(s.AddDevice()).AccessToken
	zeros := make([]byte, 64<<20)
	bombs := map[string][]byte{
		"gzip": bytes.Repeat(gzipped(t, zeros), 50),
		"zstd": bytes.Repeat(zstded(t, zeros, zstd.WithWindowSize(1<<20)), 400),
	}
	for encoding, bomb := range bombs {
		if len(bomb) > wire.MaxBatchWire || len(bomb) < 1<<20 {
			t.Fatalf("%s: the bomb has %d bytes", encoding, len(bomb))
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		a := c.packed(encoding, bomb)
		runtime.ReadMemStats(&after)
		c.refused(encoding+" bomb", a, wire.CodeTooLarge)
		if grown := after.TotalAlloc - before.TotalAlloc; grown > 8*wire.MaxBatchBytes {
			t.Errorf("%s: a bomb of %d bytes made the server allocate %d MiB", encoding, len(bomb), grown>>20)
		}
	}
	c.refused("a window beyond bounds", c.packed("zstd", zstded(t, bytes.Repeat([]byte("0123456789abcdef"), 8<<20), zstd.WithWindowSize(64<<20), zstd.WithSingleSegment(false))), wire.CodeTooLarge, wire.CodeBadRequest)
	c.refused("more than a batch may weigh", c.packed("identity", make([]byte, wire.MaxBatchWire+1)), wire.CodeTooLarge)
}

// Batches that grow beyond the room that is left for all of them together are put
// off, so that many senders cannot fill the memory either.
func TestBombsTogether(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	c.token = c.signIn(s.AddDevice()).AccessToken
	bomb := zstded(t, make([]byte, 64<<20), zstd.WithWindowSize(1<<20))
	back, ok := server.TakeRoom(len(bomb))
	if !ok {
		t.Fatal("room is held although no batch is under way")
	}
	c.refused("a bomb while there is no room", c.packed("zstd", bomb), wire.CodeUnavailable)
	back()
	c.refused("a bomb alone", c.packed("zstd", bomb), wire.CodeTooLarge)
	if back, ok = server.TakeRoom(0); !ok {
		t.Fatal("a batch that is over holds room")
	}
	back()
}

func TestBatchLimits(t *testing.T) {
	s := servertest.Start(t)
	d := s.AddDevice()
	c := visitor(t, s)
	c.token = c.signIn(d).AccessToken
	genesis := d.Genesis()
	for name, k := range map[string]struct {
		body        []byte
		contentType string
		want        wire.ErrorCode
	}{
		"one line too many":  {bytes.Repeat([]byte("x\n"), wire.MaxBatchLines+1), "application/x-ndjson", wire.CodeTooLarge},
		"empty":              {nil, "application/x-ndjson", wire.CodeBadRequest},
		"line ends only":     {[]byte("\n\r\n\n"), "application/x-ndjson", wire.CodeBadRequest},
		"JSON":               {genesis, "application/json", wire.CodeMediaType},
		"type of no form":    {genesis, ";;", wire.CodeMediaType},
		"text":               {genesis, "text/plain; charset=utf-8", wire.CodeMediaType},
		"type in other case": {nil, "Application/X-NDJSON", wire.CodeBadRequest}, // taken, but empty
	} {
		c.refused(name, c.send(http.MethodPost, "/v1/batches", bytes.NewReader(k.body), "Content-Type", k.contentType), k.want)
	}
	many := into[wire.BatchAnswer](t, c.send(http.MethodPost, "/v1/batches", bytes.NewReader(bytes.Repeat([]byte("x\n"), wire.MaxBatchLines)), "Content-Type", "application/x-ndjson"))
	if len(many.Results) != wire.MaxBatchLines {
		t.Errorf("%d results", len(many.Results))
	}
	got := into[wire.BatchAnswer](t, c.send(http.MethodPost, "/v1/batches", bytes.NewReader(append(append([]byte("\n"), genesis...), "\r\n\r\n"...)), "Content-Type", "application/x-ndjson; charset=utf-8"))
	if len(got.Results) != 1 || got.Results[0].Status != wire.StatusAccepted {
		t.Errorf("a line between empty ones: %+v", got.Results)
	}
}

// Bad lines are kept, told of the same way every time, shown to overseers only,
// and stop nothing behind them.
func TestQuarantine(t *testing.T) {
	k := newScene(t)
	s, d, c := k.s, k.device, visitor(t, k.s)
	c.token = c.signIn(d).AccessToken
	fork := d.Fork()
	fork.Seq--
	long := bytes.Repeat([]byte("x"), 3<<20)
	bad := [][]byte{[]byte("no envelope"), []byte("\xff\xfe"), fork.Note(k.caseID, "a fork"), flip(d.Fork().Note(k.caseID, "spoiled")), long, []byte("{}")}
	good := d.Note(k.caseID, "behind them")
	first := c.batch(append(bad, good)...)
	if last := first.Results[len(bad)]; last.Status != wire.StatusAccepted {
		t.Errorf("the good line: %+v", last)
	}
	second := c.batch(append(bad, good)...)
	for i, r := range first.Results[:len(bad)] {
		if r.Status != wire.StatusQuarantined || r.Code == "" || r.Detail == "" {
			t.Errorf("line %d: %+v", i, r)
		}
		if second.Results[i] != r {
			t.Errorf("line %d again: %+v, was %+v", i, second.Results[i], r)
		}
	}
	overseer := c.as(c.signInPerson(s.AddPerson(s.Org, event.RoleSupervisor)).AccessToken)
	list := into[wire.QuarantineList](t, overseer.get("/v1/quarantine?limit=3"))
	if len(list.Entries) != 3 || list.Entries[0].Index <= list.Entries[2].Index || list.Entries[0].Line != "" {
		t.Errorf("%+v", list.Entries)
	}
	older := into[wire.QuarantineList](t, overseer.get(path("/v1/quarantine?before=%d", list.Entries[2].Index)))
	if len(older.Entries) != 1+len(bad)-3 {
		t.Errorf("%d older entries", len(older.Entries))
	}
	nobodys := s.Submit([]byte("from nobody")).Results[0].Index
	c.refused("a line that concerns another organisation, or none", overseer.get(path("/v1/quarantine/%d", nobodys)), wire.CodeNotFound)
	everything := c.as(c.signInPerson(s.AddPerson(s.Org, event.RoleAuditor)).AccessToken)
	if all := into[wire.QuarantineList](t, everything.get("/v1/quarantine")); len(all.Entries) != 2+len(bad) {
		t.Errorf("an auditor sees %d entries", len(all.Entries))
	}
	for i, r := range first.Results[:len(bad)] {
		q := into[wire.Quarantined](t, overseer.get(path("/v1/quarantine/%d", r.Index)))
		if q.Code != r.Code || q.ID != r.ID || q.Carrier != d.ID.String() || decoded(t, q.Line) != string(bad[i]) {
			t.Errorf("line %d: %+v", i, q)
		}
	}
	c.refused("an accepted line", overseer.get(path("/v1/quarantine/%d", first.Results[len(bad)].Index)), wire.CodeNotFound)
	for _, index := range []string{"x", "-1", "+1", "007", "99999999999999999999", "1.5"} {
		c.refused(index, overseer.get("/v1/quarantine/"+index), wire.CodeBadRequest)
	}
	c.refused("for an inspector", c.get("/v1/quarantine"), wire.CodeForbidden)
	if h := into[wire.Head](t, c.get("/v1/devices/"+d.ID.String()+"/head")); h.Quarantined == 0 {
		t.Errorf("%+v", h)
	}
}

// Evidence of a lost device is kept when it comes in after all.
func TestRevokedDeviceDeposits(t *testing.T) {
	k := newScene(t)
	d, c := k.device, visitor(t, k.s)
	late := d.Note(k.caseID, "sealed before the loss was known")
	k.s.Revoke(d.ID, event.Digest(d.Key.Public().ID()), "lost")
	tokens := c.signIn(d)
	c.token = tokens.AccessToken
	if r := c.batch(late).Results[0]; r.Status != wire.StatusQuarantined || r.Code != "REVOKED_KEY" {
		t.Errorf("%+v", r)
	}
	if a := c.upload([]byte("a photograph that was not sent yet"), "text/plain"); a.status != http.StatusCreated {
		t.Errorf("%d %s", a.status, a.body)
	}
	if h := into[wire.Head](t, c.get("/v1/devices/"+d.ID.String()+"/head")); !h.Revoked {
		t.Errorf("%+v", h)
	}
	c.refused("reading", c.get("/v1/changes"), wire.CodeForbidden)
}
