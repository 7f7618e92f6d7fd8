package labfile

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// dateLayout is one way to write a date that cannot be misread.
type dateLayout struct {
	form          string
	hasTime, zone bool
}

var dateLayouts = []dateLayout{
	{"2006-1-2", false, false},
	{"2006/1/2", false, false},
	{"2006.1.2", false, false},
	{"20060102", false, false},
	{"2-Jan-2006", false, false},
	{"2006-1-2 15:4:5", true, false},
	{"2006-1-2 15:4", true, false},
	{"2006/1/2 15:4:5", true, false},
	{"2006/1/2 15:4", true, false},
	{"2006.1.2 15:4", true, false},
	{"200601021504", true, false},
	{"2-Jan-2006 15:4:5", true, false},
	{"2-Jan-2006 15:4", true, false},
	{"2006-1-2T15:4:5", true, false},
	{"2006-1-2T15:4", true, false},
	{"2006-1-2T15:4:5Z07:00", true, true},
	{"2006-1-2 15:4:5Z07:00", true, true},
	{"2006-1-2 15:4:5 Z07:00", true, true},
}

var (
	// slashed is a date with the year last: 3/4/2024, 03-04-2024 09:30.
	slashed = regexp.MustCompile(`^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:\s+(\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s*[AaPp][Mm])?))?$`)
	chinese = strings.NewReplacer("年", "-", "月", "-", "日", " ", "时", ":", "点", ":", "分", "", "秒", "")
	clocks  = []string{"15:04:05", "15:04", "1504", "150405", "3:04 PM", "3:04:05 PM"}
)

// dateFields are the columns of dates, each with the column of its time.
var dateFields = []struct {
	date, time Field
	of         func(*Result) *Date
}{
	{fSampled, fSampledTime, func(r *Result) *Date { return &r.Sampled }},
	{fReceived, fReceivedTime, func(r *Result) *Date { return &r.Received }},
	{fPrepared, fPreparedTime, func(r *Result) *Date { return &r.Prepared }},
	{fAnalysed, fAnalysedTime, func(r *Result) *Date { return &r.Analysed }},
	{fReported, noField, func(r *Result) *Date { return &r.Reported }},
}

// dateOrder finds out how the file means 3/4/2024: by the caller's word, by
// dates that can only be read one way, or by the layout.
func (f *File) dateOrder(o Options) DateOrder {
	if o.Dates != OrderUnknown {
		return o.Dates
	}
	var month, day *Row
	for i := range f.Rows {
		row := &f.Rows[i]
		for _, d := range dateFields {
			m := slashed.FindStringSubmatch(f.cell(row, d.date))
			if m == nil {
				continue
			}
			a, _ := strconv.Atoi(m[1])
			b, _ := strconv.Atoi(m[2])
			if a > 12 && b <= 12 && day == nil {
				day = row
			}
			if b > 12 && a <= 12 && month == nil {
				month = row
			}
		}
	}
	switch {
	case month != nil && day != nil:
		f.fileProblem(DateOrderMixed, Error, "", fmt.Sprintf("line %d writes the month first, line %d the day", month.Line, day.Line),
			fmt.Sprintf("第 %d 行日期为月在前，第 %d 行为日在前", month.Line, day.Line))
		return OrderUnknown
	case month != nil, day == nil && (f.Layout == EQuIS || f.Layout == EDF):
		return MonthFirst
	case day != nil:
		return DayFirst
	}
	return OrderUnknown
}

// readDates fills the dates of a row.
func (f *File) readDates(row *Row, o Options, order DateOrder) {
	for _, df := range dateFields {
		text := strings.TrimSpace(f.cell(row, df.date))
		if absent(text) {
			continue
		}
		d := df.of(&row.Result)
		d.Text = text
		zone := o.Zone
		if zone == nil {
			zone = time.UTC
		}
		t, kind, code := parseDate(text, order)
		if code != "" {
			f.badDate(row, df.date, text, code)
			continue
		}
		d.HasTime, d.ZoneStated = kind.hasTime, kind.zone
		if tt := strings.TrimSpace(f.cell(row, df.time)); !absent(tt) && !d.HasTime {
			c, ok := parseClock(tt)
			if !ok {
				f.badDate(row, df.time, tt, DateImpossible)
				continue
			}
			t, d.HasTime = t.Add(c), true
			d.Text += " " + tt
		}
		if !d.ZoneStated {
			t = time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone)
		}
		d.At = t
		if !o.Now.IsZero() && t.After(o.Now.Add(24*time.Hour)) {
			f.rowProblem(row, df.date, DateInFuture, Error, fmt.Sprintf("the date %q lies in the future", text), fmt.Sprintf("日期“%s”晚于当前时间", text))
		}
	}
}

