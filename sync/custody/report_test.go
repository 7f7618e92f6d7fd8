package custody

import (
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
)

// blankReads gives the trip blank a detection of benzene, and the sample a value.
func blankReads(blank, sample string) plot {
	return plot{report: func(_ *scene, b *event.ResultsReported) {
		b.Results[0].Text, b.Results[0].Value = sample, decp(sample)
		b.Results[1].Text, b.Results[1].Value, b.Results[1].Qualifier = blank, decp(blank), ""
	}}
}

// duplicate adds a field duplicate of the sample with its result; change may alter it.
func duplicate(value string, change func(r *event.Result)) plot {
	var dup event.SampleCollected
	return plot{
		samples: func(sc *scene) {
			dup = *sc.sample
			dup.Sample, dup.Label, dup.QC, dup.Parent, dup.SealNo = sc.uuid(), "W-001D", "field_duplicate", sc.sample.Sample, "S-102"
		},
		before: map[string]func(*scene){
			"handover": func(sc *scene) { sc.do("zhang", "2026-03-02T09:40:00+08:00", &dup) },
			"aliquot":  func(sc *scene) { sc.do("wang", "2026-03-02T14:20:00+08:00", sc.checkIn(&dup, "L-003")) },
		},
		terms: func(_ *scene, t *event.Terms) {
			t.Items = append(t.Items, hands(&dup)...)
			t.Count++
		},
		report: func(sc *scene, b *event.ResultsReported) {
			r := sc.result(sampleRef(dup.Sample), "W-001D", value)
			change(&r)
			b.Results = append(b.Results, r)
		},
	}
}

func TestQualityControlRules(t *testing.T) {
	alone := func(sc *scene) { sc.blank = nil }
	other := func(sc *scene) { sc.blank.Cooler = "K2" }
	same := func(*event.Result) {}
	run(t, []sides{
		{name: "no blank", code: "QC_BLANK_MISSING", words: []string{"cooler K1", "W-001", "volatile"}, broken: plot{samples: alone}, close: plot{}},
		{name: "blank in another cooler", code: "QC_BLANK_MISSING", broken: plot{samples: other}, close: plot{samples: func(sc *scene) { sc.blank.Cooler = "k1 " }}},
		{name: "blank of another journey", code: "QC_BLANK_MISSING",
			broken: plot{until: "handover", before: ahead("handover", func(sc *scene) {
				sc.give("zhang", "wang", "2026-03-01T14:00:00+08:00", "2026-03-01T14:04:00+08:00", hands(sc.blank))
				sc.give("zhang", "wang", "2026-03-02T14:00:00+08:00", "2026-03-02T14:04:00+08:00", hands(sc.sample))
			})}, close: plot{}},
		{name: "metals need no trip blank", code: "QC_BLANK_MISSING", broken: plot{samples: alone},
			close: func() plot {
				p := metals(func(*event.SampleCollected) {})
				made := p.samples
				p.samples = func(sc *scene) { made(sc); alone(sc) }
				return p
			}()},

		{name: "detection near the blank's", code: "BLANK_CONTAMINATED", words: []string{"TB-001", "2.0 µg/L of Benzene", "W-001 (19.9 µg/L)"},
			broken: blankReads("2.0", "19.9"), close: blankReads("2.0", "20.0")},
		{name: "blank below its reporting limit", code: "BLANK_CONTAMINATED",
			broken: blankReads("1.6", "15"), close: blankReads("1.5", "14")},
		{name: "another unit", code: "BLANK_CONTAMINATED", words: []string{"0.0199 mg/L"},
			broken: inMilligrams("0.0199"), close: inMilligrams("0.0200")},
		{name: "method blank of the batch", code: "BLANK_CONTAMINATED", words: []string{"method blank of batch B7"},
			broken: methodBlank("B7"), close: methodBlank("B8")},

		{name: "far apart", code: "DUPLICATE_RPD_HIGH", words: []string{"W-001 has 185 µg/L", "W-001D 151 µg/L", "20.2 %", "20 %"},
			broken: duplicate("151", same), close: duplicate("152", same)},
		{name: "near the reporting limit", code: "DUPLICATE_RPD_HIGH",
			broken: duplicate("8.0", same), close: duplicate("7.9", same)}, // five times 1.6
		{name: "units do not compare", code: "UNIT_OR_BASIS_MISMATCH", variant: "differs", words: []string{"W-001D", "ppm"},
			broken: duplicate("150", func(r *event.Result) { r.Unit = "ppm" }), close: duplicate("0.185", func(r *event.Result) { r.Unit, r.MDL, r.RL = "mg/L", nil, nil })},
		{name: "units do not compare, so neither do figures", code: "DUPLICATE_RPD_HIGH",
			broken: duplicate("0.151", func(r *event.Result) { r.Unit, r.MDL, r.RL = "mg/L", nil, nil }), close: duplicate("0.151", func(r *event.Result) { r.Unit = "ppm" })},
	})
}

