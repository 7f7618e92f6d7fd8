package rules

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"fieldseal/sync/event"
)

// checker collects the faults of a pack.
type checker struct {
	pack   *Pack
	faults []error
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf(format, args...))
}

func (p *Pack) check() error {
	c := &checker{pack: p}
	c.head()
	c.spans()
	c.values()
	c.groups()
	c.spellings()
	c.holding()
	c.preservation()
	c.sampling()
	c.series()
	c.quality()
	c.units()
	c.dossier()
	c.limits()
	return errors.Join(c.faults...)
}

func (c *checker) head() {
	p := c.pack
	for name, s := range map[string]string{"id": p.ID, "version": p.Version, "jurisdiction": p.Jurisdiction, "effective": string(p.Effective)} {
		if strings.TrimSpace(s) == "" {
			c.fault("%s is missing", name)
		}
	}
	if _, err := p.Effective.At(); p.Effective != "" && err != nil {
		c.fault("effective: %w", err)
	}
	c.text(p.Title, "title")
	if len(p.Sources) == 0 {
		c.fault("sources is missing")
	}
	for name, s := range p.Sources {
		c.text(s.Title, "sources."+name+".title")
	}
}

// text requires both languages.
func (c *checker) text(t Text, name string) {
	if strings.TrimSpace(t.EN) == "" || strings.TrimSpace(t.ZH) == "" {
		c.fault("%s must be given in en and zh", name)
	}
}

func (c *checker) cited(s Cited, name string) {
	if _, ok := c.pack.Sources[s.Source]; !ok {
		c.fault("%s: source %q is not one of sources", name, s.Source)
	}
}

func (c *checker) span(s Span, name string) {
	if s.Limit.IsZero() {
		c.fault("%s.limit is missing", name)
	}
	c.cited(s.Cited, name)
}

// value requires a figure in the one unit that the code reads it in.
func (c *checker) value(v Value, unit, name string) {
	if v.Unit != unit {
		c.fault("%s: unit is %q, must be %q", name, v.Unit, unit)
	}
	if v.Value.Sign() < 0 {
		c.fault("%s is negative", name)
	}
	c.cited(v.Cited, name)
}

func (c *checker) spans() {
	p := c.pack
	c.span(p.Custody.ByHandGap, "custody.by_hand_gap")
	c.span(p.Custody.CourierTransit, "custody.courier_transit")
	c.span(p.Custody.AcceptanceGrace, "custody.acceptance_grace")
	c.span(p.Custody.ClockTolerance, "custody.clock_tolerance")
	c.span(p.Receipt.SameDayOnIce, "receipt.same_day_on_ice")
	c.span(p.Air.BumpAge, "air.bump_age")
	c.span(p.Position.FixAge, "position.fix_age")
	c.span(p.Clock.Jump, "clock.jump")
	c.span(p.Clock.Offset, "clock.offset")
	c.span(p.Clock.LateSync, "clock.late_sync")
	c.span(p.Clock.Width, "clock.width")
	c.span(p.Clock.RevocationWindow, "clock.revocation_window")
	c.span(p.Photo.TimeConflict, "photo.time_conflict")
	c.span(p.Photo.ReuseTime, "photo.reuse_time")
	c.span(p.Dossier.Decide, "dossier.decide")
	c.span(p.Dossier.Send, "dossier.send")
}

