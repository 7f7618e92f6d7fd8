package certificate

import (
	"fmt"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/report"
)

// say picks the words of the document's language.
func (d *document) say(en, zh string) string {
	if d.zh {
		return zh
	}
	return en
}

func (d *document) text(t custody.Text) string { return d.say(t.EN, t.ZH) }

// word gives the report's word for a value of the record; a value without one
// stays as it is.
func (d *document) word(key, value string) string {
	l := bag.English
	if d.zh {
		l = bag.Chinese
	}
	if w, ok := report.Word(l, key+value); ok {
		return w
	}
	return value
}

func (d *document) none() string { return d.say("none recorded", "未记录") }

// or gives a text, or says that there is none.
func (d *document) or(s string) string {
	if s == "" {
		return d.none()
	}
	return s
}

func (d *document) authority() string {
	a := &d.in.Authority
	switch {
	case a.NameZH == "":
		return a.Name
	case d.zh:
		return a.NameZH
	}
	return a.Name
}

const clockLayout = "2006-01-02 15:04:05 -07:00"

// when writes a time that nobody claimed in the zone of the certificate.
func (d *document) when(t time.Time) string {
	if t.IsZero() {
		return d.none()
	}
	return t.In(d.in.Made.Location()).Format(clockLayout)
}

// claimed writes a time as somebody's clock showed it, with its own offset.
func (d *document) claimed(s event.Stamp) string {
	if s == "" {
		return d.none()
	}
	return s.Time().Format(clockLayout)
}

// span writes a length of time in the two largest units that matter.
func (d *document) span(t time.Duration) string {
	t = t.Abs().Round(time.Second)
	days, hours, mins, secs := int64(t/(24*time.Hour)), int64(t%(24*time.Hour)/time.Hour), int64(t%time.Hour/time.Minute), int64(t%time.Minute/time.Second)
	switch {
	case days > 0:
		return d.say(fmt.Sprintf("%d d %d h", days, hours), fmt.Sprintf("%d 天 %d 小时", days, hours))
	case hours > 0:
		return d.say(fmt.Sprintf("%d h %d min", hours, mins), fmt.Sprintf("%d 小时 %d 分", hours, mins))
	case mins > 0:
		return d.say(fmt.Sprintf("%d min %d s", mins, secs), fmt.Sprintf("%d 分 %d 秒", mins, secs))
	}
	return d.say(fmt.Sprintf("%d s", secs), fmt.Sprintf("%d 秒", secs))
}

// unexplained writes the time of a handover that nothing accounts for.
func (d *document) unexplained(ms int64) string {
	if ms < 1000 {
		return ""
	}
	return d.span(time.Duration(ms) * time.Millisecond)
}

// label names a thing by what is written on it.
func (d *document) label(ref event.Ref) string {
	if l := d.labels[ref]; l != "" {
		return l
	}
	return d.word("ref.", string(ref.Kind)) + " " + ref.ID.String()
}

// labelOf is an item's label, or what it is where it has none.
func (d *document) labelOf(it *custody.Item) string { return d.label(it.Ref) }

// weight says in words how much a defect weighs, for readers without colour.
func (d *document) weight(s custody.Severity) string {
	switch s {
	case custody.Fatal:
		return d.say("F (risk of exclusion)", "F（有被排除的风险）")
	case custody.Curable:
		return d.say("C (can be cured)", "C（可补正）")
	}
	return d.say("W (to be looked at)", "W（需关注）")
}

// place writes a fix with its datum and accuracy.
func (d *document) place(pl *event.Place) string {
	if pl == nil {
		return ""
	}
	s := degrees(pl.LatE7) + ", " + degrees(pl.LonE7) + " (" + string(pl.Datum)
	if pl.AccuracyMM > 0 {
		s += fmt.Sprintf(", ±%d.%d m", pl.AccuracyMM/1000, pl.AccuracyMM%1000/100)
	}
	return s + ")"
}

// degrees writes an angle of 1e-7 degree to six decimals, about a decimetre.
func degrees(e7 int64) string {
	sign := ""
	if e7 < 0 {
		sign, e7 = "-", -e7
	}
	return fmt.Sprintf("%s%d.%06d°", sign, e7/1e7, e7%1e7/10)
}
