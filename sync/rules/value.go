package rules

import (
	"errors"
	"fmt"
	"time"

	"fieldseal/sync/decimal"

	"github.com/go-json-experiment/json/jsontext"
)

// Number is a decimal figure, in JSON a string of plain decimal text.
type Number struct{ decimal.Decimal }

// MarshalJSONTo writes the figure as a string.
func (n Number) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.String(n.Decimal.String()))
}

// UnmarshalJSONFrom reads a string of plain decimal text.
func (n *Number) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if tok.Kind() != '"' {
		return fmt.Errorf("%w: got %s", errNumber, tok.Kind())
	}
	n.Decimal, err = decimal.Parse(tok.String())
	return err
}

var errNumber = errors.New("a figure is decimal text in quotes, such as \"0.5\"")

// Cited says where a figure comes from.
type Cited struct {
	// Source is a key of Pack.Sources.
	Source string `json:"source"`
	// Note says how the figure was read out of the source, where that is not plain.
	Note string `json:"note,omitzero"`
}

// Value is a figure with its unit and source.
type Value struct {
	Value Number `json:"value"`
	Unit  string `json:"unit"`
	Cited
}

// Span is a time limit with its source.
type Span struct {
	Limit Limit `json:"limit"`
	Cited
}

// Limit is a length of time that keeps its unit, in JSON text such as "14 d".
type Limit struct {
	N    int64
	Unit TimeUnit
}

// TimeUnit is a unit of a Limit.
type TimeUnit string

// The units of time. A month is a calendar month.
const (
	Seconds TimeUnit = "s"
	Minutes TimeUnit = "min"
	Hours   TimeUnit = "h"
	Days    TimeUnit = "d"
	Months  TimeUnit = "month"
)

// maxLimit keeps a limit from overflowing a time.Duration: 100 years of days.
const maxLimit = 36_525

var errLimit = errors.New("not a time limit such as 14 d")

// MarshalText gives a number, a space and the unit.
func (l Limit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (l *Limit) UnmarshalText(text []byte) error {
	var got Limit
	if _, err := fmt.Sscanf(string(text), "%d %s", &got.N, &got.Unit); err != nil || got.String() != string(text) {
		return fmt.Errorf("%w: %.40q", errLimit, text)
	}
	switch got.Unit {
	case Seconds, Minutes, Hours, Days, Months:
	default:
		return fmt.Errorf("%w: %.40q has an unknown unit", errLimit, text)
	}
	if got.N < 0 || got.N > maxLimit {
		return fmt.Errorf("%w: %.40q is not between 0 and %d", errLimit, text, maxLimit)
	}
	*l = got
	return nil
}

func (l Limit) String() string { return fmt.Sprintf("%d %s", l.N, l.Unit) }

// IsZero reports whether l is absent.
func (l Limit) IsZero() bool { return l.Unit == "" }

// ZH is the limit in Chinese.
func (l Limit) ZH() string {
	unit := map[TimeUnit]string{Seconds: "秒", Minutes: "分钟", Hours: "小时", Days: "天", Months: "个月"}[l.Unit]
	return fmt.Sprintf("%d %s", l.N, unit)
}

// After is the instant at which the limit has run out that began at start.
func (l Limit) After(start time.Time) time.Time {
	if l.Unit == Months {
		return addMonths(start, int(l.N))
	}
	return start.Add(l.Duration())
}

// addMonths keeps to the month that is meant: a month after 31 January is the last of February.
func addMonths(t time.Time, n int) time.Time {
	out := t.AddDate(0, n, 0)
	if out.Day() != t.Day() {
		out = out.AddDate(0, 0, -out.Day())
	}
	return out
}

// Duration is the limit as a length of time; a month counts 30 days here.
func (l Limit) Duration() time.Duration {
	unit := map[TimeUnit]time.Duration{
		Seconds: time.Second, Minutes: time.Minute, Hours: time.Hour, Days: 24 * time.Hour, Months: 30 * 24 * time.Hour,
	}[l.Unit]
	return time.Duration(l.N) * unit
}

// Duration is the limit as a length of time.
func (s Span) Duration() time.Duration { return s.Limit.Duration() }
