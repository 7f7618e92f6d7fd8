package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"fieldseal/mobile-contract/device/fieldcli"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// kit is a device as its person uses it: by fieldkit.
type kit struct {
	t     *testing.T
	store string
}

// run gives what a command printed and its exit status.
func (k kit) run(args ...string) (string, int) {
	k.t.Helper()
	var out bytes.Buffer
	status := fieldcli.Run(context.Background(), "test", append([]string{"--store", k.store}, args...),
		fieldcli.Streams{In: strings.NewReader(""), Out: &out, Err: &out, Env: func(string) string { return "" }})
	return out.String(), status
}

func (k kit) ok(args ...string) string {
	k.t.Helper()
	out, status := k.run(args...)
	if status != 0 {
		k.t.Fatalf("fieldkit %v: status %d\n%s", args, status, out)
	}
	return out
}

func (k kit) fails(says string, args ...string) {
	k.t.Helper()
	if out, status := k.run(args...); status == 0 || !strings.Contains(out, says) {
		k.t.Errorf("fieldkit %v: status %d, wanted something on %q\n%s", args, status, says, out)
	}
}

// anomalies counts the alarms.
func (k kit) anomalies() (n int) {
	k.t.Helper()
	out, _ := k.run("status", "--json")
	var st struct {
		Anomalies int `json:"anomalies"`
	}
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		k.t.Fatalf("%v in %s", err, out)
	}
	return st.Anomalies
}

// enrolKit enrols a fieldkit with a one-time code.
func (w *town) enrolKit(prefix string) kit {
	w.t.Helper()
	k := kit{w.t, filepath.Join(w.t.TempDir(), "store")}
	k.ok("enrol", "--server", "http://"+w.at, "--code", code(w.t, w.dir))
	k.ok("sync")
	must(w.t, "--data", w.dir, "admin", "labels", "--login", "liwei", "--prefix", prefix, "--count", "20")
	k.ok("sync")
	return k
}

func succeed(t *testing.T, old string, args ...string) (dir, out string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "next")
	return dir, must(t, append([]string{"--data", dir, "successor", "--old", old, "--origin", "custody.test/log-2"}, args...)...)
}

// serveNext serves a successor.
func serveNext(t *testing.T, dir string) *town {
	t.Helper()
	w := &town{t: t, dir: dir, at: "127.0.0.1:0", files: t.TempDir()}
	w.start()
	t.Cleanup(func() {
		if w.stop != nil {
			w.stop()
		}
	})
	return w
}

// A log is frozen and continued, by the commands as people use them: a device goes
// over and goes on, another one comes late with records that it never handed in.
func TestSuccession(t *testing.T) {
	old := newTown(t, 0)
	must(t, "--data", old.dir, "admin", "rules")
	if out, err := do(t, "a long password", "--data", old.dir, "admin", "password", "liwei"); err != nil {
		t.Fatal(err, out)
	}
	field, late := beforeTheEnd(t, old)
	if _, err := do(t, "", "--data", filepath.Join(t.TempDir(), "x"), "successor", "--old", old.dir, "--origin", "custody.test/log-2"); err == nil || !strings.Contains(err.Error(), "not frozen") {
		t.Errorf("a successor of a log that goes on: %v", err)
	}
	must(t, "--data", old.dir, "freeze", "--reason", "moving to the provincial server")
	field.ok("--case", "2026-017", "note", "captured while there was no log")
	field.fails("has ended", "sync")

	dir, out := succeed(t, old.dir)
	for _, want := range []string{"1 passwords", "2 devices", "1 organisations", "1 rule packs", "2 label blocks", "1 files", "moving to the provincial server"} {
		if !strings.Contains(out, want) {
			t.Errorf("no word of %q in\n%s", want, out)
		}
	}
	if _, err := do(t, "", "--data", dir, "successor", "--old", old.dir, "--origin", "custody.test/log-3"); err == nil || !strings.Contains(err.Error(), "data directory already") {
		t.Errorf("over a successor that is there: %v", err)
	}
	next := serveNext(t, dir)
	must(t, "--data", dir, "fsck", "--media", "--models")
	url := "http://" + next.at

	// The device that was there to the end.
	field.fails("expected is", "successor", "--server", url, "--authority", strings.Repeat("7", 64))
	if out := field.ok("successor", "--server", url); !strings.Contains(out, "custody.test/log-2") {
		t.Error(out)
	}
	field.fails("is the log that this device is pinned to", "successor", "--server", url)
	field.ok("--case", "2026-017", "capture", "sample", "--matrix", "soil", "--seal-no", "S-2")
	field.ok("sync")
	field.ok("sync")
	if out := field.ok("status"); !strings.Contains(out, "custody.test/log ended with") || !strings.Contains(out, "went over to custody.test/log-2") {
		t.Error(out)
	}
	if n := field.anomalies(); n != 0 {
		t.Errorf("%d alarms", n)
	}
	// The one that comes late: the former log proves how it ended.
	late.fails("has ended", "sync")
	late.ok("successor", "--server", url)
	late.ok("--case", "2026-017", "note", "under the new log")
	late.ok("sync")
	late.ok("sync")
	late.ok("status")
	if out := must(t, "--data", dir, "admin", "quarantine"); !strings.Contains(out, "nothing is in quarantine") {
		t.Error(out)
	}
	if out := must(t, "--data", dir, "fsck", "--media", "--models"); !strings.Contains(out, "all is well") {
		t.Error(out)
	}
	labels(t, field.ok("list", "items", "--json"))
	bothLedgers(t, old.dir, dir)
	record(t, url, old.dir, dir)
}

