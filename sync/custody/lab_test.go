package custody

import (
	"testing"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
)

func onReport(f func(sc *scene, r *event.Result)) plot {
	return plot{report: func(sc *scene, b *event.ResultsReported) { f(sc, &b.Results[0]) }}
}

func onSample(f func(s *event.SampleCollected)) plot {
	return plot{samples: func(sc *scene) { f(sc.sample) }}
}

func onCheckIn(f func(a *event.LabAccessioned)) plot {
	return plot{accession: func(_ *scene, a *event.LabAccessioned) { f(a) }}
}

func onAliquot(f func(b *event.SubsampleMade)) plot {
	return plot{aliquot: func(_ *scene, b *event.SubsampleMade) { f(b) }}
}

func TestReceiptRules(t *testing.T) {
	run(t, []sides{
		{name: "another label read", code: "LABEL_COC_MISMATCH", words: []string{"W-001", "W-007"},
			broken: onCheckIn(func(a *event.LabAccessioned) { a.LabelRead = "W-007" }),
			close:  onCheckIn(func(a *event.LabAccessioned) { a.LabelRead = " W-001 " })},
		{name: "the laboratory says so", code: "LABEL_COC_MISMATCH", variant: "disagrees",
			broken: onCheckIn(func(a *event.LabAccessioned) { a.LabelAgrees = "no" }), close: plot{}},
		{name: "another label in the terms", code: "LABEL_COC_MISMATCH", variant: "handover", words: []string{"lists", "W-010"}[1:],
			broken: plot{terms: func(_ *scene, t *event.Terms) { t.Items[0].Label = "W-010" }}, close: plot{}},

		{name: "one label on two samples", code: "DUPLICATE_SAMPLE_ID", words: []string{"W-001", "2 different items", "Zhang"},
			broken: plot{samples: func(sc *scene) { sc.blank.Label = "w-001" }, until: "handover"},
			close:  plot{samples: func(sc *scene) { sc.blank.Label = "W-002" }, until: "handover"}},
		{name: "one sample recorded twice", code: "DUPLICATE_SAMPLE_ID", variant: "twice", words: []string{"W-001", "2 times"},
			broken: plot{until: "handover", before: ahead("handover", func(sc *scene) { sc.do("zhang", "2026-03-02T10:00:00+08:00", sc.sample) })},
			close: plot{until: "handover", before: ahead("handover", func(sc *scene) {
				sc.void("zhang", "2026-03-02T10:05:00+08:00", sc.do("zhang", "2026-03-02T10:00:00+08:00", sc.sample))
			})}},

		{name: "warm on the second day", code: "TEMP_OUT_OF_RANGE", words: []string{"W-001", "8.1 °C", "0.5 °C to 6 °C", "40 CFR 136"},
			broken: arrives("8.1", "yes", "2026-03-03T10:00:00+08:00"), close: arrives("6.0", "yes", "2026-03-03T10:00:00+08:00")},
		{name: "warm the same day, on ice or not", code: "TEMP_OUT_OF_RANGE", words: []string{"on ice: no"},
			broken: arrives("8.1", "no", "2026-03-02T14:10:00+08:00"), close: arrives("8.1", "yes", "2026-03-02T14:10:00+08:00")},
		{name: "frozen", code: "TEMP_OUT_OF_RANGE", words: []string{"-1.0 °C"},
			broken: arrives("-1.0", "yes", "2026-03-02T14:10:00+08:00"), close: arrives("0.5", "yes", "2026-03-02T14:10:00+08:00")},
		{name: "not recorded", code: "TEMP_OUT_OF_RANGE", variant: "unrecorded",
			broken: plot{accept: func(_ *scene, a *event.CustodyAccepted) { a.TempC = nil }, accession: func(_ *scene, a *event.LabAccessioned) { a.CoolerTempC = nil }},
			close:  plot{accession: func(_ *scene, a *event.LabAccessioned) { a.CoolerTempC = nil }}}, // the acceptance has it
		{name: "warm in the field", code: "TEMP_OUT_OF_RANGE", words: []string{"in the field"},
			broken: onSample(func(s *event.SampleCollected) { s.StorageTempC = decp("12") }),
			close:  metals(func(s *event.SampleCollected) { s.StorageTempC = decp("12") })},

		{name: "bubble", code: "HEADSPACE_VOA", words: []string{"6.5 mm", "6 mm"},
			broken: onCheckIn(func(a *event.LabAccessioned) { a.HeadspaceMM = decp("6.5") }),
			close:  onCheckIn(func(a *event.LabAccessioned) { a.HeadspaceMM = decp("6.0") })},
		{name: "bubble in a bottle for metals", code: "HEADSPACE_VOA",
			broken: onCheckIn(func(a *event.LabAccessioned) { a.HeadspaceMM = decp("9") }),
			close: func() plot {
				p := metals(func(*event.SampleCollected) {})
				p.accession = func(_ *scene, a *event.LabAccessioned) { a.HeadspaceMM = decp("9") }
				return p
			}()},

		{name: "wrong container", code: "WRONG_CONTAINER_OR_PRESERVATIVE", words: []string{"not HDPE", "amber glass"},
			broken: onSample(func(s *event.SampleCollected) { s.Container = &event.Container{Material: "HDPE"} }),
			close:  onSample(func(s *event.SampleCollected) { s.Container = &event.Container{Material: "棕色玻璃瓶"} })},
		{name: "no container on record", code: "WRONG_CONTAINER_OR_PRESERVATIVE", words: []string{"no container is recorded"},
			broken: onSample(func(s *event.SampleCollected) { s.Container = nil }), close: plot{}},
		{name: "wrong preservative", code: "WRONG_CONTAINER_OR_PRESERVATIVE", words: []string{"preservative HCl, not HNO3"},
			broken: onSample(func(s *event.SampleCollected) { s.Preserved = "HNO3" }),
			close:  onSample(func(s *event.SampleCollected) { s.Preserved = "盐酸" })},
		{name: "no preservative", code: "WRONG_CONTAINER_OR_PRESERVATIVE", words: []string{"not none"},
			broken: onSample(func(s *event.SampleCollected) { s.Preserved = "" }), close: plot{}},
		{name: "pH at check-in", code: "WRONG_CONTAINER_OR_PRESERVATIVE", words: []string{"pH of at most 2", "found 3.4"},
			broken: onCheckIn(func(a *event.LabAccessioned) { a.PH = decp("3.4") }),
			close:  onCheckIn(func(a *event.LabAccessioned) { a.PH = decp("2.0") })},
	})
}