func inMilligrams(sample string) plot {
	p := blankReads("2.0", sample)
	read := p.report
	p.report = func(sc *scene, b *event.ResultsReported) {
		read(sc, b)
		b.Results[0].Unit, b.Results[0].MDL, b.Results[0].RL = "mg/L", nil, nil
	}
	return p
}

func methodBlank(batch string) plot {
	return plot{report: func(sc *scene, b *event.ResultsReported) {
		r := sc.result(event.Ref{}, "MB", "30")
		r.Sample, r.QC, r.Batch = nil, "method_blank", batch
		b.Results = append(b.Results, r)
	}}
}

// soil makes the sample one of soil, whose figures need a basis.
func soil(f func(r *event.Result)) plot {
	return plot{
		samples: func(sc *scene) {
			sc.sample.Matrix, sc.sample.Analyses, sc.sample.Preserved = "soil", []event.Analysis{{Group: "metals"}}, "none"
		},
		report: func(_ *scene, b *event.ResultsReported) {
			r := &b.Results[0]
			r.Analyte, r.CAS, r.Method, r.Unit, r.Basis = "Cadmium", "7440-43-9", "HJ 803-2016", "mg/kg", "dry"
			f(r)
		},
	}
}

// accredited restates the laboratory with another accreditation.
func accredited(at event.Stamp, change func(a *event.Accreditation)) plot {
	return plot{before: ahead("samples", func(sc *scene) {
		a := accreditation()
		change(a)
		sc.do("authority", at, &event.OrgRegistered{Org: sc.orgID("lab"), Kind: "lab", Name: "Hubei Test Laboratory", NameZH: "湖北检测实验室", Accreditation: a})
	})}
}

