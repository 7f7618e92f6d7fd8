package court_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"fieldseal/api/console/browsertest"
	"fieldseal/api/console/checker"
	"fieldseal/api/console/checker/compile"
	"fieldseal/api/server/servertest"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"

	"github.com/go-json-experiment/json"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// verifier is the verifier for browsers, built once.
var verifier = sync.OnceValues(func() (*checker.Files, error) { return compile.Files(context.Background()) })

const password = "correct horse battery staple"

// hostile is a name that would do harm on a page that trusts it.
const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"'&`

// world is a real server with the verifier, an agency, a laboratory, a court, and
// two cases: one in which nothing is wrong, and one in which much is.
type world struct {
	*servertest.Server
	t                 *testing.T
	lab, court        event.UUID
	zhang, li         *ingesttest.Device
	wang, chen        *ingesttest.Device
	zhao, qian        *ingesttest.Device
	clerk, clerkLogin string
	stranger          string
	// base is the story's beginning and unit its minute: the plain story is told in
	// seconds while it happens, so that what devices claim is true; the other one is of
	// hours ago.
	base               time.Time
	unit               time.Duration
	clean, dirty       event.UUID
	sample, part       event.UUID // of the clean case
	gapped, prompt     event.UUID // samples of the other: late, and received within what the rules allow
	photo, copied      event.UUID
	picture            event.Media
	missing            event.Media
	sampled, corrected event.ID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	files, err := verifier()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Server: servertest.StartWith(t, servertest.Options{Verifier: files}), t: t, unit: 20 * time.Millisecond}
	w.lab, w.court = w.ID(), w.ID()
	w.Author(ingest.Draft{Body: &event.OrgRegistered{Org: w.lab, Kind: "lab", Name: "Northern Laboratory", NameZH: "北方检测中心", Accreditation: accreditation()}},
		ingest.Draft{Body: &event.OrgRegistered{Org: w.court, Kind: "court", Name: "District Court", NameZH: "区人民法院"}})
	w.zhang, w.li = w.device("张伟 Zhang Wei", w.Org, event.RoleInspector), w.device("李敏 Li Min", w.Org, event.RoleInspector)
	w.wang, w.chen = w.device("王芳 Wang Fang", w.lab, event.RoleAnalyst), w.device("陈静 Chen Jing", w.lab, event.RoleAnalyst)
	w.zhao, w.qian = w.device("赵强 Zhao Qiang", w.lab, event.RoleAnalyst), w.device("钱进 Qian Jin", w.lab, event.RoleSupervisor)
	w.clerk, w.clerkLogin = w.login("周洁 Zhou Jie", w.court, event.RoleClerk)
	_, w.stranger = w.login("Stranger", w.AddOrg("police"), event.RoleInspector)
	zone := time.FixedZone("", 8*3600)
	w.base = time.Now().In(zone)
	w.tellClean()
	w.base, w.unit = time.Now().Add(-5*time.Hour).Truncate(time.Second).In(zone), time.Minute
	w.tellDirty()
	return w
}

func accreditation() *event.Accreditation {
	return &event.Accreditation{Number: "CMA 171712050123", Body: "CNCA", ValidFrom: "2022-01-01", ValidUntil: "2099-01-01", Methods: []string{"HJ 639-2012", "HJ 700-2014"}}
}

// login registers somebody who can sign in, and gives their id and login.
func (w *world) login(name string, org event.UUID, role event.Role) (id, login string) {
	w.t.Helper()
	who, _ := w.Person(name, org, role)
	if err := w.Book.SetPassword(w.t.Context(), who, password); err != nil {
		w.t.Fatal(err)
	}
	return who.String(), "login-" + who.String()[24:]
}

func (w *world) device(name string, org event.UUID, role event.Role) *ingesttest.Device {
	w.t.Helper()
	who, _ := w.Person(name, org, role)
	d := w.AddDeviceOf(org, who)
	d.Clock = time.Now().Add(-time.Second).In(time.FixedZone("", 8*3600))
	w.Submit(d.Genesis())
	return d
}

// at is so many minutes into the day, as a device shows it.
func (w *world) at(minutes int) event.Stamp {
	return event.StampOf(w.base.Add(time.Duration(minutes) * w.unit))
}

