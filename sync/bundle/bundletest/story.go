package bundletest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// Story is a case in which something of each kind has happened.
type Story struct {
	*World
	Inspector, Analyst          *Device
	Site, Drum, Sample, Sample2 event.UUID
	Photo                       event.Media
	// MissingPhoto was named and never came.
	MissingPhoto event.Media
	SampleEvent  event.ID
}

func dec(s string) *decimal.Decimal {
	d, err := decimal.Parse(s)
	if err != nil {
		panic(err)
	}
	return &d
}

// NewStory tells a case: a scene, a drum, two samples, photos, a handover to the
// laboratory, check-in, results, a correction, something in quarantine, events of
// another case in between, and checkpoints that the devices had seen.
func NewStory(w *World) *Story {
	w.T.Helper()
	s := &Story{World: w, Site: w.UUID(), Drum: w.UUID(), Sample: w.UUID(), Sample2: w.UUID()}
	bureau, lab := w.Org("environment", "City Environment Bureau"), w.Org("lab", "East Laboratory")
	li, zhao := w.Person(bureau, "Li Wei", event.RoleInspector), w.Person(bureau, "Zhao Min", event.RoleInspector)
	chen := w.Person(lab, "Chen Jing", event.RoleAnalyst)
	s.Inspector, s.Analyst = w.Enrol(bureau, li), w.Enrol(lab, chen)
	seen := w.Checkpoint()
	s.Inspector.Seen = &seen
	c, other := w.Case, w.UUID()
	at := func() event.Stamp { return event.StampOf(w.Now.In(time.FixedZone("", 8*3600))) }

	s.Inspector.Seal(c, &event.CaseOpened{Number: "2026-HW-017", Title: "Drums by the river 河边废桶", Authority: "City Environment Bureau"})
	w.Authority.Seal(c, &event.CaseGranted{Grant: w.UUID(), Org: lab, Right: "write", Reason: "commissioned for analysis"})
	s.Inspector.Seal(other, &event.CaseOpened{Number: "2026-HW-018", Title: "Another case", Authority: "City Environment Bureau"})
	place := event.Place{LatE7: 311234567, LonE7: 1217654321, Datum: "WGS-84", AccuracyMM: 4200, Source: "gnss"}
	s.Inspector.Seal(c, &event.SiteRecorded{Site: s.Site, Name: "River bank", Centre: place, Officers: []event.Officer{{Person: li, Name: "Li Wei"}, {Person: zhao, Name: "Zhao Min"}},
		Party: &event.Attendance{Signing: "refused", Reason: "left"}, Witness: &event.Attendance{Name: "Sun Hao", Signing: "signed"}, Start: at(), End: at()})
	s.Inspector.Seal(c, &event.ObjectRecorded{Object: s.Drum, Kind: "barrel", Label: "D-01", Site: s.Site})
	s.SampleEvent = s.Inspector.Seal(c, s.sample(s.Sample, "S-0001", li, zhao, at()))
	s.Inspector.Seal(other, &event.NoteWritten{Text: "in the other case"})
	s.Inspector.Seal(c, s.sample(s.Sample2, "S-0002", li, zhao, at()))

	s.Photo = w.File(noise(3000), "image/jpeg", "IMG_0001.JPG")
	s.MissingPhoto = event.Media{SHA256: event.Digest{7, 7}, Size: 4000, Type: "image/jpeg"}
	w.Partial[s.MissingPhoto.SHA256] = 1200
	s.Inspector.Seal(c, &event.PhotoCaptured{Photo: w.UUID(), Media: s.Photo, Shows: "drum D-01", SealVisible: "yes", Site: s.Site, About: []event.Ref{{Kind: "sample", ID: s.Sample}}})
	s.Inspector.Seal(c, &event.PhotoCaptured{Photo: w.UUID(), Media: s.MissingPhoto, Shows: "the bank", SealVisible: "no", Site: s.Site, About: []event.Ref{{Kind: "sample", ID: s.Sample2}}})
	w.Arrive(s.Photo, s.Inspector)
	s.Inspector.Seal(c, &event.EventAmended{Target: s.SampleEvent, Reason: "seal number misread", Changes: []event.Change{{Path: "/seal_no", Old: `"C-S-0001"`, New: `"C-7782"`}}})
	seen2 := w.Checkpoint()
	s.Inspector.Seen, s.Analyst.Seen = &seen2, &seen2
	s.handover(li, chen, bureau, lab)
	w.Quarantine([]byte(`{"payloadType":"x"}`), seal.LayerEnvelope, seal.CodeMalformedEnvelope, "no payload")
	s.fork()
	w.Checkpoint()
	return s
}

func (s *Story) sample(id event.UUID, label string, one, two event.UUID, at event.Stamp) *event.SampleCollected {
	return &event.SampleCollected{Sample: id, Label: label, QC: "primary", Matrix: "liquid_waste", Gathering: "grab", Site: s.Site, Waste: s.Drum, Point: "P1",
		Start: at, Container: &event.Container{Material: "HDPE"}, Preserved: "HNO3", SealNo: "C-" + label, Sampler: one, SecondSampler: two,
		Analyses: []event.Analysis{{Group: "metals"}}, StorageTempC: dec("4.0")}
}