func (c *checker) values() {
	p := c.pack
	c.value(p.Custody.MassTolerance, "%", "custody.mass_tolerance")
	c.value(p.Receipt.TempMin, "°C", "receipt.temp_min")
	c.value(p.Receipt.TempMax, "°C", "receipt.temp_max")
	if p.Receipt.TempMin.Value.Cmp(p.Receipt.TempMax.Value.Decimal) >= 0 {
		c.fault("receipt.temp_min is not below temp_max")
	}
	c.value(p.Receipt.HeadspaceMax, "mm", "receipt.headspace_max")
	c.value(p.Sampling.DumpingMin, "increments", "sampling.dumping_min")
	c.value(p.Sampling.ContainerMax, "L", "sampling.container_max")
	c.value(p.Sampling.Officers, "persons", "sampling.officers")
	c.value(p.QC.BlankFactor, "times", "qc.blank_factor")
	c.value(p.QC.RPDFloor, "times", "qc.rpd_floor")
	c.value(p.Air.BumpTolerance, "%", "air.bump_tolerance")
	c.value(p.Air.Drift, "%", "air.drift")
	c.value(p.Air.ZeroTolerance, "%", "air.zero_tolerance")
	c.value(p.Air.FlatlineRecords, "records", "air.flatline_records")
	c.value(p.Air.GapFactor, "periods", "air.gap_factor")
	c.value(p.Air.StepRange, "%", "air.step_range")
	c.value(p.Air.HourMinutes, "min", "air.hour_minutes")
	c.value(p.Air.DayHours, "h", "air.day_hours")
	c.value(p.Position.SiteTolerance, "m", "position.site_tolerance")
	c.value(p.Position.SiteRadius, "m", "position.site_radius")
	c.value(p.Photo.PlaceConflict, "m", "photo.place_conflict")
	c.value(p.Photo.SameBits, "bits", "photo.same_bits")
	c.value(p.Photo.ReuseDistance, "m", "photo.reuse_distance")
}

func (c *checker) groups() {
	seen, cas := map[string]bool{}, map[string]string{}
	for _, g := range c.pack.Groups {
		name := "groups." + g.ID
		if g.ID == "" || seen[g.ID] {
			c.fault("%s: every group has an id of its own", name)
		}
		seen[g.ID] = true
		c.text(g.Title, name+".title")
		for _, n := range g.CAS {
			if !ValidCAS(n) {
				c.fault("%s: %q is not a CAS number", name, n)
			}
			if other, ok := cas[n]; ok {
				c.fault("%s: CAS number %s is already in group %s", name, n, other)
			}
			cas[n] = g.ID
		}
	}
	if len(seen) == 0 {
		c.fault("groups is missing")
	}
}

func (c *checker) group(id, name string) {
	if !slices.ContainsFunc(c.pack.Groups, func(g Group) bool { return g.ID == id }) {
		c.fault("%s: group %q is not one of groups", name, id)
	}
}

func (c *checker) matrices(list []event.Matrix, name string) {
	if len(list) == 0 {
		c.fault("%s.matrices is missing", name)
	}
	for _, m := range list {
		if !slices.Contains(m.Words(), string(m)) {
			c.fault("%s: matrix %q is not known", name, m)
		}
	}
}

// once requires that no two rules speak of one group in one matrix.
func (c *checker) once(seen map[string]bool, group string, list []event.Matrix, name string) {
	for _, m := range list {
		key := group + " in " + string(m)
		if seen[key] {
			c.fault("%s: a second rule for %s", name, key)
		}
		seen[key] = true
	}
}

func (c *checker) spellings() {
	seen := map[string]bool{}
	for _, s := range c.pack.Spellings {
		if s.Kind != "container" && s.Kind != "preservative" || s.Word == "" {
			c.fault("spellings: kind %q, word %q: kind is container or preservative, and there is a word", s.Kind, s.Word)
		}
		c.text(s.Title, "spellings."+s.Word+".title")
		forms := map[string]bool{fold(s.Word): true}
		for _, f := range s.Also {
			forms[fold(f)] = true
		}
		for f := range forms {
			if key := s.Kind + " " + f; seen[key] {
				c.fault("spellings: %s %q stands for two words", s.Kind, f)
			} else {
				seen[key] = true
			}
		}
	}
}

func (c *checker) words(kind string, list []string, name string) {
	if len(list) == 0 {
		c.fault("%s: no %s is listed", name, kind)
	}
	for _, w := range list {
		if !slices.ContainsFunc(c.pack.Spellings, func(s Spelling) bool { return s.Kind == kind && s.Word == w }) {
			c.fault("%s: %s %q is not one of spellings", name, kind, w)
		}
	}
}

func (c *checker) holding() {
	seen := map[string]bool{}
	for _, h := range c.pack.Holding {
		name := "holding of " + h.Group
		c.group(h.Group, name)
		c.matrices(h.Matrices, name)
		c.once(seen, h.Group, h.Matrices, name)
		c.cited(h.Cited, name)
		if h.Analysis.IsZero() {
			c.fault("%s: analysis is missing", name)
		}
	}
}