func (f *File) badDate(row *Row, field Field, text string, code Code) {
	if code == DateAmbiguous {
		f.rowProblem(row, field, code, Error, fmt.Sprintf("the date %.40q could be month or day first; state the order of dates", text),
			fmt.Sprintf("日期“%.40s”无法确定月在前还是日在前，请指明日期顺序", text))
		return
	}
	f.rowProblem(row, field, code, Error, fmt.Sprintf("%.40q is no date or time that exists", text), fmt.Sprintf("“%.40s”不是有效的日期或时间", text))
}

// parseDate reads one date; code is DateImpossible or DateAmbiguous when it
// cannot.
func parseDate(text string, order DateOrder) (time.Time, dateLayout, Code) {
	s := text
	if strings.ContainsAny(s, "年月日") {
		s = strings.TrimRight(strings.TrimSpace(chinese.Replace(s)), ":")
	}
	for _, l := range dateLayouts {
		if t, err := time.Parse(l.form, s); err == nil {
			return t, l, plausible(t)
		}
	}
	m := slashed.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, dateLayout{}, DateImpossible
	}
	if order == OrderUnknown && m[1] != m[2] {
		return time.Time{}, dateLayout{}, DateAmbiguous
	}
	day, month := m[1], m[2]
	if order == MonthFirst {
		day, month = m[2], m[1]
	}
	t, err := time.Parse("2006-1-2", m[3]+"-"+month+"-"+day)
	if err != nil {
		return time.Time{}, dateLayout{}, DateImpossible
	}
	l := dateLayout{}
	if m[4] != "" {
		c, ok := parseClock(m[4])
		if !ok {
			return time.Time{}, dateLayout{}, DateImpossible
		}
		t, l.hasTime = t.Add(c), true
	}
	return t, l, plausible(t)
}

// plausible refuses years that no result is from: mistyped, or the zero of a
// spreadsheet (1899, 1900).
func plausible(t time.Time) Code {
	const first, last = 1950, 2200
	if t.Year() < first || t.Year() > last {
		return DateImpossible
	}
	return ""
}

// parseClock reads a time of day.
func parseClock(text string) (time.Duration, bool) {
	s := strings.ToUpper(strings.Join(strings.Fields(text), " "))
	s = strings.ReplaceAll(strings.ReplaceAll(s, " AM", "AM"), " PM", "PM")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "AM", " AM"), "PM", " PM")
	for _, l := range clocks {
		if t, err := time.Parse(l, s); err == nil {
			return t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)), true
		}
	}
	return 0, false
}

// checkOrder compares the dates of a row: sampled ≤ received ≤ prepared ≤
// analysed ≤ reported (EDF: ANADATE is not before EXTDATE, RECDATE and LOGDATE
// and not after REP_DATE). Where one of two has no time, the days count.
func (f *File) checkOrder(row *Row) {
	for i, a := range dateFields {
		for _, b := range dateFields[i+1:] {
			x, y := a.of(&row.Result), b.of(&row.Result)
			if x.At.IsZero() || y.At.IsZero() || !x.after(y) {
				continue
			}
			f.rowProblem(row, b.date, DatesOutOfOrder, Error,
				fmt.Sprintf("%s (%s) is before %s (%s)", f.name(b.date), y.Text, f.name(a.date), x.Text),
				fmt.Sprintf("%s（%s）早于%s（%s）", f.name(b.date), y.Text, f.name(a.date), x.Text))
		}
	}
}

// after reports whether x is later than y as far as both are known.
func (x *Date) after(y *Date) bool {
	if x.HasTime && y.HasTime && x.ZoneStated == y.ZoneStated {
		return x.At.After(y.At)
	}
	day := func(d *Date) string { return d.At.Format(time.DateOnly) }
	return day(x) > day(y)
}