// record asks the next server for the record of the case, as the person whose password
// was carried over: it is the one of a bundle of both ledgers.
func record(t *testing.T, url, old, next string) {
	t.Helper()
	ask := func(method, path, token, body string, into any) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err == nil && r.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s %s: %d %s", method, path, r.StatusCode, text)
		}
		if err == nil {
			err = json.Unmarshal(text, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var tokens struct {
		Access string `json:"access_token"`
	}
	ask(http.MethodPost, "/v1/auth/login", "", `{"login":"liwei","password":"a long password"}`, &tokens)
	file := filepath.Join(t.TempDir(), "case.zip")
	must(t, "--data", next, "bundle", "--case", "2026-017", "--out", file)
	v := verdictOf(t, file, old, next)
	var got struct {
		Record struct {
			Intervals map[string]struct {
				NotAfter time.Time `json:"not_after"`
			} `json:"intervals"`
		} `json:"record"`
	}
	ask(http.MethodGet, "/v1/cases/"+v.Bundle.Case.String()+"/record", tokens.Access, "", &got)
	former := 0
	for id, n := range v.ProvenBy {
		if in, ok := v.Record.Intervals[id]; ok && n == 0 {
			former++
			if at := got.Record.Intervals[id.String()].NotAfter; !at.Equal(in.NotAfter) || at.IsZero() {
				t.Errorf("the server has event %s before %v, the bundle before %v", id, at, in.NotAfter)
			}
		}
	}
	if former == 0 {
		t.Error("nothing is proven by the former ledger")
	}
}

// After a disaster without recovery the log is frozen at what was acknowledged; the
// successor takes over what a backup has, says what must be made anew, and the devices
// bring the rest.
func TestSuccessionAfterDisaster(t *testing.T) {
	old := newTown(t, 0)
	field := old.enrolKit("A-")
	field.ok("case", "open", "--number", "2026-017", "--title", "Drums", "--authority", "City Bureau")
	field.ok("sync")
	backup := old.backup()
	field.ok("--case", "2026-017", "capture", "sample", "--matrix", "water", "--seal-no", "S-1")
	field.ok("sync")
	lateOne := old.enrolKit("B-") // enrolled after the backup
	lateOne.ok("--case", "2026-017", "note", "seen")
	lateOne.ok("sync")
	field.ok("sync")
	old.lose()
	if err := os.Rename(backup, old.db()); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, "", "--data", old.dir, "freeze", "--reason", "the machine burnt"); err == nil || !strings.Contains(err.Error(), "--lost") {
		t.Errorf("a log whose database is too old was frozen: %v", err)
	}
	must(t, "--data", old.dir, "freeze", "--lost", "--reason", "the machine burnt")
	dir, out := succeed(t, old.dir)
	for _, want := range []string{"must be made anew", "another prefix", "1 devices", "the machine burnt"} {
		if !strings.Contains(out, want) {
			t.Errorf("no word of %q in\n%s", want, out)
		}
	}
	next := serveNext(t, dir)
	url := "http://" + next.at
	field.ok("successor", "--server", url)
	field.ok("sync")
	field.ok("sync")
	if n := field.anomalies(); n != 0 {
		t.Errorf("%d alarms", n)
	}
	field.ok("status")
	lateOne.fails("does not know this device", "successor", "--server", url)
	if out := must(t, "--data", dir, "fsck", "--models"); !strings.Contains(out, "all is well") {
		t.Error(out)
	}
	alone := filepath.Join(t.TempDir(), "alone.zip")
	must(t, "--data", dir, "bundle", "--case", "2026-017", "--out", alone)
	if v := verdictOf(t, alone, dir); v.Result == verify.NotAuthentic || !strings.Contains(fmt.Sprint(v.Notes), "FORMER_NOT_SHOWN") {
		t.Errorf("%s, %+v", v.Result, v.Notes)
	}
	reconfigure(t, dir, func(c *Config) { c.Former = old.dir })
	if _, err := do(t, "", "--data", dir, "bundle", "--case", "2026-017", "--out", alone); err == nil || !strings.Contains(err.Error(), "--alone") {
		t.Errorf("a bundle with a former ledger that is lost: %v", err)
	}
	withArchive(t, old.dir, lateOne)
	// With nothing of the database left, people name the authority themselves.
	bare := newTown(t, 0)
	bare.lose()
	must(t, "--data", bare.dir, "freeze", "--lost", "--reason", "stolen")
	to := filepath.Join(t.TempDir(), "next")
	if _, err := do(t, "", "--data", to, "successor", "--old", bare.dir, "--origin", "custody.test/log-2"); err == nil || !strings.Contains(err.Error(), "--name") {
		t.Errorf("%v", err)
	}
	if out := must(t, "--data", to, "successor", "--old", bare.dir, "--origin", "custody.test/log-2", "--name", "City Environment Bureau"); !strings.Contains(out, "0 organisations") {
		t.Error(out)
	}
}