func (c *checker) preservation() {
	seen := map[string]bool{}
	for _, r := range c.pack.Preservation {
		name := "preservation of " + r.Group
		c.group(r.Group, name)
		c.matrices(r.Matrices, name)
		c.once(seen, r.Group, r.Matrices, name)
		c.words("container", r.Containers, name)
		c.words("preservative", r.Preservatives, name)
		c.cited(r.Cited, name)
	}
}

func (c *checker) sampling() {
	rows := c.pack.Sampling.Increments
	for i, r := range rows {
		last := i == len(rows)-1
		if (r.UpTo == nil) != last {
			c.fault("sampling.increments: every row but the last says up to how many tonnes")
		}
		if i > 0 && r.UpTo != nil && rows[i-1].UpTo != nil && r.UpTo.Cmp(rows[i-1].UpTo.Decimal) <= 0 {
			c.fault("sampling.increments: rows must ascend")
		}
		if r.Min < 1 || i > 0 && r.Min <= rows[i-1].Min {
			c.fault("sampling.increments: min must ascend from at least 1")
		}
		c.cited(r.Cited, "sampling.increments")
	}
	if len(rows) == 0 {
		c.fault("sampling.increments is missing")
	}
}

func (c *checker) quality() {
	q := c.pack.QC
	c.matrices(q.TripBlank, "qc.trip_blank")
	c.cited(q.TripBlankCited, "qc.trip_blank")
	seen := map[string]bool{}
	for _, r := range q.RPD {
		c.matrices(r.Matrices, "qc.rpd")
		c.once(seen, "duplicates", r.Matrices, "qc.rpd")
		c.cited(r.Cited, "qc.rpd")
		if r.Max.Sign() <= 0 {
			c.fault("qc.rpd: max_percent must be above 0")
		}
	}
	l := c.pack.Lab
	if len(l.Signers) == 0 || len(l.NotDetected) == 0 {
		c.fault("lab: signers and not_detected must be listed")
	}
	for _, s := range l.Signers {
		if !slices.Contains(s.Words(), string(s)) {
			c.fault("lab.signers: %q is not a signer's role", s)
		}
	}
	c.cited(l.SignersCited, "lab.signers")
	c.cited(l.WordsCited, "lab.not_detected")
}

func (c *checker) units() {
	taken := map[string]bool{}
	for _, set := range c.pack.Units {
		c.matrices(set.Matrices, "units")
		c.once(taken, "results", set.Matrices, "units")
		c.cited(set.Cited, "units")
		seen := map[string]bool{}
		for _, u := range set.Units {
			if u.Unit == "" || u.Dimension == "" || u.Factor.Sign() <= 0 {
				c.fault("units: %q needs a dimension and a factor above 0", u.Unit)
			}
			forms := map[string]bool{fold(u.Unit): true}
			for _, f := range u.Also {
				forms[fold(f)] = true
			}
			for f := range forms {
				if seen[f] {
					c.fault("units: %q stands for two units of one set", f)
				}
				seen[f] = true
			}
		}
	}
}

func (c *checker) dossier() {
	for _, d := range c.pack.Dossier.Documents {
		if d.Kind == "" {
			c.fault("dossier.documents: kind is missing")
		}
		c.text(d.Title, "dossier.documents."+d.Kind)
		c.cited(d.Cited, "dossier.documents."+d.Kind)
	}
}

func (c *checker) limits() {
	seen := map[string]bool{}
	for _, l := range c.pack.Limits {
		name := "limits." + l.ID
		if l.ID == "" || seen[l.ID] {
			c.fault("%s: every limit has an id of its own", name)
		}
		seen[l.ID] = true
		c.text(l.Title, name+".title")
		c.cited(l.Cited, name)
		if !slices.Contains([]string{">", ">=", "<="}, l.Op) || l.Unit == "" {
			c.fault("%s: op is >, >= or <=, and there is a unit", name)
		}
		if l.CAS != "" && !ValidCAS(l.CAS) {
			c.fault("%s: %q is not a CAS number", name, l.CAS)
		}
		if len(l.Matrices) > 0 {
			c.matrices(l.Matrices, name)
		}
	}
}
