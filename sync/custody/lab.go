package custody

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"

	"fieldseal/sync/event"
)

// bench is what the laboratories did: check-ins, sub-samples, results, reports.
type bench struct {
	checkIns map[event.Ref][]checkIn
	parts    map[event.Ref][]*thing
	balances map[event.Ref]*balance
	// results are all determinations in causal order, byThing those on one thing.
	results []*determination
	byThing map[event.Ref][]*determination
	reports []*labReport
}

// checkIn is one accession of a sample.
type checkIn struct {
	act  *act
	body *event.LabAccessioned
}

// determination is one result, tied to the thing it was made on.
type determination struct {
	act    *act
	report *event.ResultsReported
	*event.Result
	// thing is what it was made on, sample the sample that came from; nil where they are not known.
	thing, sample *thing
}

// labReport is a report with its parts in order and its signatures.
type labReport struct {
	id         event.UUID
	parts      []reportPart
	results    []*determination
	signatures []signature
}

type reportPart struct {
	act  *act
	body *event.ResultsReported
}

type signature struct {
	act  *act
	body *event.ReportSigned
}

func (r *labReport) ref() *event.Ref { return &event.Ref{Kind: "report", ID: r.id} }

// head is the report's first part, which speaks for it.
func (r *labReport) head() *event.ResultsReported { return r.parts[0].body }

func (r *labReport) acts() []*act {
	var list []*act
	for _, p := range r.parts {
		list = append(list, p.act)
	}
	return list
}

// wants is the number of parts that the report says to have.
func (r *labReport) wants() int64 { return max(1, r.head().Parts) }

// whole reports whether every part is here, once.
func (r *labReport) whole() bool {
	if int64(len(r.parts)) != r.wants() {
		return false
	}
	for i, p := range r.parts {
		if r.wants() > 1 && p.body.Part != int64(i+1) {
			return false
		}
	}
	return true
}

// digest is what a signature covers: SHA-256 over the ids of the parts in order.
func (r *labReport) digest() event.Digest {
	h := sha256.New()
	for _, p := range r.parts {
		h.Write(p.act.ID[:])
	}
	return event.Digest(h.Sum(nil))
}

// readBench collects what the laboratories did. It needs the things.
func (v *view) readBench() {
	v.lab = bench{
		checkIns: map[event.Ref][]checkIn{}, parts: map[event.Ref][]*thing{},
		balances: map[event.Ref]*balance{}, byThing: map[event.Ref][]*determination{},
	}
	labIDs := map[string]*thing{}
	for a, b := range each[*event.LabAccessioned](v) {
		ref := event.Ref{Kind: "sample", ID: b.Sample}
		v.lab.checkIns[ref] = append(v.lab.checkIns[ref], checkIn{a, b})
		if t := v.chains.byRef[ref]; t != nil && b.LabID != "" {
			labIDs[labIDKey(b.Lab, b.LabID)] = t
		}
	}
	for _, t := range v.chains.things {
		if t.part != nil {
			v.lab.parts[t.part.Parent] = append(v.lab.parts[t.part.Parent], t)
		}
	}
	for _, parts := range v.lab.parts {
		slices.SortStableFunc(parts, func(a, b *thing) int { return cmp.Compare(a.origin.pos, b.origin.pos) })
	}
	for _, t := range v.chains.things {
		if b := v.weigh(t); b != nil {
			v.lab.balances[t.ref] = b
		}
	}
	v.readReports(labIDs)
}

func labIDKey(lab event.UUID, id string) string { return lab.String() + " " + labelKey(id) }