// withArchive opens another successor with the archive of a device that was enrolled
// after the backup: that one comes along.
func withArchive(t *testing.T, old string, lateOne kit) {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "late.zip")
	lateOne.ok("export", "archive", archive)
	better := filepath.Join(t.TempDir(), "better")
	out := must(t, "--data", better, "successor", "--old", old, "--origin", "custody.test/log-3", archive)
	if !strings.Contains(out, "2 devices") || !strings.Contains(out, "2 label blocks") || strings.Contains(out, "not carried over from") {
		t.Error(out)
	}
	second := serveNext(t, better)
	lateOne.ok("successor", "--server", "http://"+second.at)
	lateOne.ok("sync")
	lateOne.ok("sync")
	if out := must(t, "--data", better, "fsck", "--models"); !strings.Contains(out, "all is well") {
		t.Error(out)
	}
	if out := must(t, "--data", better, "admin", "quarantine"); !strings.Contains(out, "nothing is in quarantine") {
		t.Error(out)
	}
}

// A last checkpoint that the log's witnesses have not cosigned is begun with only on
// demand, and what an attempt left that was cut short is not taken for a data directory.
func TestSuccessorRefuses(t *testing.T) {
	old := newData(t)
	told := make(chan string, 10)
	reconfigure(t, old, func(c *Config) {
		c.Witnesses = append(c.Witnesses, witnessAt(t, "police.test/w", readLogKey(t, old), told))
	})
	must(t, "--data", old, "freeze", "--reason", "moving")
	to := filepath.Join(t.TempDir(), "next")
	args := []string{"--data", to, "successor", "--old", old, "--origin", "custody.test/log-2"}
	if _, err := do(t, "", args...); err == nil || !strings.Contains(err.Error(), "--unwitnessed") {
		t.Errorf("without a cosignature: %v", err)
	}
	if _, err := do(t, "", "--data", to, "successor", "--old", old, "--origin", "custody.test/log", "--unwitnessed"); err == nil || !strings.Contains(err.Error(), "a name of its own") {
		t.Errorf("under the former name: %v", err)
	}
	if out := must(t, append(args, "--unwitnessed", "--unendorsed", "--share-media")...); !strings.Contains(out, "does not vouch") {
		t.Error(out)
	}
	cfg, err := loadConfig(to)
	if err != nil || cfg.Media != filepath.Join(old, "media") || cfg.Former != old {
		t.Errorf("%+v, %v", cfg, err)
	}
	must(t, "--data", to, "fsck", "--media", "--models")
	if err := os.Remove(filepath.Join(to, configName)); err != nil {
		t.Fatal(err)
	}
	if _, err := do(t, "", append(args, "--unwitnessed")...); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("over what an attempt left: %v", err)
	}
	// A database that somebody has changed is not carried over.
	if err := removeDB(filepath.Join(to, "fieldseal.sqlite")); err != nil {
		t.Fatal(err)
	}
	change(t, filepath.Join(old, "fieldseal.sqlite"))
	if _, err := do(t, "", "--data", filepath.Join(t.TempDir(), "other"), "successor", "--old", old, "--origin", "custody.test/log-3", "--unwitnessed"); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("from a damaged database: %v", err)
	}
}

// change raises a person of a database to another role, under the authority's feet.
func change(t *testing.T, path string) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Driver: store.SQLite, Path: path})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Write(t.Context(), func(tx *store.Tx) error {
		var line []byte
		var idx int64
		if _, err := tx.Get("SELECT idx, line FROM events WHERE type = $1 LIMIT 1", store.Args(string(event.TypePersonRegistered)), &idx, &line); err != nil {
			return err
		}
		env, err := seal.ParseEnvelope(line)
		if err != nil {
			return err
		}
		env.Payload = bytes.Replace(env.Payload, []byte("inspector"), []byte("admin"), 1)
		_, err = tx.Exec("UPDATE events SET line = $1 WHERE idx = $2", env.Encode(), idx)
		return err
	})
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
}