func TestReportRules(t *testing.T) {
	result := func(f func(r *event.Result)) plot { return onReport(func(_ *scene, r *event.Result) { f(r) }) }
	run(t, []sides{
		{name: "lapsed", code: "LAB_NOT_ACCREDITED", variant: "lapsed", words: []string{"2026-03-03", "2026-03-04", "Hubei Test Laboratory"},
			broken: accredited("2026-03-02T08:30:00+08:00", func(a *event.Accreditation) { a.ValidUntil = "2026-03-03" }),
			close:  accredited("2026-03-02T08:30:00+08:00", func(a *event.Accreditation) { a.ValidUntil = "2026-03-04" })},
		{name: "not yet", code: "LAB_NOT_ACCREDITED", variant: "not_yet", words: []string{"2026-03-05"},
			broken: accredited("2026-03-02T08:30:00+08:00", func(a *event.Accreditation) { a.ValidFrom = "2026-03-05" }),
			close:  accredited("2026-03-02T08:30:00+08:00", func(a *event.Accreditation) { a.ValidFrom = "2026-03-04" })},
		{name: "restated after the analysis", code: "LAB_NOT_ACCREDITED", variant: "lapsed",
			broken: accredited("2026-03-04T08:00:00+08:00", func(a *event.Accreditation) { a.ValidUntil = "2026-03-03" }),
			close:  accredited("2026-03-05T08:00:00+08:00", func(a *event.Accreditation) { a.ValidUntil = "2026-03-03" })},
		{name: "another number in the report", code: "LAB_NOT_ACCREDITED", variant: "differs", words: []string{"CMA 999"},
			broken: plot{report: func(_ *scene, b *event.ResultsReported) { b.Accreditation.Number = "CMA 999" }},
			close:  plot{report: func(_ *scene, b *event.ResultsReported) { b.Accreditation = nil }}},
		{name: "none on record", code: "LAB_NOT_ACCREDITED", words: []string{"no accreditation"},
			broken: bareLab(false), close: bareLab(true)},
		{name: "issued by the bureau", code: "LAB_NOT_ACCREDITED", variant: "not_a_lab",
			broken: plot{report: func(sc *scene, b *event.ResultsReported) { b.Lab = sc.orgID("agency") }}, close: plot{}},

		{name: "method not covered", code: "METHOD_OUT_OF_SCOPE", words: []string{"EPA 8260D", "Benzene", "CMA 171712050123"},
			broken: result(func(r *event.Result) { r.Method = "EPA 8260D" }), close: result(func(r *event.Result) { r.Method = "hj639-2012" })},

		{name: "no approver", code: "REPORT_SIGNERS_INCOMPLETE", words: []string{"HB-2026-0311", "not signed by its approver"},
			broken: signers("chen:analyst zhao:reviewer"), close: signers("chen:analyst zhao:reviewer qian:approver")},
		{name: "nobody", code: "REPORT_SIGNERS_INCOMPLETE", words: []string{"analyst, reviewer, approver"},
			broken: plot{until: "signatures"}, close: plot{}},
		{name: "one person in two roles", code: "REPORT_SIGNERS_INCOMPLETE", variant: "same_person", words: []string{"Chen signed as analyst, reviewer"},
			broken: signers("chen:analyst chen:reviewer qian:approver"), close: signers("chen:analyst zhao:reviewer qian:approver")},
		{name: "somebody of the bureau", code: "REPORT_SIGNERS_INCOMPLETE", variant: "outsider", words: []string{"Sun, who signed as approver"},
			broken: signers("chen:analyst zhao:reviewer sun:approver"), close: signers("chen:analyst zhao:reviewer qian:approver sun:approver")},
		{name: "other content", code: "REPORT_SIGNERS_INCOMPLETE", variant: "other_content", words: []string{"approver (Qian"},
			broken: signers("chen:analyst zhao:reviewer qian:approver!"), close: signers("chen:analyst zhao:reviewer qian:approver! qian:approver")},
		{name: "a part is missing", code: "REPORT_SIGNERS_INCOMPLETE", variant: "parts", words: []string{"2 parts, but 1"},
			broken: plot{report: func(_ *scene, b *event.ResultsReported) { b.Part, b.Parts = 1, 2 }},
			close:  plot{report: func(_ *scene, b *event.ResultsReported) { b.Part, b.Parts = 1, 1 }}},

		{name: "check digit", code: "CAS_CHECKDIGIT_BAD", words: []string{"71-43-3 (Benzene)"},
			broken: result(func(r *event.Result) { r.CAS = "71-43-3" }), close: result(func(r *event.Result) { r.CAS = "71432" })},
		{name: "no CAS number at all", code: "CAS_CHECKDIGIT_BAD", words: []string{"E-10195"},
			broken: result(func(r *event.Result) { r.CAS = "E-10195" }), close: result(func(r *event.Result) { r.CAS = "" })},

		{name: "figure below the limit", code: "RESULT_LT_MDL_NOT_QUALIFIED", words: []string{"Benzene 0.3 < 0.4 µg/L"},
			broken: result(func(r *event.Result) { r.Text, r.Value = "0.3", decp("0.3") }), close: result(func(r *event.Result) { r.Text, r.Value = "0.4", decp("0.4") })},
		{name: "qualified", code: "RESULT_LT_MDL_NOT_QUALIFIED",
			broken: result(func(r *event.Result) { r.Text, r.Value, r.Qualifier = "0.3", decp("0.3"), "H" }),
			close:  result(func(r *event.Result) { r.Text, r.Value, r.Qualifier = "0.3", decp("0.3"), "H,u" })},

		{name: "a unit of another matrix", code: "UNIT_OR_BASIS_MISMATCH", words: []string{"water", "mg/kg"},
			broken: result(func(r *event.Result) { r.Unit, r.MDL, r.RL = "mg/kg", nil, nil }), close: result(func(r *event.Result) { r.Unit = "ug/l" })},
		{name: "changed on import", code: "UNIT_OR_BASIS_MISMATCH", variant: "respelled", words: []string{"in the file: mg/L"},
			broken: result(func(r *event.Result) { r.UnitAsWritten = "mg/L" }), close: result(func(r *event.Result) { r.UnitAsWritten = "UG/L" })},
		{name: "wet or dry", code: "UNIT_OR_BASIS_MISMATCH", variant: "basis", words: []string{"soil", "wet or dry"},
			broken: soil(func(r *event.Result) { r.Basis = "" }), close: soil(func(r *event.Result) { r.Basis = "DW" })},
	})
}