// handover gives the first sample to the laboratory, which checks it in and reports.
func (s *Story) handover(from, to, bureau, lab event.UUID) {
	w, c := s.World, s.Case
	at := event.StampOf(w.Now.In(time.FixedZone("", 8*3600)))
	item := event.Ref{Kind: "sample", ID: s.Sample}
	terms, err := json.Marshal(event.Terms{Handover: w.UUID(), Case: c, From: event.Holder{Person: from, Org: bureau, Name: "Li Wei", Device: s.Inspector.ID},
		To: event.Holder{Person: to, Org: lab, Name: "Chen Jing", Device: s.Analyst.ID}, Mode: "by_hand", Purpose: "analysis", Place: "laboratory", Relinquished: at,
		Items: []event.HandoverItem{{Item: item, Label: "S-0001", SealNo: "C-7782", Seal: "intact"}}, Count: 1}, json.Deterministic(true))
	w.must(err)
	digest := event.TermsDigest(string(terms))
	t, err := event.ParseTerms(string(terms))
	w.must(err)
	offer := s.Inspector.Seal(c, &event.CustodyOffered{Terms: string(terms), Digest: digest})
	accepted := s.Analyst.Seal(c, &event.CustodyAccepted{Handover: t.Handover, Terms: string(terms), Digest: digest, Offer: offer, OfferDevice: s.Inspector.ID,
		Received: at, Seals: []event.SealFound{{Item: item, SealNo: "C-7782", Seal: "intact"}}, Count: 1})
	s.Inspector.Seal(c, &event.CustodyConcluded{Handover: t.Handover, Digest: digest, Acceptance: accepted, AcceptDevice: s.Analyst.ID})
	s.Analyst.Seal(c, &event.LabAccessioned{Accession: w.UUID(), Lab: lab, Sample: s.Sample, LabelRead: "S-0001", LabelAgrees: "yes", ReceivedBy: to, Received: at,
		OnIce: "yes", SealNo: "C-7782", Seal: "intact", Intact: "yes", PHOK: "yes", Decision: "accept", LabID: "E26-1", Storage: "cold room 2"})
	report := w.UUID()
	s.Analyst.Seal(c, &event.ResultsReported{Report: report, ReportNo: "E26-0417", Lab: lab, Analyst: to, Part: 1, Parts: 1, Results: []event.Result{{Result: w.UUID(),
		Sample: &item, SampleCode: "S-0001", Analyte: "Nickel", CAS: "7440-02-0", Method: "HJ 700-2014", Analysed: at, Text: "128.4", Value: dec("128.4"), Unit: "mg/L"}}})
}

// fork puts a second event of a number that is taken into quarantine.
func (s *Story) fork() {
	d := *s.Inspector
	d.Seq--
	d.Prev = event.ID(s.Entries[len(s.Entries)-1].Leaf.Event) // any id: it is refused for its number
	line, _ := d.Make(s.Case, &event.NoteWritten{Text: "the other side of a fork"})
	s.Quarantine(line, seal.LayerChain, "FORK", "another event has this number")
}

// noise is bytes that do not compress, the same in every run.
func noise(n int) []byte {
	b := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(b) // never fails
	return b
}

// Options are the options of a bundle of the world's case.
func (w *World) Options() bundle.Options {
	w.T.Helper()
	return bundle.Options{Bundle: w.UUID(), Case: w.Case, Purpose: "transfer to the court", Made: w.Now, TempDir: w.T.TempDir()}
}

// Bundle writes a bundle of the world's case.
func (w *World) Bundle(o bundle.Options) []byte {
	w.T.Helper()
	return Write(w, w.Source(), o)
}

// Write writes a bundle from a source.
func Write(w *World, s bundle.Source, o bundle.Options) []byte {
	w.T.Helper()
	var b bytes.Buffer
	sum, err := bundle.Write(context.Background(), &b, s, o)
	w.must(err)
	if sum.Length != int64(b.Len()) {
		w.T.Fatalf("the bundle was announced with %d bytes and has %d", sum.Length, b.Len())
	}
	return b.Bytes()
}

// Verify verifies a bundle.
func (w *World) Verify(b []byte, o verify.Options) *verify.Verdict {
	w.T.Helper()
	v, err := verify.Verify(context.Background(), bytes.NewReader(b), int64(len(b)), o)
	w.must(err)
	return v
}

// Summary writes a verdict in a few lines, for a test's log.
func Summary(v *verify.Verdict) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", v.Result)
	for _, c := range v.Checks {
		if c.State != verify.Passed {
			fmt.Fprintf(&b, "  %s: %s (%d of %d)\n", c.Name, c.State, c.Failed, c.Count)
		}
	}
	for _, f := range v.Failures {
		fmt.Fprintf(&b, "  %s\n", f)
	}
	if v.Record != nil {
		for _, d := range v.Record.Defects {
			fmt.Fprintf(&b, "  %s %s %s\n", d.Severity, d.Code, d.Explanation.EN)
		}
	}
	return b.String()
}