// arrives checks the sample in at a temperature, on ice or not, at a time.
func arrives(temp string, ice event.YesNo, received event.Stamp) plot {
	return onCheckIn(func(a *event.LabAccessioned) { a.CoolerTempC, a.OnIce, a.Received = decp(temp), ice, received })
}

// metals makes the sample one for metals, with a change.
func metals(f func(s *event.SampleCollected)) plot {
	return plot{
		samples: func(sc *scene) {
			s := sc.sample
			s.Analyses = []event.Analysis{{Group: "metals", Method: "HJ 700-2014"}}
			s.Preserved, s.Container = "HNO3", &event.Container{Material: "HDPE"}
			f(s)
		},
		report: func(_ *scene, b *event.ResultsReported) {
			r := &b.Results[0]
			r.Analyte, r.CAS, r.Method = "Cadmium", "7440-43-9", "HJ 700-2014"
		},
	}
}

// analysedAt gives the time of analysis of the sample, as a time or a day.
func analysedAt(t event.Stamp, day event.Date) plot {
	return onReport(func(_ *scene, r *event.Result) { r.Analysed, r.AnalysedOn = t, day })
}

func TestHoldingRules(t *testing.T) {
	run(t, []sides{
		{name: "a second too late", code: "HOLD_TIME_EXCEEDED", words: []string{"W-001", "2026-03-16 09:25:00 +08:00", "14 d", "40 CFR 136", "Benzene"},
			broken: analysedAt("2026-03-16T09:25:01+08:00", ""), close: analysedAt("2026-03-16T09:25:00+08:00", "")},
		{name: "by the day", code: "HOLD_TIME_EXCEEDED", words: []string{"done at 2026-03-17"},
			broken: analysedAt("", "2026-03-17"), close: analysedAt("", "2026-03-15")},
		{name: "the sampler's own limit", code: "HOLD_TIME_EXCEEDED", words: []string{"24 h", "sampler's own"},
			broken: onSample(func(s *event.SampleCollected) { s.HoldHours = 24 }),
			close:  onSample(func(s *event.SampleCollected) { s.HoldHours = 24 * 90 })}, // a laxer one changes nothing
		{name: "extracted too late", code: "HOLD_TIME_EXCEEDED", words: []string{"extraction or digestion", "7 d"},
			broken: svoc("2026-03-09T09:25:01+08:00", "2026-03-11T09:00:00+08:00"), close: svoc("2026-03-09T09:25:00+08:00", "2026-03-11T09:00:00+08:00")},
		{name: "extract kept too long", code: "HOLD_TIME_EXCEEDED", words: []string{"40 d from 2026-03-09 09:00:00"},
			broken: svoc("2026-03-09T09:00:00+08:00", "2026-04-18T09:00:01+08:00"), close: svoc("2026-03-09T09:00:00+08:00", "2026-04-18T09:00:00+08:00")},
		{name: "received too late", code: "HOLD_TIME_EXCEEDED", variant: "received", words: []string{"only at 2026-03-16 10:00"},
			broken: func() plot {
				p := arrives("4", "yes", "2026-03-16T10:00:00+08:00")
				p.until = "aliquot"
				return p
			}(), close: func() plot {
				p := arrives("4", "yes", "2026-03-15T10:00:00+08:00")
				p.until = "aliquot"
				return p
			}()},

		{name: "no time", code: "HOLD_TIME_UNCOMPUTABLE", words: []string{"gives no time of analysis"},
			broken: analysedAt("", ""), close: plot{}},
		{name: "the day of the deadline", code: "HOLD_TIME_UNCOMPUTABLE", variant: "day_only", words: []string{"2026-03-16"},
			broken: analysedAt("", "2026-03-16"), close: analysedAt("", "2026-03-15")},
		{name: "no rule", code: "HOLD_TIME_UNCOMPUTABLE", variant: "no_rule", words: []string{"dioxins"},
			broken: onSample(func(s *event.SampleCollected) { s.Analyses = append(s.Analyses, event.Analysis{Group: "dioxins"}) }),
			close: onSample(func(s *event.SampleCollected) {
				s.Analyses, s.HoldHours = append(s.Analyses, event.Analysis{Group: "dioxins"}), 720
			})},
	})
	// An extract without a time of its making: the second stage cannot start.
	sc := play(t, svoc("", "2026-03-11T09:00:00+08:00"))
	if list := found(sc.judge().Defects, "HOLD_TIME_UNCOMPUTABLE"); len(list) != 2 || list[0].Variant != "no_preparation" {
		t.Errorf("no time of extraction: %s", telling(sc.judge()))
	}
}