// bareLab: a laboratory that the authority registered without an accreditation; the report states one or not.
func bareLab(stated bool) plot {
	return plot{
		before: ahead("site", func(sc *scene) {
			for _, e := range sc.in.Entries {
				if o, ok := e.Body.(*event.OrgRegistered); ok && o.Kind == "lab" {
					o.Accreditation = nil
				}
			}
		}),
		report: func(_ *scene, b *event.ResultsReported) {
			if !stated {
				b.Accreditation = nil
			}
		},
	}
}

// signers signs the report as "person:role", with "!" over other content.
func signers(list string) plot {
	return plot{until: "signatures", before: ahead("signatures", func(sc *scene) {
		at := ts("2026-03-06T11:00:00+08:00").Time()
		for word := range strings.FieldsSeq(list) {
			who, role, _ := strings.Cut(word, ":")
			digest := sc.digest()
			if strings.HasSuffix(role, "!") {
				digest[0] ^= 1
			}
			at = at.Add(time.Minute)
			sc.do(who, event.StampOf(at), &event.ReportSigned{Report: sc.report.Report, As: event.Signer(strings.TrimSuffix(role, "!")), Digest: digest})
		}
	})}
}

// TestReportInParts: the digest covers the parts in their order, however they arrive.
func TestReportInParts(t *testing.T) {
	sc := play(t, plot{until: "signatures", report: func(_ *scene, b *event.ResultsReported) { b.Part, b.Parts = 2, 2 }})
	first := *sc.report
	first.Part, first.Results = 1, []event.Result{sc.result(sampleRef(sc.sample.Sample), "W-001", "186")}
	id := sc.do("chen", "2026-03-06T10:02:00+08:00", &first)
	sc.parts = append([]event.ID{id}, sc.parts...)
	tellSignatures(sc, nil)
	sc.wantNone("REPORT_SIGNERS_INCOMPLETE")
	if r := sc.judge().Reports[0]; r.PartsIn != 2 || r.Results != 3 || r.Digest != sc.digest() {
		t.Errorf("report %+v", r)
	}
}

// TestDuplicateWithMore: what only the duplicate was analysed for has nothing to be compared with.
func TestDuplicateWithMore(t *testing.T) {
	p := duplicate("185", func(*event.Result) {})
	read := p.report
	p.report = func(sc *scene, b *event.ResultsReported) {
		read(sc, b)
		more := b.Results[len(b.Results)-1]
		more.Result, more.Analyte, more.CAS = sc.uuid(), "Toluene", "108-88-3"
		twice := b.Results[len(b.Results)-1]
		twice.Result, twice.Text, twice.Value = sc.uuid(), "50", decp("50") // a second run of the same: the first is compared
		b.Results = append(b.Results, more, twice)
	}
	play(t, p).wantNone("DUPLICATE_RPD_HIGH", "UNIT_OR_BASIS_MISMATCH")
}
