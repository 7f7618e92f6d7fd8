package device

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// Every line of every status is a whole sentence in both languages, and says nothing twice wrongly.
func TestWords(t *testing.T) {
	full := &Status{
		Identity: &Identity{}, Events: map[State]int64{StateProven: 5, StateLocal: 3, StateSent: 2, StateReceipted: 1, StateQuarantined: 1},
		Waiting:     []Event{{Seq: 9, Type: "note.written", Detail: "too large"}},
		Quarantined: []Event{{Seq: 1, Code: "REVOKED_KEY"}, {Seq: 2, Code: "FORK"}, {Seq: 3, Code: "BAD_SIGNATURE"}, {Seq: 4, Code: "FUTURE_SCHEMA"}, {Seq: 5, Code: "OTHER"}},
		Pending:     1, Hold: "older", Media: map[MediaState]MediaCount{MediaSent: {Files: 2}, MediaHeld: {Files: 1}},
		MediaFiles:    []MediaFile{{State: MediaWaiting, Uploaded: 40, LastError: "broken"}, {State: MediaWaiting}, {State: MediaRefused}, {State: MediaDamaged}},
		OpenHandovers: 1, UncheckedPeers: 1, Carried: 1, Drafts: 1, LabelsLeft: 2, ClockOffsetMS: -90_000,
		LastSync: &SyncRun{Started: "now", Outcome: "offline", Detail: "no network"}, Anomalies: []Anomaly{{N: 1, Kind: FaultForkedLog, Detail: "two trees"}}, DiskFree: 5 << 20,
	}
	full.MediaFiles[0].Name, full.MediaFiles[0].Size = "a.jpg", 100
	states := []*Status{full, {}, {Identity: &Identity{}, DiskFree: -1, LabelsLeft: 100}, {Identity: &Identity{}, LastSync: &SyncRun{Outcome: "done", Ended: "now"}}}
	for _, st := range states {
		en, zh := st.Words(English), st.Words(Chinese)
		if len(en) != len(zh) || len(en) == 0 {
			t.Fatalf("%d lines in English, %d in Chinese", len(en), len(zh))
		}
		for i := range en {
			for _, l := range []Line{en[i], zh[i]} {
				if strings.Contains(l.Text, "%!") || l.Text == "" || l.Level != en[i].Level {
					t.Errorf("%q", l.Text)
				}
			}
			if strings.Contains(zh[i].Text, "the ") && !strings.ContainsAny(zh[i].Text, "。，") {
				t.Errorf("not Chinese: %q", zh[i].Text)
			}
		}
	}
	all := ""
	for _, l := range full.Words(English) {
		all += l.Text
	}
	for _, want := range []string{`File "a.jpg": 40 % of 100 B sent (last time: broken)`, "ALARM 1", "5 records are proven", "off by -90 s", "2 records are only on this device"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says %q in %s", want, all)
		}
	}
	if !strings.Contains(full.Words(Chinese)[lineOf(full, "a.jpg")].Text, "100 B 已发送 40%（上次：broken）") {
		t.Errorf("%q", full.Words(Chinese)[lineOf(full, "a.jpg")].Text)
	}
	if ParseLang("zh_CN.UTF-8") != Chinese || ParseLang("zh") != Chinese || ParseLang("en_GB") != English || ParseLang("") != English {
		t.Error("a locale was misread")
	}
}

func lineOf(st *Status, what string) int {
	for i, l := range st.Words(English) {
		if strings.Contains(l.Text, what) {
			return i
		}
	}
	return 0
}

func TestSafe(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	safe := func() bool {
		st, err := s.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.Safe()
	}
	if safe() {
		t.Error("safe before the first sync")
	}
	prepare(t, s)
	if _, err := s.Sync(t.Context(), SyncOptions{Client: f.client(), DataOnly: true}); err != nil {
		t.Fatal(err)
	}
	if safe() || len(f.media) != 0 {
		t.Error("safe without the photo")
	}
	f.mustSync(s)
	f.mustSync(s)
	if !safe() {
		st, _ := s.Status(t.Context())
		t.Errorf("not safe: %+v", st)
	}
}