// svoc makes the sample one for semi-volatiles that is extracted and analysed at given times.
func svoc(prepared, analysed event.Stamp) plot {
	return plot{
		samples: func(sc *scene) {
			sc.sample.Analyses = []event.Analysis{{Group: "svoc", Method: "HJ 716-2014"}}
			sc.sample.Preserved = "none"
		},
		report: func(_ *scene, b *event.ResultsReported) {
			r := &b.Results[0]
			r.Analyte, r.CAS, r.Method, r.Prepared, r.Analysed = "Naphthalene", "91-20-3", "HJ 834-2017", prepared, analysed
		},
	}
}

// TestHoldingTable: what a sample's table says while nothing is back, and when an
// extract's own making is the time of preparation.
func TestHoldingTable(t *testing.T) {
	table := func(p plot, now event.Stamp) []HoldingTime {
		sc := play(t, p)
		sc.in.Now = now.Time()
		for _, it := range sc.judge().Items {
			if it.Ref == sampleRef(sc.sample.Sample) {
				return it.Holding
			}
		}
		return nil
	}
	sampled := plot{until: "aliquot"}
	if h := table(sampled, "2026-03-16T09:25:00+08:00"); len(h) != 1 || h[0].State != HoldingRunning {
		t.Errorf("at the deadline: %+v", h)
	}
	if h := table(sampled, "2026-03-16T09:25:01+08:00"); len(h) != 1 || h[0].State != HoldingPassed {
		t.Errorf("after the deadline: %+v", h)
	}
	extract := svoc("", "2026-03-11T09:00:00+08:00")
	extract.aliquot = func(_ *scene, b *event.SubsampleMade) { b.Kind = "extract" }
	h := table(extract, "2026-04-20T00:00:00Z")
	if len(h) != 2 || h[0].State != HoldingMet || h[1].State != HoldingMet || h[0].Stage != "preparation" || h[0].Done != "2026-03-04 09:00:00 +08:00" {
		t.Errorf("extract: %+v", h)
	}
	mercury := metals(func(s *event.SampleCollected) { s.Analyses[0] = event.Analysis{Group: "mercury"} })
	mercury.until = "aliquot"
	if h := table(mercury, "2026-03-10T00:00:00Z"); len(h) != 1 || !h[0].Unconfirmed {
		t.Errorf("a limit nobody has compared with its source is not marked: %+v", h)
	}
}