// verdictOf verifies a bundle with trust in the authorities of data directories.
func verdictOf(t *testing.T, file string, dirs ...string) *verify.Verdict {
	t.Helper()
	var o verify.Options
	for _, dir := range dirs {
		k, err := loadAuthorityKey(filepath.Join(dir, "keys"))
		if err != nil {
			t.Fatal(err)
		}
		o.TrustedAuthorities = append(o.TrustedAuthorities, event.Digest(k.Public().ID()))
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	v, err := verify.Verify(t.Context(), bytes.NewReader(data), int64(len(data)), o)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// bothLedgers makes bundles of the case and verifies them.
func bothLedgers(t *testing.T, old, next string) {
	t.Helper()
	file := func(name string) string { return filepath.Join(t.TempDir(), name) }
	former, both, given, alone := file("former.zip"), file("both.zip"), file("given.zip"), file("alone.zip")
	must(t, "--data", old, "bundle", "--case", "2026-017", "--out", former)
	if out := must(t, "--data", next, "bundle", "--case", "2026-017", "--out", both); !strings.Contains(out, "a key of each authority") {
		t.Error(out)
	}
	must(t, "--data", next, "bundle", "--case", "2026-017", "--out", both+".2") // with what the first has kept
	must(t, "--data", next, "bundle", "--case", "2026-017", "--out", given, "--former", former)
	must(t, "--data", next, "bundle", "--case", "2026-017", "--out", alone, "--alone")
	for _, file := range []string{both, both + ".2", given} {
		v := verdictOf(t, file, old, next)
		if v.Result == verify.NotAuthentic || len(v.Ledgers) != 2 || v.Ledgers[0].Events == 0 || v.Ledgers[1].Events == 0 {
			t.Errorf("%s: %s, %+v, %v", file, v.Result, v.Ledgers, v.Failures)
		}
		for _, n := range v.Notes {
			if n.Code == "SEEN_FORMER_LOG" && file != given || n.Code == "SUCCESSION_NOT_ENDORSED" {
				t.Errorf("%s: %s", file, n.Text.EN)
			}
		}
		samples := 0
		for _, it := range v.Record.Items {
			if it.Ref.Kind == "sample" {
				samples++
			}
		}
		if samples != 2 {
			t.Errorf("%d samples in the record", samples)
		}
	}
	if v := verdictOf(t, alone, next); v.Result == verify.NotAuthentic || v.Ledgers != nil {
		t.Errorf("alone: %s, %+v", v.Result, v.Failures)
	}
	if v := verdictOf(t, both, next); v.Result != verify.NotAuthentic {
		t.Errorf("with trust in the next authority alone: %s", v.Result)
	}
	// One exhibit that only the next ledger has, and one that both have.
	for _, item := range []string{"A-000001", "A-000002"} {
		out := file(item + ".zip")
		must(t, "--data", next, "bundle", "--case", "2026-017", "--item", item, "--out", out)
		if v := verdictOf(t, out, old, next); v.Result == verify.NotAuthentic || (len(v.Ledgers) == 2) != (item == "A-000001") {
			t.Errorf("%s: %s, %+v, %v", item, v.Result, v.Ledgers, v.Failures)
		}
	}
}

// beforeTheEnd captures a case with two devices, one of which does not hand in all.
func beforeTheEnd(t *testing.T, old *town) (field, late kit) {
	t.Helper()
	field, late = old.enrolKit("A-"), old.enrolKit("B-")
	field.ok("case", "open", "--number", "2026-017", "--title", "Drums", "--authority", "City Bureau")
	photo := filepath.Join(t.TempDir(), "talk.txt")
	if err := os.WriteFile(photo, []byte("he said"), 0o600); err != nil {
		t.Fatal(err)
	}
	field.ok("--case", "2026-017", "capture", "file", photo, "--kind", "interview", "--title", "driver")
	field.ok("--case", "2026-017", "capture", "sample", "--matrix", "water", "--seal-no", "S-1")
	field.ok("sync")
	late.ok("sync")
	late.ok("--case", "2026-017", "note", "seen under the old log, never handed in")
	field.ok("--case", "2026-017", "note", "the last one that the old log takes")
	field.ok("sync")

	return field, late
}

// labels requires that no label was given twice.
func labels(t *testing.T, things string) {
	t.Helper()
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`"label":\s*"([A-Z]-\d+)"`).FindAllStringSubmatch(things, -1) {
		if seen[m[1]] {
			t.Errorf("the label %s was given twice", m[1])
		}
		seen[m[1]] = true
	}
	if len(seen) != 2 {
		t.Errorf("%d labels in %s", len(seen), things)
	}
}