func (v *view) readReports(labIDs map[string]*thing) {
	byID := map[event.UUID]*labReport{}
	for a, b := range each[*event.ResultsReported](v) {
		r := byID[b.Report]
		if r == nil {
			r = &labReport{id: b.Report}
			byID[b.Report] = r
			v.lab.reports = append(v.lab.reports, r)
		}
		r.parts = append(r.parts, reportPart{a, b})
		for i := range b.Results {
			d := &determination{act: a, report: b, Result: &b.Results[i]}
			if d.thing = v.resolve(d, labIDs); d.thing != nil {
				d.sample = v.sampleOf(d.thing)
				v.lab.byThing[d.thing.ref] = append(v.lab.byThing[d.thing.ref], d)
			}
			v.lab.results, r.results = append(v.lab.results, d), append(r.results, d)
		}
	}
	for a, b := range each[*event.ReportSigned](v) {
		if r := byID[b.Report]; r != nil {
			r.signatures = append(r.signatures, signature{a, b})
		}
	}
	for _, r := range v.lab.reports {
		slices.SortStableFunc(r.parts, func(a, b reportPart) int { return cmp.Compare(a.body.Part, b.body.Part) })
	}
}

// resolve finds the thing that a result was made on: as the result names it, else
// by the laboratory's number, else by the label if only one thing carries it.
func (v *view) resolve(d *determination, labIDs map[string]*thing) *thing {
	if d.Sample != nil {
		return v.chains.byRef[*d.Sample]
	}
	if d.QC != "" {
		return nil
	}
	for _, no := range []string{d.LabID, d.SampleCode} {
		if t := labIDs[labIDKey(d.report.Lab, no)]; t != nil && no != "" {
			return t
		}
	}
	if refs := v.labelled(d.SampleCode); len(refs) == 1 {
		return v.chains.byRef[refs[0]]
	}
	return nil
}

// sampleOf is the sample that a thing was taken from; nil where the trail is lost.
func (v *view) sampleOf(t *thing) *thing {
	const deepest = 16 // an aliquot of a digest of an aliquot is three deep; more is a circle
	for range deepest {
		if t == nil || t.part == nil {
			break
		}
		t = v.chains.byRef[t.part.Parent]
	}
	if t == nil || t.sample == nil {
		return nil
	}
	return t
}

// matrix is what a determination was made on: a leachate is one, whatever it was made from.
func (d *determination) matrix() event.Matrix {
	switch {
	case d.thing != nil && d.thing.part != nil && d.thing.part.Kind == "leachate":
		return "leachate"
	case d.sample != nil:
		return d.sample.sample.Matrix
	}
	return ""
}

// instant is when something was done, as closely as it was written down: the
// same instant twice, or the bounds of a day; zero where nothing was written.
type instant struct{ first, last time.Time }

func (i instant) isZero() bool { return i.first.IsZero() }

func (i instant) text() Text {
	switch {
	case i.isZero():
		return str("")
	case i.first.Equal(i.last):
		return clock(i.first)
	}
	return str(i.first.Format(time.DateOnly))
}

// analysed is when the determination was made. A day without a time is read in
// the zone in which the sample was taken.
func (d *determination) analysed() instant {
	if d.Analysed != "" {
		t := d.Analysed.Time()
		return instant{t, t}
	}
	if d.AnalysedOn == "" {
		return instant{}
	}
	zone := time.UTC
	if d.sample != nil {
		zone = d.sample.sample.Start.Time().Location()
	}
	day, err := time.ParseInLocation(time.DateOnly, string(d.AnalysedOn), zone)
	if err != nil {
		return instant{}
	}
	return instant{day, day.AddDate(0, 0, 1).Add(-time.Second)}
}

// prepared is when the sample was extracted or digested: as the result says, or
// when the extract or digest was made that it was measured on.
func (d *determination) prepared() instant {
	if d.Prepared != "" {
		t := d.Prepared.Time()
		return instant{t, t}
	}
	if d.thing != nil && d.thing.part != nil && (d.thing.part.Kind == "extract" || d.thing.part.Kind == "digest") {
		t := d.thing.part.At.Time()
		return instant{t, t}
	}
	return instant{}
}