func TestBenchRules(t *testing.T) {
	dispose := func(left string) plot {
		return ends(func(sc *scene) {
			sc.do("chen", "2026-04-10T09:00:00+08:00", &event.ItemDisposed{
				Item: sampleRef(sc.sample.Sample), Authority: "laboratory manager", HoldChecked: "yes", Method: "waste contractor",
				At: "2026-04-10T09:00:00+08:00", Left: &event.Amount{Value: dec(left), Unit: "mL"},
			})
		})
	}
	second := func(in, out, unit string) plot {
		return ends(func(sc *scene) {
			b := &event.SubsampleMade{
				Subsample: sc.uuid(), Parent: sampleRef(sc.sample.Sample), Label: "W-001-A2", Kind: "aliquot", Unit: unit,
				Analyst: sc.people["chen"].person, At: "2026-03-05T09:00:00+08:00",
			}
			if in != "" {
				b.MassIn = decp(in)
			}
			b.MassOut = decp(out)
			sc.do("chen", "2026-03-05T09:05:00+08:00", b)
		})
	}
	run(t, []sides{
		{name: "taken more than was left", code: "INSUFFICIENT_MASS_BALANCE", words: []string{"W-001-A2 took 470 mL", "460 mL was left", "start 500 mL"},
			broken: second("", "0.470", "L"), close: second("", "0.465", "L")}, // within 1 % of the start
		{name: "more out than in", code: "INSUFFICIENT_MASS_BALANCE", variant: "more_than_in", words: []string{"30 mL", "20 mL"},
			broken: second("20", "30", "mL"), close: second("30", "30", "mL")},
		{name: "more in than was left", code: "INSUFFICIENT_MASS_BALANCE", variant: "in_more_than_left", words: []string{"480 mL", "460 mL"},
			broken: second("480", "10", "mL"), close: second("460", "10", "mL")},
		{name: "weighed out of a measured volume", code: "INSUFFICIENT_MASS_BALANCE", variant: "more_than_in",
			broken: second("1", "2", "kg"), close: second("", "2", "kg")},
		{name: "negative", code: "INSUFFICIENT_MASS_BALANCE", variant: "negative",
			broken: second("", "-1", "mL"), close: second("", "1", "mL")},
		{name: "more left than there was", code: "INSUFFICIENT_MASS_BALANCE", variant: "disposal", words: []string{"490 mL", "460 mL"},
			broken: dispose("490"), close: dispose("450")},

		{name: "no parent", code: "SUBSAMPLE_ORPHAN", words: []string{"W-001-A1", "Chen"},
			broken: onAliquot(func(b *event.SubsampleMade) { b.Parent.ID[15] ^= 1 }), close: plot{}},
		{name: "its own parent", code: "SUBSAMPLE_ORPHAN", variant: "circle",
			broken: onAliquot(func(b *event.SubsampleMade) { b.Parent = subsampleRef(b.Subsample) }), close: plot{}},
		{name: "result of nothing here", code: "SUBSAMPLE_ORPHAN", variant: "result", words: []string{"HB-2026-0311", "(1)", "Q-77"},
			broken: onReport(func(_ *scene, r *event.Result) { r.Sample, r.SampleCode = nil, "Q-77" }),
			close:  onReport(func(_ *scene, r *event.Result) { r.Sample, r.SampleCode, r.LabID = nil, "Q-77", "L-001" })},
		{name: "the laboratory's own control", code: "SUBSAMPLE_ORPHAN", variant: "result",
			broken: onReport(func(_ *scene, r *event.Result) { r.Sample, r.SampleCode = nil, "LCS" }),
			close:  onReport(func(_ *scene, r *event.Result) { r.Sample, r.SampleCode, r.QC = nil, "LCS", "lcs" })},

		{name: "analysed before receipt", code: "ANALYSIS_BEFORE_RECEIPT", words: []string{"Benzene", "2026-03-02 14:09:59", "2026-03-02 14:10:00"},
			broken: analysedAt("2026-03-02T14:09:59+08:00", ""), close: analysedAt("2026-03-02T14:10:00+08:00", "")},
		{name: "analysed the day before receipt", code: "ANALYSIS_BEFORE_RECEIPT",
			broken: analysedAt("", "2026-03-01"), close: analysedAt("", "2026-03-02")},
		{name: "prepared before receipt", code: "ANALYSIS_BEFORE_RECEIPT", words: []string{"extraction"},
			broken: onReport(func(_ *scene, r *event.Result) { r.Prepared = "2026-03-02T10:00:00+08:00" }),
			close:  onReport(func(_ *scene, r *event.Result) { r.Prepared = "2026-03-03T10:00:00+08:00" })},
		{name: "aliquot before receipt", code: "ANALYSIS_BEFORE_RECEIPT", variant: "subsample", words: []string{"W-001-A1"},
			broken: onAliquot(func(b *event.SubsampleMade) { b.At = "2026-03-02T14:08:00+08:00" }), close: plot{}},
		{name: "analysed by another laboratory", code: "ANALYSIS_BEFORE_RECEIPT", variant: "no_receipt", words: []string{"Second Laboratory"},
			broken: secondLab(false), close: secondLab(true)},
		{name: "never checked in", code: "ANALYSIS_BEFORE_RECEIPT", variant: "no_receipt", words: []string{"never checked it in"},
			broken: ends(func(sc *scene) {
				sc.in.Entries = dropBodies[*event.LabAccessioned](sc.in.Entries, func(b *event.LabAccessioned) bool { return b.Sample == sc.sample.Sample })
			}),
			close: plot{}},
	})
}

