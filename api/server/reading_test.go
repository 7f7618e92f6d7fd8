package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
)

func decoded(t testing.TB, b64 string) string {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(b64)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (c *client) changes(after, limit int64) (all []wire.Change, next int64) {
	c.t.Helper()
	for next = after; ; {
		page := into[wire.Changes](c.t, c.get(path("/v1/changes?after=%d&limit=%d", next, limit)))
		if int64(len(page.Events)) > limit || page.Next < next || page.More && page.Next == next {
			c.t.Fatalf("%d events, next %d after %d, more %v", len(page.Events), page.Next, next, page.More)
		}
		all, next = append(all, page.Events...), page.Next
		if !page.More {
			return all, next
		}
	}
}

func typesOf(t testing.TB, list []wire.Change) (types []event.Type) {
	t.Helper()
	for _, ch := range list {
		var env struct{ Payload []byte }
		if err := json.Unmarshal([]byte(ch.Envelope), &env); err != nil {
			t.Fatal(err)
		}
		p, err := event.Parse(env.Payload)
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, p.Type)
	}
	return types
}

// Each sees its own cases and what concerns everyone, in order, whole, once.
func TestChanges(t *testing.T) {
	k := newScene(t)
	s, c := k.s, visitor(t, k.s)
	lab := s.AddOrg("lab")
	bench := s.AddDeviceOf(lab, s.AddPerson(lab))
	s.Labels(k.device.ID, "S-", 1, 100)
	s.Labels(bench.ID, "L-", 1, 100)
	s.Submit(bench.Genesis())
	own, foreign := c.as(c.signIn(k.device).AccessToken), c.as(c.signIn(bench).AccessToken)

	all, end := own.changes(-1, 1000)
	for _, limit := range []int64{1, 2, 7} {
		if paged, last := own.changes(-1, limit); !slices.Equal(paged, all) || last != end {
			t.Errorf("limit %d: %d events to %d, at once %d to %d", limit, len(paged), last, len(all), end)
		}
	}
	if !slices.IsSortedFunc(all, func(a, b wire.Change) int { return int(a.Index - b.Index) }) {
		t.Error("not in ledger order")
	}
	count := func(list []wire.Change, want event.Type) (n int) {
		for _, typ := range typesOf(t, list) {
			if typ == want {
				n++
			}
		}
		return n
	}
	theirs, cursor := foreign.changes(-1, 1000)
	for name, n := range map[string][2]int{
		"own samples": {count(all, event.TypeSampleCollected), 1}, "own label blocks": {count(all, event.TypeLabelBlock), 1},
		"geneses of devices": {count(theirs, event.TypeDeviceGenesis), 2}, "foreign samples": {count(theirs, event.TypeSampleCollected), 0},
		"foreign cases": {count(theirs, event.TypeCaseOpened), 0}, "label blocks there": {count(theirs, event.TypeLabelBlock), 1},
		"arrivals of own files": {count(all, event.TypeMediaReceived), 1}, "of foreign ones": {count(theirs, event.TypeMediaReceived), 0}, "enrolments": {count(theirs, event.TypeDeviceEnrolled), 2},
	} {
		if n[0] != n[1] {
			t.Errorf("%s: %d, want %d", name, n[0], n[1])
		}
	}
	grant := s.ID()
	s.Author(ingest.Draft{Case: k.caseID, Body: &event.CaseGranted{Grant: grant, Org: lab, Right: "write", Reason: "analysis"}})
	news, _ := foreign.changes(cursor, 1000)
	if got := typesOf(t, news); !slices.Contains(got, event.TypeCaseGranted) {
		t.Errorf("the grant is not told: %v", got)
	}
	again, _ := foreign.changes(-1, 1000)
	if count(again, event.TypeSampleCollected) != 1 {
		t.Error("a granted case is not readable from its beginning")
	}
	if got := into[wire.Case](t, foreign.get("/v1/cases/"+k.caseID.String())); got.Right != "write" || got.Number != "2026-1" || got.MediaMissing != 0 {
		t.Errorf("%+v", got)
	}
	s.Author(ingest.Draft{Case: k.caseID, Body: &event.GrantRevoked{Grant: grant, Reason: "done"}})
	if after, _ := foreign.changes(-1, 1000); count(after, event.TypeSampleCollected) != 0 {
		t.Error("a revoked grant still shows the case")
	}
	if got := into[wire.Cases](t, foreign.get("/v1/cases")); len(got.Cases) != 0 {
		t.Errorf("%+v", got)
	}
	if got, next := own.changes(1<<40, 10); len(got) != 0 || next != 1<<40 {
		t.Errorf("beyond the end: %d events, next %d", len(got), next)
	}
}