// do seals a body at a time and hands it in. Every device has seen the newest checkpoint.
func (w *world) do(d *ingesttest.Device, id event.UUID, minutes int, body event.Body, place ...event.Place) event.ID {
	w.t.Helper()
	d.Clock = w.base.Add(time.Duration(minutes)*w.unit - time.Second)
	p := d.Payload(id, body)
	if len(place) > 0 {
		p.Place = &place[0]
	}
	if signed, err := w.Engine.Signed(w.t.Context()); err == nil && signed != nil {
		p.Seen = &event.Seen{Origin: signed.Origin, Size: int64(signed.Size), Root: event.Root(signed.Root), Note: sha256.Sum256(signed.Note())}
	}
	line, eid := d.SealPayload(p)
	d.Seq, d.Prev = d.Seq+1, eid
	if r := w.Submit(line); r.Results[0].Status != "accepted" {
		w.t.Fatalf("%s: %+v", p.Type, r.Results[0])
	}
	if _, err := w.Engine.Checkpoint(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return eid
}

// file puts a file into the media store and says that it arrived.
func (w *world) file(data []byte, mediaType, name string) event.Media {
	w.t.Helper()
	d, size, err := w.Blobs.Put(w.t.Context(), bytes.NewReader(data))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Author(ingest.Draft{Body: &event.MediaReceived{SHA256: event.Digest(d), Size: size, Type: mediaType, Carrier: w.zhang.ID}})
	return event.Media{SHA256: event.Digest(d), Size: size, Type: mediaType, Name: name}
}

// photograph makes a picture that is unlike any other.
func photograph(t testing.TB, seed uint64) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	m := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for i := range 40 {
		c := color.RGBA{uint8(rng.IntN(256)), uint8(rng.IntN(256)), uint8(rng.IntN(256)), 255}
		x0, y0, x1, y1 := rng.IntN(640), rng.IntN(480), rng.IntN(640), rng.IntN(480)
		for x := min(x0, x1); x < max(x0, x1); x++ {
			for y := min(y0, y1); y < max(y0, y1); y++ {
				if i%2 == 0 || (x+y)%3 == 0 {
					m.Set(x, y, c)
				}
			}
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func dec(s string) *decimal.Decimal {
	d, err := decimal.Parse(s)
	if err != nil {
		panic(err) // a constant of these tests
	}
	return &d
}

func (w *world) fix(minutes int) event.Place {
	return event.Place{LatE7: 306000000, LonE7: 1143000000, Datum: "WGS-84", AccuracyMM: 4200, Source: "gnss", FixTime: w.at(minutes)}
}

// open opens a case that the laboratory and the court take part in, with its scene.
func (w *world) open(number, title string) (id, site event.UUID) {
	id, site = w.ID(), w.ID()
	w.do(w.zhang, id, 0, &event.CaseOpened{Number: number, Title: title, Authority: "Qingshan Environment Bureau 青山区生态环境局", LegalBasis: "刑法第三百三十八条"})
	w.Author(ingest.Draft{Case: id, Body: &event.CaseGranted{Grant: w.ID(), Org: w.lab, Right: "write", Reason: "analysis"}},
		ingest.Draft{Case: id, Body: &event.CaseGranted{Grant: w.ID(), Org: w.court, Right: "read", Reason: "trial"}})
	w.do(w.zhang, id, 10, &event.SiteRecorded{Site: site, Name: "Willow Creek bank 柳溪岸", Centre: w.fix(9), Start: w.at(5), End: w.at(40), Narrative: "Drums beside the creek.",
		Officers: []event.Officer{{Person: w.zhang.Person, Name: "张伟 Zhang Wei", CredentialNo: "C-" + w.zhang.Person.String()[24:28]}, {Person: w.li.Person, Name: "李敏 Li Min", CredentialNo: "C-" + w.li.Person.String()[24:28]}},
		Party:    &event.Attendance{Name: "司机 Driver", Signing: "signed", Signature: event.Digest{7}}}, w.fix(9))
	return id, site
}

func (w *world) collected(site event.UUID, label string, record *event.Media) *event.SampleCollected {
	return &event.SampleCollected{Sample: w.ID(), Label: label, QC: "primary", Matrix: "water", Gathering: "grab", Method: "HJ 91.1-2019", Site: site, Point: "outfall 1",
		Start: w.at(20), End: w.at(25), Amount: &event.Amount{Value: *dec("500"), Unit: "mL"}, Container: &event.Container{Material: "amber glass", No: "B-17"},
		Preserved: "HCl", PH: dec("1.8"), StorageTempC: dec("4.0"), SealNo: "S-" + label, Analyses: []event.Analysis{{Group: "voa", Method: "HJ 639-2012"}},
		Sampler: w.zhang.Person, SecondSampler: w.li.Person, Cooler: "K1", Record: record, Party: &event.Attendance{Name: "司机 Driver", Signing: "signed", Signature: event.Digest{7}}}
}

// hand gives samples to the laboratory, received so many minutes after they were relinquished.
func (w *world) hand(id event.UUID, lasting int, samples ...*event.SampleCollected) {
	w.t.Helper()
	terms := event.Terms{Handover: w.ID(), Case: id, From: event.Holder{Person: w.zhang.Person, Org: w.Org, Name: "张伟 Zhang Wei", Device: w.zhang.ID},
		To: event.Holder{Person: w.wang.Person, Org: w.lab, Name: "王芳 Wang Fang", Device: w.wang.ID}, Mode: "by_hand", Purpose: "analysis", Place: "laboratory gate",
		Relinquished: w.at(60), Count: int64(len(samples)), TempC: dec("4.2")}
	for _, s := range samples {
		terms.Items = append(terms.Items, event.HandoverItem{Item: event.Ref{Kind: "sample", ID: s.Sample}, Label: s.Label, SealNo: s.SealNo, Seal: "intact"})
	}
	text, err := json.Marshal(terms, json.Deterministic(true))
	if err != nil {
		w.t.Fatal(err)
	}
	digest := event.TermsDigest(string(text))
	offer := w.do(w.zhang, id, 60, &event.CustodyOffered{Terms: string(text), Digest: digest})
	a := &event.CustodyAccepted{Handover: terms.Handover, Terms: string(text), Digest: digest, Offer: offer, OfferDevice: w.zhang.ID, Received: w.at(60 + lasting), Count: terms.Count, TempC: dec("4.4")}
	for _, it := range terms.Items {
		a.Seals = append(a.Seals, event.SealFound{Item: it.Item, SealNo: it.SealNo, Seal: it.Seal})
	}
	accepted := w.do(w.wang, id, 60+lasting, a)
	w.do(w.zhang, id, 61+lasting, &event.CustodyConcluded{Handover: terms.Handover, Digest: digest, Acceptance: accepted, AcceptDevice: w.wang.ID})
	for i, s := range samples {
		w.do(w.wang, id, 65+lasting+i, &event.LabAccessioned{Accession: w.ID(), Lab: w.lab, Accreditation: accreditation(), Sample: s.Sample, LabelRead: s.Label, LabelAgrees: "yes",
			ReceivedBy: w.wang.Person, Received: w.at(62 + lasting + i), Cooler: "K1", CoolerTempC: dec("4.4"), OnIce: "yes", SealNo: s.SealNo, Seal: "intact", Intact: "yes",
			HeadspaceMM: dec("2"), PH: dec("1.8"), PHOK: "yes", Decision: "accept", LabID: "L-" + s.Label, Storage: "cold room 2"})
	}
}

// tellClean tells a case in which nothing is wrong.
func (w *world) tellClean() {
	id, site := w.open("QS-2026-017", "Dumping at Willow Creek 柳溪倾倒案")
	w.clean = id
	record := w.file([]byte("%PDF-1.4 sampling record"), "application/pdf", "record.pdf")
	sample := w.collected(site, "W-001", &record)
	blank := w.collected(site, "TB-001", &record)
	blank.QC, blank.Start, blank.End, blank.Point = "trip_blank", w.at(1), w.at(2), ""
	w.sample = sample.Sample
	w.do(w.zhang, id, 26, blank, w.fix(25))
	w.sampled = w.do(w.zhang, id, 30, sample, w.fix(25))
	w.hand(id, 4, sample, blank)
	aliquot := &event.SubsampleMade{Subsample: w.ID(), Parent: event.Ref{Kind: "sample", ID: sample.Sample}, Label: "W-001-A1", Kind: "aliquot", MassIn: dec("500"), MassOut: dec("40"), Unit: "mL",
		Analyst: w.chen.Person, At: w.at(100), Batch: "B7"}
	w.part = aliquot.Subsample
	w.do(w.chen, id, 101, aliquot)
	result := func(ref event.Ref, code, text string) event.Result {
		return event.Result{Result: w.ID(), Sample: &ref, SampleCode: code, Analyte: "Benzene", CAS: "71-43-2", Method: "HJ 639-2012", Analysed: w.at(120), Text: text, Value: dec(text), Unit: "µg/L",
			MDL: dec("0.4"), RL: dec("1.6"), Batch: "B7"}
	}
	report := &event.ResultsReported{Report: w.ID(), ReportNo: "NB-2026-0311", Lab: w.lab, Accreditation: accreditation(), Analyst: w.chen.Person,
		Results: []event.Result{result(event.Ref{Kind: "subsample", ID: aliquot.Subsample}, "W-001-A1", "185"), result(event.Ref{Kind: "sample", ID: blank.Sample}, "TB-001", "0.4")}}
	report.Results[1].Text, report.Results[1].Value, report.Results[1].Qualifier = "<0.4", nil, "U"
	part := w.do(w.chen, id, 150, report)
	digest := event.Digest(sha256.Sum256(part[:]))
	w.do(w.chen, id, 151, &event.ReportSigned{Report: report.Report, As: "analyst", Digest: digest})
	w.do(w.zhao, id, 160, &event.ReportSigned{Report: report.Report, As: "reviewer", Digest: digest})
	w.do(w.qian, id, 170, &event.ReportSigned{Report: report.Report, As: "approver", Digest: digest, Opinion: "Issued."})
}

// tellDirty tells a case with an hour that nothing accounts for, a file that never
// came, a derivative beside its original, a correction, a hold, and names that try to do harm.
func (w *world) tellDirty() {
	id, site := w.open("浙环罚〔2026〕18号", "Drums "+hostile)
	w.dirty = id
	sample := w.collected(site, "D-"+hostile, nil)
	sample.Hazard = hostile
	w.gapped = sample.Sample
	w.corrected = w.do(w.zhang, id, 30, sample, w.fix(25))
	w.picture = w.file(photograph(w.t, 1), "image/jpeg", "IMG_0001.JPG")
	crop := w.file(photograph(w.t, 2), "image/jpeg", "crop.jpg")
	w.missing = event.Media{SHA256: event.Digest{7, 7}, Size: 4000, Type: "image/jpeg", Name: hostile}
	w.photo, w.copied = w.ID(), w.ID()
	about := []event.Ref{{Kind: "sample", ID: sample.Sample}}
	w.do(w.zhang, id, 32, &event.PhotoCaptured{Photo: w.photo, Media: w.picture, Shows: "drum with seal " + hostile, SealVisible: "yes", Site: site, About: about, Photographer: w.zhang.Person}, w.fix(31))
	w.do(w.zhang, id, 33, &event.PhotoCaptured{Photo: w.copied, Media: crop, Shows: "the seal, enlarged", SealVisible: "yes", Site: site, DerivativeOf: w.picture.SHA256, Derivation: "cropped and enlarged"}, w.fix(31))
	w.do(w.zhang, id, 34, &event.PhotoCaptured{Photo: w.ID(), Media: w.missing, Shows: "the bank", SealVisible: "no", Site: site}, w.fix(31))
	w.do(w.zhang, id, 35, &event.EventAmended{Target: w.corrected, Reason: "point misread", Changes: []event.Change{{Path: "/point", Old: `"outfall 1"`, New: `"outfall 3"`}}})
	w.hand(id, 95, sample)
	second := w.collected(site, "D-002", nil)
	w.prompt = second.Sample
	w.do(w.zhang, id, 36, second, w.fix(25))
	w.hand(id, 10, second)
	w.do(w.qian, id, 200, &event.HoldPlaced{Hold: w.ID(), Items: about, Authority: "District Court 区人民法院", Reason: "retrial"})
}

// hexOf is the beginning of a digest, as people type it.
func hexOf(d [32]byte, digits int) string { return hex.EncodeToString(d[:])[:digits] }