func TestUnitConversionIsExact(t *testing.T) {
	for _, c := range []struct {
		in, from, to, want string
		ok                 bool
	}{
		{"0.470", "L", "mL", "470", true}, {"1", "µL", "L", "0.000001", true}, {"250", "mg", "g", "0.25", true},
		{"1", "g", "mL", "", false}, {"2", "克", "mg", "2000", true}, {"1", "drum", "L", "", false}, {"3", "drum", "drum", "3", true},
	} {
		got, ok := amountIn(dec(c.in), c.from, c.to)
		if ok != c.ok || ok && got.Cmp(dec(c.want)) != 0 {
			t.Errorf("%s %s in %s: got %s, %v", c.in, c.from, c.to, got, ok)
		}
	}
	if !over(dec("101.01"), dec("100"), dec("100"), decimal.FromInt(1)) || over(dec("101"), dec("100"), dec("100"), decimal.FromInt(1)) {
		t.Error("a tolerance of 1 % is not kept exactly")
	}
}

// secondLab: the aliquot is analysed by another laboratory, to which it was handed over or not.
func secondLab(handed bool) plot {
	return plot{
		before: map[string]func(*scene){
			"site": func(sc *scene) {
				sc.org("lab2", &event.OrgRegistered{Kind: "lab", Name: "Second Laboratory", Accreditation: accreditation()})
				sc.enrol("ma", "lab2", "lab_analyst")
				sc.grant("lab2", "write", "2026-03-02T08:10:00+08:00")
			},
			"report": func(sc *scene) {
				if !handed {
					return
				}
				items := []event.HandoverItem{{Item: subsampleRef(sc.aliquot.Subsample), Label: sc.aliquot.Label, SealNo: "L-7", Seal: "intact"}}
				sc.do("chen", "2026-03-04T09:30:00+08:00", &event.SealApplied{Item: items[0].Item, NewSeal: "L-7", Reason: "sent out", At: "2026-03-04T09:30:00+08:00"})
				sc.give("chen", "ma", "2026-03-04T10:00:00+08:00", "2026-03-04T10:05:00+08:00", items)
			},
		},
		report: func(sc *scene, b *event.ResultsReported) { b.Lab, b.Results = sc.orgID("lab2"), b.Results[:1] },
	}
}
