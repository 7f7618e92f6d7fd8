package labfile

import (
	"errors"
	"fmt"
	"time"

	"fieldseal/mobile-contract/device/sheet"
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
	proof := map[DateOrder]int64{} // line of the first date that proves an order
	for i := range f.Rows {
		for _, d := range dateFields {
			order := sheet.OrderOf(f.cell(&f.Rows[i], d.date))
			if _, have := proof[order]; !have {
				proof[order] = f.Rows[i].Line
			}
		}
	}
	month, isMonth := proof[MonthFirst]
	day, isDay := proof[DayFirst]
	switch {
	case isMonth && isDay:
		f.fileProblem(DateOrderMixed, Error, "", fmt.Sprintf("line %d writes the month first, line %d the day", month, day),
			fmt.Sprintf("第 %d 行日期为月在前，第 %d 行为日在前", month, day))
		return OrderUnknown
	case isMonth, !isDay && (f.Layout == EQuIS || f.Layout == EDF):
		return MonthFirst
	case isDay:
		return DayFirst
	}
	return OrderUnknown
}

// readDates fills the dates of a row.
func (f *File) readDates(row *Row, o Options, order DateOrder) {
	for _, df := range dateFields {
		text := f.text(row, df.date)
		if text == "" {
			continue
		}
		d := df.of(&row.Result)
		d.Text = text
		m, err := sheet.ParseDate(text, order, o.Zone)
		if err != nil {
			f.badDate(row, df.date, text, err)
			continue
		}
		if clock := f.text(row, df.time); clock != "" && !m.HasTime {
			var ok bool
			if m, ok = m.WithClock(clock); !ok {
				f.badDate(row, df.time, clock, sheet.ErrDate)
				continue
			}
			d.Text += " " + clock
		}
		d.Moment = m
		if !o.Now.IsZero() && m.At.After(o.Now.Add(24*time.Hour)) {
			f.rowProblem(row, df.date, DateInFuture, Error, fmt.Sprintf("the date %q lies in the future", text), fmt.Sprintf("日期“%s”晚于当前时间", text))
		}
	}
}

func (f *File) badDate(row *Row, field Field, text string, err error) {
	if errors.Is(err, sheet.ErrAmbiguous) {
		f.rowProblem(row, field, DateAmbiguous, Error, fmt.Sprintf("the date %.40q could be month or day first; state the order of dates", text),
			fmt.Sprintf("日期“%.40s”无法确定月在前还是日在前，请指明日期顺序", text))
		return
	}
	f.rowProblem(row, field, DateImpossible, Error, fmt.Sprintf("%.40q is no date or time that exists", text), fmt.Sprintf("“%.40s”不是有效的日期或时间", text))
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
