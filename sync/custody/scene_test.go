package custody

import (
	"crypto/sha256"
	"testing"

	"fieldseal/sync/event"
)

func sampleRef(id event.UUID) event.Ref    { return event.Ref{Kind: "sample", ID: id} }
func subsampleRef(id event.UUID) event.Ref { return event.Ref{Kind: "subsample", ID: id} }

// scene is the plain story of one water sample and its trip blank, from the bank
// to the laboratory's signed report. Nothing is wrong with it; each test breaks one thing.
type scene struct {
	*story
	site          event.UUID
	sample, blank *event.SampleCollected
	sampled       event.ID
	terms         *event.Terms
	hand          handed
	accession     *event.LabAccessioned
	aliquot       *event.SubsampleMade
	report        *event.ResultsReported
	// parts are the ids of the report's result events.
	parts []event.ID
	// last is an event that a test keeps for later.
	last event.ID
}

// handed is a handover as it was sealed.
type handed struct{ offer, accept, conclude event.ID }

// plot is how a test steps into the plain story at which a test steps in: it may change the
// body about to be sealed, or seal something of its own first.
type plot struct {
	samples   func(sc *scene)
	terms     func(sc *scene, t *event.Terms)
	accept    func(sc *scene, a *event.CustodyAccepted)
	accession func(sc *scene, a *event.LabAccessioned)
	aliquot   func(sc *scene, b *event.SubsampleMade)
	report    func(sc *scene, b *event.ResultsReported)
	// before runs before the named chapter.
	before map[string]func(sc *scene)
	// until stops the story before the named chapter, after what before tells.
	until string
}

func (p *plot) runs(sc *scene, chapter string) bool {
	if f := p.before[chapter]; f != nil {
		f(sc)
	}
	return p.until != chapter
}

// play tells the plain story with a plot's changes.
func play(t testing.TB, p plot) *scene {
	t.Helper()
	sc := &scene{story: newStory(t)}
	for _, ch := range []struct {
		name string
		tell func(*scene, *plot)
	}{
		{"site", tellSite}, {"samples", tellSamples}, {"handover", tellHandover}, {"accession", tellAccession},
		{"aliquot", tellAliquot}, {"report", tellReport}, {"signatures", tellSignatures}, {"end", func(*scene, *plot) {}},
	} {
		if !p.runs(sc, ch.name) {
			return sc
		}
		ch.tell(sc, &p)
	}
	return sc
}

func tellSite(sc *scene, _ *plot) {
	sc.site = sc.uuid()
	sc.do("zhang", "2026-03-02T09:00:00+08:00", &event.SiteRecorded{
		Site: sc.site, Name: "Willow Creek bank", Centre: place(), Start: "2026-03-02T08:50:00+08:00", Narrative: "Drums beside the creek.",
		Officers: []event.Officer{
			{Person: sc.people["zhang"].person, Name: "Zhang", CredentialNo: "C-Zhang"},
			{Person: sc.people["li"].person, Name: "Li", CredentialNo: "C-Li"},
		},
		Party: &event.Attendance{Name: "Driver", Signing: "signed", Signature: event.Digest{7}},
	})
}

func place() event.Place {
	return event.Place{LatE7: 306000000, LonE7: 1143000000, Datum: "WGS-84", AccuracyMM: 4000, Source: "gnss", FixTime: "2026-03-02T08:59:58+08:00"}
}