// An archive holds everything, as exact bytes, with proofs that hold, and no key.
func TestExportArchive(t *testing.T) {
	f := newFake(t)
	a, b := f.enrolled("a"), f.enrolled("b")
	prepare(t, a)
	f.mustSync(a)
	f.mustSync(b)
	k := openCase(t, b, "2")
	writeNote(t, b, k, "not yet sent")
	f.mustSync(a)
	for _, s := range []*Store{a, b} {
		var buf bytes.Buffer
		if err := s.ExportArchive(t.Context(), &buf); err != nil {
			t.Fatal(err)
		}
		z, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
		if err != nil {
			t.Fatal(err)
		}
		members := map[string][]byte{}
		for _, m := range z.File {
			r, err := m.Open()
			if err != nil {
				t.Fatal(err)
			}
			if members[m.Name], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		checkSums(t, members)
		var lines []string
		for _, e := range checkChain(t, s) {
			lines = append(lines, string(e.Line))
		}
		if string(members["events.ndjson"]) != strings.Join(lines, "\n")+"\n" {
			t.Error("events.ndjson does not hold the exact lines")
		}
		proofs, entries := 0, checkEntries(t, s, members["entries.json"])
		for name, data := range members {
			if strings.HasPrefix(name, "proofs/") {
				proofs++
				p, err := ledger.ParseProof(data)
				if err != nil {
					t.Fatal(err)
				}
				leaf, _, err := p.VerifyLeaf(f.logKey.Verifier())
				if e := entries[int64(p.Index)]; err != nil || e.Kind != int64(leaf.Kind) || e.ReceivedUS != int64(leaf.Received) {
					t.Errorf("the leaf is %+v, entries.json says %+v, %v", leaf, e, err)
				}
			}
			if strings.Contains(string(data), "PRIVATE") {
				t.Errorf("%s holds a private key", name)
			}
		}
		if proofs != states(t, s)[StateProven] || proofs == 0 {
			t.Errorf("%d proofs for %d proven events", proofs, states(t, s)[StateProven])
		}
	}
}

// checkEntries gives entries.json by index: one for every line whose place is known.
func checkEntries(t *testing.T, s *Store, data []byte) map[int64]exportedEntry {
	t.Helper()
	var list []exportedEntry
	if err := json.Unmarshal(data, &list, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
	by := map[int64]exportedEntry{}
	for _, e := range list {
		by[e.Index] = e
	}
	var own, pulled int
	err := s.read(t.Context(), func(x *tx) error {
		return x.row(`SELECT (SELECT count(*) FROM receipts), (SELECT count(*) FROM pulled WHERE idx IS NOT NULL)`).Scan(&own, &pulled)
	})
	if err != nil || len(by) != own+pulled || own == 0 || pulled == 0 {
		t.Errorf("%d places, of %d own lines and %d pulled ones, %v", len(by), own, pulled, err)
	}
	return by
}

func checkSums(t *testing.T, members map[string][]byte) {
	t.Helper()
	sums := string(members["SHA256SUMS"])
	delete(members, "SHA256SUMS")
	if n := strings.Count(sums, "\n"); n != len(members) {
		t.Errorf("%d sums for %d members", n, len(members))
	}
	for _, line := range strings.Split(strings.TrimSpace(sums), "\n") {
		want, name, _ := strings.Cut(line, "  ")
		if h := sha256.Sum256(members[name]); hex.EncodeToString(h[:]) != want {
			t.Errorf("%s has another digest than SHA256SUMS says", name)
		}
	}
}

// Diagnostics hold no content, no name and no secret, and see a damaged chain.
func TestDiagnostics(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "SECRET-CASE")
	writeNote(t, s, k, "SECRET-TEXT")
	attach(t, s, k, []byte("x"), "SECRET-NAME.txt")
	f.mustSync(s)
	var buf bytes.Buffer
	if err := s.Diagnostics(t.Context(), &buf); err != nil {
		t.Fatal(err)
	}
	out := buf.String()
	key, err := os.ReadFile(filepath.Join(s.Dir(), keyName))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range append(strings.Fields(string(key)), "SECRET", "Person of a", "Bearer") {
		if len(secret) > 5 && strings.Contains(out, secret) {
			t.Errorf("the diagnostics hold %.20q", secret)
		}
	}
	for _, want := range []string{`"chain": "whole"`, `"key_usable": "yes"`, `"proven": 5`, `"ok"`} {
		if !strings.Contains(out, want) {
			t.Errorf("nothing says %s in %s", want, out)
		}
	}
	if err := s.VerifyChain(t.Context()); err != nil {
		t.Error(err)
	}
	list := checkChain(t, s)
	e := must(seal.ParseEnvelope(list[2].Line))
	e.Payload = bytes.Replace(e.Payload, []byte("SECRET-TEXT"), []byte("CHANGED-TXT"), 1)
	if _, err := s.w.Exec(`UPDATE events SET line = $1 WHERE seq = 3`, e.Encode()); err != nil {
		t.Fatal(err)
	}
	buf.Reset()
	if err := s.Diagnostics(t.Context(), &buf); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(buf.String(), "event 3 does not verify") || s.VerifyChain(t.Context()) == nil {
		t.Errorf("a changed event was not noticed: %s", buf.String())
	}
}
