package fieldcli_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"fieldseal/api/server/servertest"
	"fieldseal/mobile-contract/device/fieldcli"
	"fieldseal/sync/event"

	"github.com/go-json-experiment/json"
)

// kit is one device's fieldkit.
type kit struct {
	t     *testing.T
	store string
	env   map[string]string
	in    io.Reader
	ctx   context.Context
}

func newKit(t *testing.T) *kit {
	return &kit{t: t, store: filepath.Join(t.TempDir(), "store"), env: map[string]string{}, in: strings.NewReader(""), ctx: t.Context()}
}

// run gives what a command printed and its exit status.
func (k *kit) run(args ...string) (out, errOut string, status int) {
	k.t.Helper()
	var o, e bytes.Buffer
	status = fieldcli.Run(k.ctx, "test", append([]string{"--store", k.store}, args...), fieldcli.Streams{In: k.in, Out: &o, Err: &e,
		Env: func(name string) string { return k.env[name] }})
	return o.String(), e.String(), status
}

// ok is run for a command that must succeed.
func (k *kit) ok(args ...string) string {
	k.t.Helper()
	out, errOut, status := k.run(args...)
	if status != 0 {
		k.t.Fatalf("fieldkit %s: status %d\n%s%s", strings.Join(args, " "), status, out, errOut)
	}
	return out
}

// fails is run for a command that must not succeed, and must say something.
func (k *kit) fails(status int, says string, args ...string) {
	k.t.Helper()
	out, errOut, got := k.run(args...)
	if got != status || !strings.Contains(out+errOut, says) {
		k.t.Errorf("fieldkit %s: status %d, want %d and something on %q\n%s%s", strings.Join(args, " "), got, status, says, out, errOut)
	}
}

// object is the JSON of a command.
func (k *kit) object(args ...string) map[string]any {
	k.t.Helper()
	return parse[map[string]any](k.t, k.ok(append(args, "--json")...))
}

func (k *kit) array(args ...string) []map[string]any {
	k.t.Helper()
	return parse[[]map[string]any](k.t, k.ok(append(args, "--json")...))
}