func tellSamples(sc *scene, p *plot) {
	record := &event.Media{SHA256: event.Digest{9}, Size: 100, Type: "application/pdf"}
	sc.sample = &event.SampleCollected{
		Sample: sc.uuid(), Label: "W-001", QC: "primary", Matrix: "water", Gathering: "grab", Method: "HJ 91.1-2019",
		Site: sc.site, Point: "outfall 1", Start: "2026-03-02T09:20:00+08:00", End: "2026-03-02T09:25:00+08:00",
		Amount: &event.Amount{Value: dec("500"), Unit: "mL"}, Container: &event.Container{Material: "amber glass", No: "B-17"},
		Preserved: "HCl", PH: decp("1.8"), StorageTempC: decp("4.0"), SealNo: "S-100",
		Analyses: []event.Analysis{{Group: "voa", Method: "HJ 639-2012"}},
		Sampler:  sc.people["zhang"].person, SecondSampler: sc.people["li"].person, Cooler: "K1", Record: record,
		Party: &event.Attendance{Name: "Driver", Signing: "signed", Signature: event.Digest{7}},
	}
	blank := *sc.sample
	blank.Sample, blank.Label, blank.QC, blank.SealNo = sc.uuid(), "TB-001", "trip_blank", "S-101"
	blank.Start, blank.End, blank.Point = "2026-03-02T09:00:00+08:00", "2026-03-02T09:01:00+08:00", ""
	sc.blank = &blank
	if p.samples != nil {
		p.samples(sc)
	}
	if sc.blank != nil {
		sc.do("zhang", "2026-03-02T09:26:00+08:00", sc.blank)
	}
	sc.sampled = sc.do("zhang", "2026-03-02T09:30:00+08:00", sc.sample)
}

// hands lists items for terms as their samples were sealed.
func hands(samples ...*event.SampleCollected) (items []event.HandoverItem) {
	for _, s := range samples {
		if s != nil {
			items = append(items, event.HandoverItem{Item: sampleRef(s.Sample), Label: s.Label, SealNo: s.SealNo, Seal: "intact"})
		}
	}
	return items
}

// side is a person as a side of a handover.
func (s *story) side(who string) event.Holder {
	a := s.people[who]
	return event.Holder{Person: a.person, Org: a.org, Name: who, Device: a.device}
}

// draw writes terms by hand from one person to another.
func (s *story) draw(from, to string, at event.Stamp, items ...event.HandoverItem) *event.Terms {
	return &event.Terms{
		Handover: s.uuid(), Case: s.kase, From: s.side(from), To: s.side(to), Mode: "by_hand", Purpose: "analysis",
		Place: "laboratory gate", Relinquished: at, Items: items, Count: int64(len(items)), TempC: decp("4.2"),
	}
}

// offer seals one half of a handover.
func (s *story) offer(who string, t *event.Terms) event.ID {
	text, digest := terms(s, t)
	return s.do(who, t.Relinquished, &event.CustodyOffered{Terms: text, Digest: digest})
}

// acceptance is the other half as a careful receiver fills it in.
func (s *story) acceptance(t *event.Terms, offer event.ID, at event.Stamp) *event.CustodyAccepted {
	text, digest := terms(s, t)
	a := &event.CustodyAccepted{
		Handover: t.Handover, Terms: text, Digest: digest, Offer: offer, OfferDevice: t.From.Device,
		Received: at, Count: int64(len(t.Items)), TempC: decp("4.4"),
	}
	for _, it := range t.Items {
		a.Seals = append(a.Seals, event.SealFound{Item: it.Item, SealNo: it.SealNo, Seal: it.Seal})
	}
	return a
}

// give is a whole handover; change may alter terms and acceptance.
func (s *story) give(from, to string, at, received event.Stamp, items []event.HandoverItem, change ...func(*event.Terms, *event.CustodyAccepted)) handed {
	t := s.draw(from, to, at, items...)
	for _, c := range change {
		c(t, nil)
	}
	offer := s.offer(from, t)
	a := s.acceptance(t, offer, received)
	for _, c := range change {
		c(nil, a)
	}
	accept := s.do(to, received, a)
	conclude := s.do(from, received, &event.CustodyConcluded{Handover: t.Handover, Digest: a.Digest, Acceptance: accept, AcceptDevice: s.people[to].device})
	return handed{offer, accept, conclude}
}

func tellHandover(sc *scene, p *plot) {
	sc.terms = sc.draw("zhang", "wang", "2026-03-02T14:00:00+08:00", hands(sc.sample, sc.blank)...)
	if p.terms != nil {
		p.terms(sc, sc.terms)
	}
	sc.hand.offer = sc.offer("zhang", sc.terms)
	a := sc.acceptance(sc.terms, sc.hand.offer, "2026-03-02T14:04:00+08:00")
	if p.accept != nil {
		p.accept(sc, a)
	}
	sc.hand.accept = sc.do("wang", a.Received, a)
	sc.hand.conclude = sc.do("zhang", "2026-03-02T14:05:00+08:00", &event.CustodyConcluded{
		Handover: sc.terms.Handover, Digest: a.Digest, Acceptance: sc.hand.accept, AcceptDevice: sc.people["wang"].device,
	})
}