// notDetected reports whether a result says "below the detection limit".
func (v *view) notDetected(r *event.Result) bool {
	return strings.HasPrefix(strings.TrimSpace(r.Text), "<") || qualified(r, v.rules.Lab.NotDetected)
}

// estimated reports whether a result says "estimated".
func (v *view) estimated(r *event.Result) bool { return qualified(r, v.rules.Lab.Estimated) }

// qualified reports whether a result's qualifiers, or its text, have one of some words.
func qualified(r *event.Result, words []string) bool {
	said := strings.FieldsFunc(r.Qualifier+" "+r.Validation+" "+r.Text, func(c rune) bool { return strings.ContainsRune(" ,;/", c) })
	return slices.ContainsFunc(said, func(w string) bool {
		return slices.ContainsFunc(words, func(q string) bool { return strings.EqualFold(q, w) })
	})
}

// detected reports whether a result is a figure at or above its detection limit.
func (v *view) detected(r *event.Result) bool {
	return r.Value != nil && r.Value.Sign() > 0 && !v.notDetected(r) && (r.MDL == nil || r.Value.Cmp(*r.MDL) >= 0)
}

// substance identifies what was determined: the CAS number, else the name, and the fraction.
func substance(r *event.Result) string {
	what := strings.ToLower(strings.Join(strings.Fields(r.Analyte), " "))
	if digits := casDigits(r.CAS); digits != "" {
		what = digits
	}
	return what + "|" + strings.ToLower(r.Fraction)
}

// casDigits is a CAS number without its hyphens; empty where it is none.
func casDigits(cas string) string {
	digits := strings.ReplaceAll(strings.TrimSpace(cas), "-", "")
	if strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return strings.TrimLeft(digits, "0") // data systems pad it to a fixed width
}

// hyphenated writes a CAS number in its usual form; other texts stay as they are.
func hyphenated(cas string) string {
	d := casDigits(cas)
	if len(d) < 5 {
		return cas
	}
	return d[:len(d)-3] + "-" + d[len(d)-3:len(d)-1] + "-" + d[len(d)-1:]
}

func (v *view) accessionsOf(t *thing) []AccessionInfo {
	var list []AccessionInfo
	for _, c := range v.lab.checkIns[t.ref] {
		list = append(list, AccessionInfo{
			Event: c.act.ID, Lab: c.body.Lab, LabName: v.orgName(c.body.Lab).EN, LabID: c.body.LabID,
			Received: c.body.Received, Decision: c.body.Decision, Reason: cmp.Or(c.body.Reason, c.body.Qualifier),
		})
	}
	return list
}

func (v *view) resultInfos(t *thing) []ResultInfo {
	var list []ResultInfo
	for _, d := range v.lab.byThing[t.ref] {
		list = append(list, ResultInfo{
			Result: d.Result.Result, Event: d.act.ID, Report: d.report.Report, ReportNo: d.report.ReportNo,
			Analyte: d.Analyte, CAS: d.CAS, Method: d.Method, Text: d.Text, Unit: d.Unit, Qualifier: d.Qualifier,
		})
	}
	return list
}

func (v *view) reportInfos() []ReportInfo {
	var list []ReportInfo
	for _, r := range v.lab.reports {
		info := ReportInfo{Report: r.id, ReportNo: r.head().ReportNo, LabName: v.orgName(r.head().Lab).EN, Parts: r.wants(), PartsIn: int64(len(r.parts))}
		for _, p := range r.parts {
			info.Results += len(p.body.Results)
		}
		if r.whole() {
			info.Digest = r.digest()
		}
		for _, s := range r.signatures {
			info.Signers = append(info.Signers, SignerInfo{
				As: s.body.As, Name: v.personName(s.act.Event.Actor), Event: s.act.ID, At: s.act.Event.Clock.Wall,
				Covers: r.whole() && s.body.Digest == r.digest(),
			})
		}
		list = append(list, info)
	}
	return list
}