// The head names the holes and digests the whole part before them.
func TestHeadWithHoles(t *testing.T) {
	s := servertest.Start(t)
	d := s.AddDevice()
	c := visitor(t, s)
	c.token = c.signIn(d).AccessToken
	head := func() wire.Head { return into[wire.Head](t, c.get("/v1/devices/"+d.ID.String()+"/head")) }
	if h := head(); h.Seq != 0 || h.ID != "" || h.Missing != nil || h.Digest != hex.EncodeToString(sha256.New().Sum(nil)) {
		t.Errorf("%+v", h)
	}
	lines := [][]byte{d.Genesis()}
	for range 9 {
		lines = append(lines, d.Note(s.Org, "n"))
	}
	r := c.batch(lines[0], lines[1], lines[3], lines[6], lines[7], lines[9])
	if r.Results[1].Pending || !r.Results[2].Pending || r.Results[2].WaitsFor != 3 || r.Results[5].WaitsFor != 3 {
		t.Errorf("%+v", r.Results)
	}
	h := head()
	if h.Seq != 2 || h.ID != r.Results[1].ID || h.MaxSeq != 10 || !slices.Equal(h.Missing, [][2]int64{{3, 3}, {5, 6}, {9, 9}}) || h.Digest != digestOf(t, r.Results[:2]) {
		t.Errorf("%+v", h)
	}
	if v := into[wire.EventView](t, c.as(c.signInPerson(s.AddPerson(s.Org, event.RoleAuditor)).AccessToken).get("/v1/events/"+r.Results[0].ID)); v.Pending || v.Envelope != string(lines[0]) {
		t.Errorf("%+v", v)
	}
	c.batch(lines[2], lines[5], lines[4], lines[8])
	all := c.batch(lines...)
	if h := head(); h.Seq != 10 || h.Missing != nil || h.Digest != digestOf(t, all.Results) {
		t.Errorf("%+v", h)
	}
}