func (s *story) checkIn(sm *event.SampleCollected, labID string) *event.LabAccessioned {
	return &event.LabAccessioned{
		Accession: s.uuid(), Lab: s.orgID("lab"), Accreditation: accreditation(), Sample: sm.Sample, LabelRead: sm.Label, LabelAgrees: "yes",
		ReceivedBy: s.people["wang"].person, Received: "2026-03-02T14:10:00+08:00", Cooler: sm.Cooler, CoolerTempC: decp("4.4"),
		OnIce: "yes", SealNo: sm.SealNo, Seal: "intact", Intact: "yes", HeadspaceMM: decp("2"), PH: decp("1.8"), PHOK: "yes",
		Decision: "accept", LabID: labID, Storage: "cold room 2",
	}
}

func tellAccession(sc *scene, p *plot) {
	if sc.blank != nil {
		sc.do("wang", "2026-03-02T14:15:00+08:00", sc.checkIn(sc.blank, "L-002"))
	}
	sc.accession = sc.checkIn(sc.sample, "L-001")
	if p.accession != nil {
		p.accession(sc, sc.accession)
	}
	sc.do("wang", "2026-03-02T14:16:00+08:00", sc.accession)
}

func tellAliquot(sc *scene, p *plot) {
	sc.aliquot = &event.SubsampleMade{
		Subsample: sc.uuid(), Parent: sampleRef(sc.sample.Sample), Label: "W-001-A1", Kind: "aliquot",
		MassIn: decp("500"), MassOut: decp("40"), Unit: "mL", Analyst: sc.people["chen"].person, At: "2026-03-04T09:00:00+08:00", Batch: "B7",
	}
	if p.aliquot != nil {
		p.aliquot(sc, sc.aliquot)
	}
	sc.do("chen", "2026-03-04T09:05:00+08:00", sc.aliquot)
}

// found is a result of benzene on a thing.
func (s *story) result(ref event.Ref, code, text string) event.Result {
	return event.Result{
		Result: s.uuid(), Sample: &ref, SampleCode: code, Analyte: "Benzene", CAS: "71-43-2", Method: "HJ 639-2012",
		Analysed: "2026-03-04T11:00:00+08:00", Text: text, Value: decp(text), Unit: "µg/L", MDL: decp("0.4"), RL: decp("1.6"), Batch: "B7",
	}
}

func tellReport(sc *scene, p *plot) {
	sc.report = &event.ResultsReported{
		Report: sc.uuid(), ReportNo: "HB-2026-0311", Lab: sc.orgID("lab"), Accreditation: accreditation(), Analyst: sc.people["chen"].person,
		Results: []event.Result{sc.result(subsampleRef(sc.aliquot.Subsample), "W-001-A1", "185")},
	}
	if sc.blank != nil {
		nd := sc.result(sampleRef(sc.blank.Sample), "TB-001", "0.4")
		nd.Text, nd.Value, nd.Qualifier = "<0.4", nil, "U"
		sc.report.Results = append(sc.report.Results, nd)
	}
	if p.report != nil {
		p.report(sc, sc.report)
	}
	sc.parts = append(sc.parts, sc.do("chen", "2026-03-06T10:00:00+08:00", sc.report))
}

// digest is what a signature under the report covers.
func (sc *scene) digest() event.Digest {
	h := sha256.New()
	for _, id := range sc.parts {
		h.Write(id[:])
	}
	return event.Digest(h.Sum(nil))
}

func tellSignatures(sc *scene, _ *plot) {
	sc.do("chen", "2026-03-06T10:05:00+08:00", &event.ReportSigned{Report: sc.report.Report, As: "analyst", Digest: sc.digest()})
	sc.do("zhao", "2026-03-06T15:00:00+08:00", &event.ReportSigned{Report: sc.report.Report, As: "reviewer", Digest: sc.digest()})
	sc.do("qian", "2026-03-07T09:00:00+08:00", &event.ReportSigned{Report: sc.report.Report, As: "approver", Digest: sc.digest(), Opinion: "Issued."})
}
