package browsertest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// visitor is somebody who is signed in without a browser: pages as the server writes them.
type visitor struct {
	t    *testing.T
	s    *scene
	http *http.Client
	csrf string
}

func (s *scene) visit(w who) *visitor {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	v := &visitor{t: s.t, s: s, http: &http.Client{Jar: jar}}
	if status, page := v.do("POST", "/desk/login", url.Values{"login": {w.Login}, "password": {password}}.Encode(), "Content-Type", "application/x-www-form-urlencoded"); status != 200 || v.csrf == "" {
		s.t.Fatalf("sign in: %d %s", status, page)
	}
	return v
}

var csrfToken = regexp.MustCompile(`name="csrf" content="([^"]+)"`)

func (v *visitor) do(method, path, body string, header ...string) (int, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.s.URL+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := v.http.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	data, err := io.ReadAll(res.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	if m := csrfToken.FindStringSubmatch(string(data)); m != nil {
		v.csrf = m[1]
	}
	return res.StatusCode, string(data)
}

func (v *visitor) get(path, lang string) string {
	v.t.Helper()
	status, page := v.do("GET", path, "", "Accept-Language", lang)
	if status != 200 {
		v.t.Fatalf("%s: %d\n%s", path, status, page)
	}
	return page
}

// received is a scene whose samples the laboratory has, as its own people sealed it elsewhere.
func received(t *testing.T) (*scene, who, event.UUID) {
	s := newScene(t)
	chen := s.person("Chen Jing 陈静", s.lab, event.RoleAnalyst)
	s.collect([4]string{"W-001", "voa", "HCl", "VOA vial"}, [4]string{"W-002", "metals", "HNO3", "PE"}, [4]string{hostile, "metals", "HNO3", "PE"})
	labels := []string{"W-001", "W-002", hostile}
	h := s.offer(s.lab, "Northern Environmental Laboratory", labels...)
	bench := s.AddDeviceOf(s.lab, chen.ID)
	bench.Clock = s.field.Clock.Add(1)
	s.Submit(bench.Genesis())
	terms, offer := s.terms(h)
	acc := &event.CustodyAccepted{Handover: h, Terms: terms, Digest: event.TermsDigest(terms), Offer: offer, OfferDevice: s.field.ID, Received: event.StampOf(bench.Clock), Count: 3}
	s.Submit(bench.Seal(s.caseID, acc))
	for i, l := range labels {
		s.Submit(bench.Seal(s.caseID, &event.LabAccessioned{Accession: s.ID(), Lab: s.lab, Sample: s.samples[l], LabelRead: l, LabelAgrees: "yes", ReceivedBy: chen.ID, Received: event.StampOf(bench.Clock),
			OnIce: "yes", Seal: "intact", Intact: "yes", PHOK: "yes", Decision: "accept", LabID: fmt.Sprintf("L26-%04d", i+1), Storage: "cold room"}))
	}
	return s, chen, h
}

// Every page of the desk is whole in both languages, has nothing inline, and shows
// what others wrote as text.
func TestLabPages(t *testing.T) {
	s, chen, h := received(t)
	v := s.visit(chen)
	paths := []string{"/desk/lab/", "/desk/lab/find?q=W-00", s.path("/shipments/%s", h), s.path("/labels"), s.path("/results"), s.path("/import"), "/desk/workstation"}
	for _, l := range []string{"W-001", hostile} {
		for _, act := range []string{"", "/checkin", "/subsample", "/store", "/reseal", "/hold", "/release", "/dispose"} {
			paths = append(paths, s.path("/items/sample/%s%s", s.samples[l], act))
		}
	}
	inline := regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+=["'a-z]|javascript:|<script(?: type="module")?>|<img[^>]+src=x`)
	for _, lang := range []string{"en", "zh-CN"} {
		for _, path := range paths {
			page := v.get(path, lang)
			if !strings.Contains(page, `<html lang="`+lang) {
				t.Errorf("%s is not in %s", path, lang)
			}
			// What a hostile label says of itself stands in attributes and JSON, escaped.
			if found := inline.FindString(strings.ReplaceAll(page, jsonLabel(t), "")); found != "" {
				t.Errorf("%s (%s) has inline %q", path, lang, found)
			}
			if strings.Contains(page, "%!") || strings.Contains(page, "ZgotmplZ") {
				t.Errorf("%s (%s) has a hole", path, lang)
			}
		}
	}
	// What the laboratory itself did can be withdrawn; what others did cannot.
	foreign := s.field.Seal(s.caseID, &event.SealApplied{Item: event.Ref{Kind: "sample", ID: s.samples["W-001"]}, NewSeal: "X-1", Reason: "by somebody else", At: event.StampOf(s.field.Clock)})
	s.Submit(foreign)
	env, err := seal.ParseEnvelope(foreign)
	if err != nil {
		t.Fatal(err)
	}
	it := s.item("W-001")
	if page := v.get(s.path("/items/sample/%s/withdraw?event=%s", it.Ref.ID, it.Accessions[0].Event), "en"); !strings.Contains(page, it.Accessions[0].Event.String()) {
		t.Error("an own check-in cannot be withdrawn")
	}
	for _, id := range []string{it.Origin.String(), seal.IDOf(env.Payload).String(), "nonsense", ""} {
		if status, _ := v.do("GET", s.path("/items/sample/%s/withdraw?event=%s", it.Ref.ID, id), ""); status != 404 {
			t.Errorf("withdrawing %q: %d", id, status)
		}
	}
	if page := v.get("/desk/lab/find?q="+url.QueryEscape("W-001"), "en"); !strings.Contains(page, "L26-0001") {
		t.Error("a label that is scanned does not open its item")
	}
}

// jsonLabel is the hostile label as a page's JSON has it.
func jsonLabel(t *testing.T) string {
	b, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

type previewed struct {
	Importable bool
	Encoding   string
	Errors     int
	Rows       []struct {
		Line                  int64
		Sample, Label, Result string
	}
	Problems []struct {
		Line           int64
		Code, Severity string
		Text           string
	}
	Unknown []string
	Results []event.Result
}

func (v *visitor) preview(query, file string, header ...string) (int, previewed, string) {
	v.t.Helper()
	status, text := v.do("POST", v.s.path("/import?%s", query), file, append([]string{"Content-Type", "application/octet-stream", "Accept", "application/json", "X-CSRF-Token", v.csrf}, header...)...)
	var p previewed
	if status == 200 {
		if err := json.Unmarshal([]byte(text), &p, json.MatchCaseInsensitiveNames(true)); err != nil {
			v.t.Fatal(err)
		}
	}
	return status, p, text
}

const chineseFile = "样品编号,分析项目,CAS号,检测结果,单位,检测方法,分析日期\n%s,苯,71-43-2,12.40,μg/L,HJ 639-2012,%s\n"

// A laboratory's file is shown whole, with all that is wrong; the results that come of
// it are those that an event takes.
func TestLabPreview(t *testing.T) {
	s, chen, _ := received(t)
	v := s.visit(chen)
	v.get("/desk/lab/", "en")
	day := s.field.Clock.Format("2006-01-02")
	good := fmt.Sprintf(goodFile, "W-001", day, day)
	status, p, _ := v.preview("zone=%2B08:00", good)
	if status != 200 || !p.Importable || len(p.Rows) != 2 || p.Rows[0].Label != "W-001" || p.Results[0].Sample.ID != s.samples["W-001"] {
		t.Fatalf("%d %+v", status, p)
	}
	for i := range p.Results {
		p.Results[i].Result = s.ID()
	}
	body, err := event.MarshalBody(&event.ResultsReported{Report: s.ID(), ReportNo: "R-1", Lab: s.lab, Analyst: chen.ID, Results: p.Results})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := event.ParseBody(event.TypeResultsReported, body); err != nil {
		t.Error(err)
	}
	// By the laboratory's own number, in the encoding that such files have.
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(fmt.Sprintf(chineseFile, "L26-0002", day))
	if err != nil {
		t.Fatal(err)
	}
	if status, p, text := v.preview("", gb); status != 200 || !p.Importable || p.Encoding != "gb18030" || p.Rows[0].Label != "W-002" {
		t.Errorf("a file in GB 18030: %d %s", status, text)
	}
	// A sample that is not here, then matched by a person; another case's is no match.
	strange := fmt.Sprintf(goodFile, "MW-77", day, day)
	if _, p, _ := v.preview("", strange); p.Importable || p.Errors != 2 || len(p.Unknown) != 1 || p.Problems[0].Code != "UNKNOWN_SAMPLE" {
		t.Errorf("a sample that is not here: %+v", p)
	}
	query, file := matched(t, map[string]string{"MW-77": "sample:" + s.samples["W-002"].String()}, strange)
	if _, p, _ := v.preview(query, file); !p.Importable || p.Rows[0].Label != "W-002" {
		t.Errorf("matched: %+v", p)
	}
	query, file = matched(t, map[string]string{"MW-77": "sample:" + s.ID().String()}, strange)
	if _, p, _ := v.preview(query, file); p.Importable {
		t.Error("matched to something that is not in the case")
	}
	// One bad row, and nothing of the file can be imported.
	if _, p, _ := v.preview("", good+"MW1,W-001,"+day+",WG,Xylene,1330-20-7,much,ug/l,Y,HJ 639-2012,0.5,"+day+"\r\n"); p.Importable || len(p.Rows) != 3 || p.Errors == 0 {
		t.Errorf("a bad row: %+v", p)
	}
	for name, c := range map[string]struct {
		query, file string
		header      []string
		status      int
	}{
		"a spreadsheet": {"", "PK\x03\x04\x14\x00\x06\x00", nil, 415}, "no table": {"", "hello\nworld\n", nil, 400}, "nothing": {"", "", nil, 400},
		"no such zone": {"zone=Mars", good, nil, 400}, "no such order": {"dates=ymd", good, nil, 400}, "no such encoding": {"encoding=ebcdic", good, nil, 400},
		"no match": {"match=2", "[]" + good, nil, 400}, "a match beyond the file": {"match=99999", good, nil, 400}, "a match of no size": {"match=-1", good, nil, 400}, "too large": {"", good + strings.Repeat("x", 9<<20), nil, 413},
		"without the page's token": {"", good, []string{"X-CSRF-Token", "AAAA"}, 403},
	} {
		if status, _, text := v.preview(c.query, c.file, c.header...); status != c.status {
			t.Errorf("%s: %d, want %d: %.300s", name, status, c.status, text)
		}
	}
}

// A real deliverable of some 1,400 results: every row is shown, and what its samples
// are is asked once each.
func TestLabPreviewOfARealFile(t *testing.T) {
	data, err := os.ReadFile("../../../../shared/data/lab/metals-results.csv")
	if os.IsNotExist(err) {
		t.Skip("the laboratory file of ../shared/data is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	s, chen, _ := received(t)
	v := s.visit(chen)
	v.get("/desk/lab/", "en")
	status, p, text := v.preview("dates=mdy&zone=-05:00", string(data))
	if status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	if lines := strings.Count(strings.TrimSpace(string(data)), "\n"); len(p.Rows) != lines || len(p.Results) != lines {
		t.Errorf("%d rows are shown of %d", len(p.Rows), lines)
	}
	if p.Importable || len(p.Unknown) == 0 {
		t.Error("a file whose samples are not of this case can be imported")
	}
	match := map[string]string{}
	for _, code := range p.Unknown {
		match[code] = "sample:" + s.samples["W-002"].String()
	}
	query, file := matched(t, match, string(data))
	_, m, _ := v.preview("dates=mdy&zone=-05:00&"+query, file)
	if !m.Importable || m.Errors != 0 || len(m.Rows) != len(p.Rows) {
		t.Errorf("with every sample matched: %d errors in %d rows, %v", m.Errors, len(m.Rows), m.Unknown)
	}
	t.Logf("%d rows, %d samples, %d problems and %d of them left when matched, %d kB of preview", len(p.Rows), len(p.Unknown), len(p.Problems), len(m.Problems), len(text)>>10)
}

// matched puts before a file which of its samples is which item.
func matched(t *testing.T, match map[string]string, file string) (query, body string) {
	t.Helper()
	text, err := json.Marshal(match)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("match=%d", len(text)), string(text) + file
}

// What is offered to one person of the laboratory is not for a colleague to receive.
func TestLabShipmentOfAnother(t *testing.T) {
	s := newScene(t)
	chen, zhao := s.person("Chen Jing", s.lab, event.RoleAnalyst), s.person("Zhao Min", s.lab, event.RoleAnalyst)
	s.collect([4]string{"W-001", "voa", "HCl", "VOA vial"})
	s.to = chen.ID
	h := s.offer(s.lab, "Chen Jing", "W-001")
	if page := s.visit(chen).get(s.path("/shipments/%s", h), "en"); !strings.Contains(page, `id="accept"`) {
		t.Error("Chen cannot receive what was offered to Chen")
	}
	if page := s.visit(zhao).get(s.path("/shipments/%s", h), "en"); strings.Contains(page, `id="accept"`) || !strings.Contains(page, "who alone can receive it") {
		t.Error("Zhao can receive what was offered to Chen")
	}
}