func digestOf(t testing.TB, list []wire.EventResult) string {
	t.Helper()
	sum := sha256.New()
	for _, r := range list {
		id, err := event.ParseID(r.ID)
		if err != nil {
			t.Fatal(err)
		}
		sum.Write(id[:])
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func hashes(t testing.TB, list []string) (out []ledger.Hash) {
	t.Helper()
	for _, h := range list {
		out = append(out, ledger.Hash([]byte(decoded(t, h))))
	}
	return out
}

// Proofs are such that a stranger with the log's key believes them.
func TestProofs(t *testing.T) {
	k := newScene(t)
	s, c := k.s, visitor(t, k.s)
	checkpoint := func() *ledger.SignedCheckpoint {
		cp, err := ledger.ParseCheckpoint([]byte(into[wire.CheckpointAnswer](t, c.get("/v1/log/checkpoint")).Checkpoint), s.LogKey.Verifier())
		if err != nil {
			t.Fatal(err)
		}
		return cp
	}
	old := checkpoint()
	for range 300 {
		s.Submit(k.device.Note(k.caseID, "n"))
		if s.Engine.Size() > 280 {
			break
		}
	}
	now := checkpoint()
	for _, index := range []int64{0, 1, int64(old.Size) - 1, 255, 256, int64(now.Size) - 1} {
		p := into[wire.InclusionProof](t, c.get(path("/v1/log/proof/inclusion?index=%d&size=%d", index, now.Size)))
		if err := ledger.VerifyInclusion(hashes(t, []string{p.LeafHash})[0], ledger.Index(p.Index), ledger.Size(p.Size), now.Root, hashes(t, p.Hashes)); err != nil || p.Index != index {
			t.Errorf("entry %d: %v", index, err)
		}
	}
	p := into[wire.ConsistencyProof](t, c.get(path("/v1/log/proof/consistency?from=%d", old.Size)))
	if err := ledger.VerifyConsistency(old.Size, old.Root, ledger.Size(p.To), now.Root, hashes(t, p.Hashes)); err != nil {
		t.Error(err)
	}
	for _, size := range []int64{0, int64(old.Size)} {
		many := into[wire.Proofs](t, c.post("/v1/log/proofs", wire.ProofsAsked{Size: size, Indexes: []int64{3, 0, 3}}))
		cp, err := ledger.ParseCheckpoint([]byte(many.Checkpoint), s.LogKey.Verifier())
		if err != nil || len(many.Proofs) != 3 || many.Proofs[1].Index != 0 {
			t.Fatalf("%+v %v", many, err)
		}
		for _, p := range many.Proofs {
			if err := ledger.VerifyInclusion(hashes(t, []string{p.LeafHash})[0], ledger.Index(p.Index), cp.Size, cp.Root, hashes(t, p.Hashes)); err != nil {
				t.Error(err)
			}
		}
	}
	c.refused("beyond the checkpoint", c.post("/v1/log/proofs", wire.ProofsAsked{Size: int64(old.Size), Indexes: []int64{int64(old.Size)}}), wire.CodeNotFound)
	c.refused("a size that no checkpoint has", c.post("/v1/log/proofs", wire.ProofsAsked{Size: int64(now.Size) + 5, Indexes: []int64{0}}), wire.CodeNotFound)

	c.token = c.signIn(k.device).AccessToken
	file := c.get("/v1/events/" + k.sample.String() + "/proof")
	proof, err := ledger.ParseProof(file.body)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _, err := proof.VerifyLeaf(s.LogKey.Verifier())
	if err != nil || event.ID(leaf.Event) != k.sample {
		t.Errorf("%+v %v", leaf, err)
	}
	view := into[wire.EventView](t, c.get("/v1/events/"+k.sample.String()))
	if cp, err := ledger.ParseCheckpoint([]byte(view.Checkpoint), s.LogKey.Verifier()); err != nil || int64(cp.Size) != view.CheckpointSize || view.CheckpointSize <= view.Index {
		t.Errorf("%+v %v", view, err)
	}
}

// The bundle of a case is believed by the verifier, which knows nothing of the server.
func TestRecordAndBundle(t *testing.T) {
	k := newScene(t)
	s, c := k.s, visitor(t, k.s)
	c.token = c.signIn(k.device).AccessToken
	base := "/v1/cases/" + k.caseID.String()
	record := into[wire.Record](t, c.get(base+"/record"))
	items := into[wire.Items](t, c.get(base+"/items"))
	if record.Case != k.caseID.String() || len(items.Items) != 2 || !bytes.Contains(record.Record, []byte("S-0001")) {
		t.Errorf("%+v: %.300s", items, record.Record)
	}
	if again := into[wire.Record](t, c.get(base+"/record")); !bytes.Equal(again.Record, record.Record) || again.CheckpointSize != record.CheckpointSize {
		t.Error("the same record, asked for twice, differs")
	}
	judge := func(a answer) *verify.Verdict {
		t.Helper()
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/zip" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		v, err := verify.Verify(t.Context(), bytes.NewReader(a.body), int64(len(a.body)), verify.Options{TrustedLogKeys: []string{s.LogKey.VerifierText()}})
		if err != nil {
			t.Fatal(err)
		}
		if v.Result == verify.NotAuthentic || v.Bundle.Case != k.caseID || !v.Bundle.Pinned {
			t.Errorf("%s: %+v", v.Result, v.Failures)
		}
		return v
	}
	whole := judge(c.get(base + "/bundle?purpose=transfer%20to%20the%20court"))
	if whole.Bundle.Purpose != "transfer to the court" || len(whole.Media) != 1 || len(whole.Record.Items) != 2 {
		t.Errorf("%+v, %d media", whole.Bundle, len(whole.Media))
	}
	var sample string
	for _, i := range items.Items {
		if i.Kind == "sample" {
			sample = i.ID
		}
	}
	if part := judge(c.get(base + "/bundle?items=" + sample)); len(part.Media) != 0 {
		t.Errorf("a bundle of one sample carries %d files", len(part.Media))
	}
	all, _ := c.changes(-1, 1000)
	exported := 0
	for _, typ := range typesOf(t, all) {
		if typ == event.TypeBundleExported {
			exported++
		}
	}
	if exported != 2 {
		t.Errorf("%d exports are on record", exported)
	}
	for name, query := range map[string]string{"no identifier": "items=x", "empty identifier": "items=" + sample + ",", "the same twice": "items=" + sample + "," + sample} {
		if a := c.get(base + "/bundle?" + query); a.status >= 500 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	c.refused("an item of no case", c.get(base+"/bundle?items="+s.Org.String()), wire.CodeNotFound)
	c.refused("a purpose that is a novel", c.get(base+"/bundle?purpose="+string(bytes.Repeat([]byte("p"), 6000))), wire.CodeBadRequest)
	c.refused("a purpose with control characters", c.get(base+"/bundle?purpose=a%00b%ff"), wire.CodeBadRequest)
}