func parse[T any](t *testing.T, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

// member walks into a decoded document.
func member(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

// enrolled is a kit enrolled for a new person.
func enrolled(t *testing.T, s *servertest.Server, name string, org event.UUID, roles ...event.Role) *kit {
	t.Helper()
	k := newKit(t)
	_, code := s.Person(name, org, roles...)
	got := k.object("enrol", "--server", s.URL, "--code", code, "--authority", s.Authority.Public().ID().String())
	id, err := event.ParseUUID(member(got, "device").(string))
	if err != nil {
		t.Fatal(err)
	}
	s.Labels(id, name[:1]+"-", 1, 200)
	k.ok("sync")
	return k
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A whole case by command line: scene, parties, things, samples, air, a handover to a
// laboratory, results and signatures, storage, hold, dossier; all proven at the end.
func TestWholeCase(t *testing.T) {
	s := servertest.Start(t)
	lab := s.AddOrg("lab")
	s.Person("Zhang Min", s.Org)
	li := enrolled(t, s, "Li Wei", s.Org)
	bench := enrolled(t, s, "Wang Fang", lab, event.RoleAnalyst)

	li.ok("case", "open", "--number", "2026-017", "--title", "Drums by the canal", "--authority", "City Bureau", "--linked-case", "2025-1")
	li.ok("site", "add", "--name", "Yard", "--fix", "31.1234567,121.4737021,WGS-84,4", "--fix-source", "gnss",
		"--officer", "Li Wei", "--officer", "Zhang Min", "--weather", "rain", "--wind-m-s", "2.5", "--outline", "31.1,121.4;31.2,121.4;31.2,121.5")
	li.ok("party", "add", "--kind", "company", "--name", "Dye Works")
	li.ok("object", "add", "--kind", "barrel", "--label", "drum 3", "--identifier", "marking=D3", "--site", "Yard", "--held")
	li.ok("link", "add", "--from", "object:drum 3", "--to", "Dye Works", "--relation", "filled at", "--basis", "label on the drum")
	li.ok("quantity", "add", "--party", "Dye Works", "--waste", "solvent", "--tier", "weighed", "--net-kg", "920.50", "--from", "2026-11-20T08:00:00+08:00")
	sample := li.object("capture", "sample", "--matrix", "water", "--point", "outfall 2", "--amount", "500 mL", "--container", "HDPE", "--container-lot", "7",
		"--preservative", "HNO3", "--ph", "1.80", "--seal-no", "S-1", "--analyse", "metals=HJ776", "--parameter", "temperature=14.2 Cel", "--second-sampler", "Zhang Min",
		"--site", "Yard", "--waste", "drum 3", "--depth", "0.5", "--party", "Dye Works", "--party-signing", "refused", "--party-reason", "would not")
	label := member(sample, "body", "label").(string)
	if label != "L-000001" || member(sample, "body", "ph", "n") != 180.0 || member(sample, "body", "depth_mm") != 500.0 ||
		member(sample, "body", "party", "signing") != "refused" || member(sample, "body", "amount", "unit") != "mL" {
		t.Errorf("sample %v", sample)
	}
	split := li.object("capture", "split", label, "--seal-no", "S-2", "--container", "glass")
	if member(split, "body", "qc") != "split" || member(split, "body", "matrix") != "water" || member(split, "body", "point") != "outfall 2" || member(split, "body", "seal_no") != "S-2" {
		t.Errorf("split %v", split)
	}
	blank := li.object("capture", "blank", "trip", "--matrix", "water", "--cooler", "C-1")
	if member(blank, "body", "qc") != "trip_blank" {
		t.Errorf("blank %v", blank)
	}
	li.ok("note", "smell of solvent", "--about", "site:Yard")
	li.ok("capture", "file", write(t, "talk.txt", "he said"), "--kind", "interview", "--title", "driver")
	li.ok("instrument", "add", "--make", "RAE", "--serial", "594", "--sensor", "pid", "--unit", "ppb", "--range-high", "10000")
	li.ok("instrument", "check", "RAE 594", "--kind", "bump", "--pass", "yes", "--observed", "985", "--unit", "ppb")
	li.ok("seal", label, "--new-seal", "S-9", "--reason", "opened to measure")

	offerFile := filepath.Join(t.TempDir(), "offer.txt")
	text := li.ok("handover", "offer", label, "--item", "L-000002", "--to", "City Laboratory", "--purpose", "analysis", "--place", "door", "--seals", "intact", "--seal", "L-000002=broken")
	if err := os.WriteFile(offerFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(bench.ok("handover", "peek", offerFile), label) {
		t.Error("a peek does not show the items")
	}
	bench.fails(2, "--count", "handover", "accept", offerFile, "--as-offered")
	answer := bench.ok("handover", "accept", offerFile, "--as-offered", "--seal", "L-000002=intact:S-2", "--count", "2", "--temp-c", "4.1")
	if again := bench.ok("handover", "accept", offerFile, "--as-offered", "--count", "2"); again != answer {
		t.Error("the same offer accepted twice gave two answers")
	}
	li.in = strings.NewReader(answer)
	if out := li.ok("handover", "conclude"); !strings.Contains(out, "concluded") {
		t.Errorf("conclude: %s", out)
	}
	li.ok("handover", "conclude", answer)

	li.ok("sync")
	bench.ok("sync")
	bench.env["FIELDKIT_CASE"] = member(sample, "case").(string)
	bench.ok("lab", "checkin", label, "--label-agrees", "yes", "--on-ice", "yes", "--seal", "intact", "--container-intact", "yes", "--ph-ok", "yes",
		"--cooler-temp-c", "4.1", "--hold-hours-left", "-3", "--decision", "accept", "--lab-id", "E-1")
	bench.ok("lab", "subsample", label, "--kind", "digest", "--mass-in", "500", "--mass-out", "10.02", "--unit", "g")
	bench.ok("lab", "results", "enter", "--report-no", "R-1", "--result", label+",Cadmium,HJ 776,0.182,mg/L,cas=7440-43-9,mdl=0.005,analysed_on=2026-11-25",
		"--result", label+",Lead,HJ 776,<0.01,mg/L,qualifier=U")
	bench.ok("lab", "sign", "R-1", "--as", "analyst")
	bench.ok("storage", label, "--move", "in", "--location", "cold room", "--reason", "kept")
	hold := bench.object("hold", "place", label, "--authority", "Court", "--reason", "trial")
	bench.ok("hold", "release", member(hold, "body", "hold").(string), "--authority", "Court", "--reason", "over")
	dossier := li.object("dossier", "compiled", "--document", "transfer_letter=Letter=yes")
	li.ok("dossier", "sent", "--dossier", member(dossier, "body", "dossier").(string), "--to", "Police", "--pay-due", "2026-12-31")
	li.ok("waiver", "TEMP_OUT_OF_RANGE", "--about", label, "--authority", "Bureau", "--reason", "same day")
	bench.ok("dispose", label, "--authority", "order 1", "--hold-checked", "yes", "--method", "incineration")

	for range 2 {
		li.ok("sync")
		bench.ok("sync")
	}
	for _, k := range []*kit{li, bench} {
		st := k.object("status")
		if st["safe"] != true {
			t.Errorf("not safe: %v", st["lines"])
		}
		for _, e := range k.array("list", "events") {
			if e["state"] != "proven" {
				t.Errorf("event %v", e)
			}
		}
	}
	if things := li.object("list"); len(things["cases"].([]any)) != 1 || len(things["things"].([]any)) < 8 {
		t.Errorf("list %v", things)
	}
}

// Both spellings of a command that takes one thing, and short names, do the same.
func TestOtherSpellings(t *testing.T) {
	s := servertest.Start(t)
	k := enrolled(t, s, "Li Wei", s.Org)
	k.ok("case", "open", "--number", "1", "--title", "t", "--authority", "a")
	k.ok("capture", "sample", "--matrix", "water", "--analyses", `[{"group":"metals"}]`, "--container", `{"material":"HDPE"}`, "--amount", `{"value":{"n":5,"s":1},"unit":"L"}`)
	k.ok("seal", "apply", "--item", "sample:L-000001", "--new-seal", "C-2", "--reason", "x")
	k.ok("storage", "move", "--item", "sample:L-000001", "--move", "in", "--location", "l", "--reason", "r")
	k.ok("dossier", "step", "--step", "compiled")
	k.ok("waiver", "grant", "--defect", "LATE_SYNC", "--reason", "r")
	note := k.object("note", "--text", "x")
	k.ok("amend", "--target", note["id"].(string), "--reason", "r", "--changes", `[{"path":"/text","old":"\"x\"","new":"\"y\""}]`)
	k.ok("instrument", "add", "--make", "Sensit", "--serial", "0000", "--sensor", "pid")
	k.ok("instrument", "check", "--instrument", "0000", "--kind", "zero", "--pass", "yes")
	k.ok("lab", "checkin", "--sample", "L-000001", "--label-read", "L-000001", "--label-agrees", "yes", "--on-ice", "yes", "--seal", "intact",
		"--container-intact", "yes", "--ph-ok", "yes", "--decision", "accept", "--lab-id", "E-1")
	k.ok("lab", "subsample", "--parent", "sample:L-000001", "--kind", "aliquot", "--label", "L-000001/a")
	k.ok("hold", "place", "--items", `[{"kind":"sample","id":"`+s.ID().String()+`"}]`, "--authority", "a", "--reason", "r")
	offer := k.ok("handover", "offer", "--item", "sample:L-000001=intact", "--to", "x", "--purpose", "p", "--place", "q")
	other := enrolled(t, s, "Zhao Min", s.Org)
	other.in = strings.NewReader(offer)
	k.ok("handover", "conclude", other.ok("handover", "accept", "--item", "sample:L-000001=C-2=intact"))
	k.ok("file", write(t, "a.txt", "x"), "--kind", "other", "--title", "t")
	k.ok("object", "add", "--kind", "vehicle", "--label", "truck", "--identifiers", `[{"kind":"plate","value":"A1"}]`)
	k.ok("link", "add", "--from", "object:truck", "--to", "sample:L-000001", "--relation", "r", "--basis", "b")
	k.ok("site", "add", "--name", "y", "--centre", `{"lat_e7":1,"lon_e7":2,"datum":"WGS-84","source":"gnss"}`, "--officers", `[{"name":"A"},{"name":"B"}]`)
	k.ok("results", "--report-no", "R", "--result", "L-000001,Lead,M,1.0,mg/L")
	k.ok("sign", "R", "--as", "reviewer")
	if len(k.array("show")) != len(k.array("list", "events")) {
		t.Error("show without a name does not list the records")
	}
}

// Bodies from files, with flags over them.
func TestFromFile(t *testing.T) {
	s := servertest.Start(t)
	k := enrolled(t, s, "Li Wei", s.Org)
	k.ok("case", "open", "--number", "1", "--title", "t", "--authority", "a")
	path := write(t, "sample.json", `{"matrix":"soil","seal_no":"A","point":"p1","analyses":[{"group":"voa"}]}`)
	got := k.object("capture", "sample", "--from", path, "--seal-no", "B")
	if member(got, "body", "seal_no") != "B" || member(got, "body", "point") != "p1" || member(got, "body", "matrix") != "soil" {
		t.Errorf("%v", got)
	}
	k.in = strings.NewReader(`{"text":"from standard input"}`)
	k.ok("note", "--body", "-")
	k.fails(2, "unknown", "capture", "sample", "--from", write(t, "bad.json", `{"matrix":"soil","colour":"red"}`))
	k.fails(2, "must be one of", "capture", "sample", "--matrix", "lava")
	k.fails(2, "--ph", "capture", "sample", "--matrix", "soil", "--ph", "1,8")
	k.fails(2, "coordinate system", "note", "x", "--fix", "31.1,121.4,BD-09")
	k.fails(2, "LAT,LON,DATUM", "note", "x", "--fix", "31.1,121.4")
	k.fails(2, "no site is called so", "capture", "sample", "--matrix", "soil", "--site", "Nowhere")
	k.fails(2, "answer", "capture", "photo", filepath.Join(t.TempDir(), "none.jpg"), "--shows", "x", "--seal-visible", "answer")
}

func TestAmendAndVoid(t *testing.T) {
	s := servertest.Start(t)
	k := enrolled(t, s, "Li Wei", s.Org)
	k.ok("case", "open", "--number", "1", "--title", "t", "--authority", "a")
	saved := k.object("capture", "sample", "--matrix", "water", "--seal-no", "S-1", "--analyse", "metals")
	seq := strings.TrimSuffix(strings.TrimSpace(jsonText(t, saved["seq"])), ".0")
	got := k.object("amend", seq, "--text", "/seal_no=S-2", "--set", `/analyses/0/method="HJ 776"`, "--reason", "misread")
	changes := member(got, "body", "changes").([]any)
	if len(changes) != 2 || member(changes[0], "old") != `"S-1"` || member(changes[0], "new") != `"S-2"` || member(changes[1], "path") != "/analyses/0/method" {
		t.Errorf("changes %v", changes)
	}
	if got["case"] != saved["case"] {
		t.Error("the amendment is in another case")
	}
	k.fails(2, "not be a valid", "amend", seq, "--text", "/matrix=lava", "--reason", "x")
	k.fails(2, "no such member", "amend", seq, "--remove", "/hazard", "--reason", "x")
	k.fails(2, "what is to be changed", "amend", seq, "--reason", "x")
	k.fails(2, "reason", "amend", seq, "--text", "/point=p")
	k.ok("void", saved["id"].(string), "--reason", "wrong case")
	if items := k.array("list", "items", "--kind", "sample"); len(items) != 1 || items[0]["void"] != true {
		t.Errorf("items %v", items)
	}
}

func jsonText(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestStatusesAndTexts(t *testing.T) {
	s := servertest.Start(t)
	k := newKit(t)
	k.fails(2, "fieldkit --store DIR init", "status")
	k.ok("init")
	k.fails(2, "a store here already", "init")
	k.fails(1, "not enrolled", "status")
	k.fails(2, "enrol", "case", "open", "--number", "1", "--title", "t", "--authority", "a")
	k.fails(2, "fingerprint", "enrol", "--server", s.URL, "--code", "ABCD", "--authority", "zz")
	_, code := s.Person("Li Wei", s.Org)
	k.fails(2, "expected is", "enrol", "--server", s.URL, "--code", code, "--authority", strings.Repeat("a", 64))
	k.fails(2, "all zeros", "enrol", "--server", s.URL, "--code", code, "--authority", strings.Repeat("0", 64))
	k.ok("enrol", "--server", s.URL, "--code", code)
	k.fails(2, "no case is on this device", "note", "x")
	k.ok("case", "open", "--number", "1", "--title", "t", "--authority", "a")
	k.ok("case", "open", "--number", "2", "--title", "t", "--authority", "a")
	k.fails(2, "name one with --case", "note", "x")
	k.ok("note", "x", "--case", "1")
	k.fails(2, "label numbers", "capture", "sample", "--matrix", "soil", "--case", "1")
	k.fails(1, "only on this device", "status")
	k.fails(1, "仅存于本设备", "status", "--lang", "zh")
	k.env["LANG"] = "zh_CN.UTF-8"
	k.fails(1, "仅存于本设备", "status")
	s.Stop()
	k.fails(2, "safe here", "sync")
	k.fails(2, `"error"`, "note", "--json", "--case", "1")
}

func TestExports(t *testing.T) {
	s := servertest.Start(t)
	k := enrolled(t, s, "Li Wei", s.Org)
	dir := t.TempDir()
	archive := filepath.Join(dir, "a.zip")
	k.ok("export", "archive", archive)
	k.fails(2, "exists", "export", "archive", archive)
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if out := k.ok("export", "diagnostics", "-"); parse[map[string]any](t, out)["chain"] != "whole" {
		t.Errorf("%s", out)
	}
	if got := k.array("anomaly", "list"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	k.fails(2, "no anomaly", "anomaly", "acknowledge", "1")
}

func TestDecline(t *testing.T) {
	s := servertest.Start(t)
	a, b := enrolled(t, s, "Li Wei", s.Org), enrolled(t, s, "Wang Fang", s.Org)
	a.ok("case", "open", "--number", "1", "--title", "t", "--authority", "a")
	a.ok("capture", "sample", "--matrix", "water")
	a.fails(2, "how the seal", "handover", "offer", "L-000001", "--to", "x", "--purpose", "p", "--place", "q")
	qr := filepath.Join(t.TempDir(), "offer.png")
	offer := a.object("handover", "offer", "L-000001", "--to", "x", "--purpose", "p", "--place", "q", "--seals", "none", "--qr", qr)
	for _, name := range offer["qr"].([]any) {
		if info, err := os.Stat(name.(string)); err != nil || info.Size() == 0 {
			t.Errorf("QR code: %v", err)
		}
	}
	b.fails(2, "nobody", "handover", "decline", "nobody.txt", "--reason", "x")
	refusal := b.ok("handover", "decline", offer["text"].(string), "--reason", "no seal")
	a.fails(1, "declined: no seal", "handover", "conclude", refusal)
	if list := a.array("handover", "list"); len(list) != 1 || list[0]["state"] != "declined" {
		t.Errorf("%v", list)
	}
	if again := b.ok("handover", "show", offer["handover"].(string)); again != refusal {
		t.Error("shown again, the text is another")
	}
}

// Every command has a help with an example.
func TestEveryCommandHasHelp(t *testing.T) {
	k := newKit(t)
	var walk func(path []string)
	walk = func(path []string) {
		out := k.ok(append(path, "--help")...)
		if !strings.Contains(out, "Examples:") {
			t.Errorf("%v has no example", path)
		}
		_, rest, ok := strings.Cut(out, "Available Commands:\n")
		if !ok {
			return
		}
		rest, _, _ = strings.Cut(rest, "\n\n")
		for _, line := range strings.Split(rest, "\n") {
			name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			if name != "" && name != "help" && name != "completion" {
				walk(append(path[:len(path):len(path)], name))
			}
		}
	}
	walk(nil)
}
