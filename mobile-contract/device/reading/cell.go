package reading

import (
	"encoding/csv"
	"errors"
	"strings"

	"fieldseal/sync/decimal"
	"fieldseal/sync/unit"
)

// minus9999 is the number that RETIGO and many loggers write for missing.
var minus9999 = decimal.FromInt(-9999)

// blanks are texts that mean missing in any column.
var blanks = map[string]bool{"na": true, "n/a": true, "nan": true, "null": true, "none": true, "-": true, "--": true, "---": true, "-nan": true}

// overs are texts that instruments write for over-range.
var overs = map[string]bool{"ol": true, "over": true, "ovr": true, "overrange": true, "over range": true, "over-range": true, "+ol": true, "inf": true, "+inf": true}

// readNumber reads one cell of figures. comma is true where the decimal mark
// is a comma.
func readNumber(text string, comma bool, missing map[string]bool) Value {
	t := strings.TrimSpace(text)
	v := Value{Text: text}
	low := strings.ToLower(t)
	switch {
	case t == "":
		v.Reason = Empty
		return v
	case blanks[low] || missing[t]:
		v.Reason = Sentinel
		return v
	case overs[low]:
		v.Reason, v.Over = OverScale, true
		return v
	}
	if comma {
		if strings.Contains(t, ".") {
			v.Reason = NotANumber
			return v
		}
		t = strings.Replace(t, ",", ".", 1)
	}
	n, err := decimal.ParseScientific(t)
	switch {
	case err != nil:
		v.Reason = NotANumber
	case n.Cmp(minus9999) == 0:
		v.Reason = Sentinel
	default:
		v.State, v.Number = Measured, n
	}
	return v
}

// e7 is degrees × 10^7 of a cell; rounded when it had more than seven decimals.
func e7(v Value, limit int64) (n int64, rounded, ok bool) {
	if v.State != Measured {
		return 0, false, false
	}
	d, exact, err := v.Number.Round(7)
	if err != nil || d.N > limit*1e7 || d.N < -limit*1e7 {
		return 0, false, false
	}
	return d.N, !exact, true
}

// fix is what two cells of coordinates come to.
type fix int

const (
	fixNone fix = iota // both missing
	fixZero            // 0, 0: written by receivers without a fix
	fixBad             // unreadable or impossible
	fixGood
)

// position makes a Position of two cells.
func position(lat, lon Value) (*Position, fix) {
	gone := func(v Value) bool { return v.State == Missing && (v.Reason == Empty || v.Reason == Sentinel) }
	if gone(lat) && gone(lon) {
		return nil, fixNone
	}
	a, ra, okA := e7(lat, 90)
	b, rb, okB := e7(lon, 180)
	switch {
	case !okA || !okB:
		return nil, fixBad
	case a == 0 && b == 0:
		return nil, fixZero
	}
	return &Position{LatE7: a, LonE7: b, Rounded: ra || rb}, fixGood
}

var errCells = errors.New("not a line of cells")

// split cuts a line into cells. Quotes work as in RFC 4180, but a cell never
// runs over the line.
func split(text string, delim rune) ([]string, error) {
	if !strings.Contains(text, `"`) {
		return strings.Split(text, string(delim)), nil
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = delim, -1
	cells, err := r.Read()
	if err != nil {
		return nil, errCells
	}
	return cells, nil
}

// key folds a header text to letters and digits, for comparison.
func key(s string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(s) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// nameAndUnit splits "CO(ppb)", "pid[ppb]" or "Temp (°C)".
func nameAndUnit(head string) (name, unitText string) {
	head = strings.TrimSpace(head)
	for _, pair := range []string{"()", "[]", "（）"} {
		open, closing := []rune(pair)[0], []rune(pair)[1]
		i := strings.IndexRune(head, open)
		if i > 0 && strings.HasSuffix(head, string(closing)) {
			inner := head[i+len(string(open)) : len(head)-len(string(closing))]
			return strings.TrimSpace(head[:i]), strings.TrimSpace(inner)
		}
	}
	return head, ""
}

// quantities maps a folded column name to its neutral name.
var quantities = map[string]string{
	"co": "co", "no2": "no2", "no": "no", "nox": "nox", "so2": "so2", "o3": "o3", "h2s": "h2s", "nh3": "nh3", "co2": "co2", "ch4": "methane",
	"ufp": "ultrafine_particles", "bc": "black_carbon", "pm1": "pm1", "pm10": "pm10", "pm25": "pm2.5", "pm2510": "pm2.5-10",
	"voc": "voc", "tvoc": "voc", "pid": "voc", "nmhc": "nmhc", "benzene": "benzene", "toluene": "toluene",
	"temp": "temperature", "temperature": "temperature", "rh": "humidity", "humidity": "humidity", "pressure": "pressure", "press": "pressure",
	"ws": "wind_speed", "windspeed": "wind_speed", "wd": "wind_direction", "winddirection": "wind_direction", "winddir": "wind_direction",
	"carspeed": "vehicle_speed", "speed": "vehicle_speed", "id": "label", "label": "label", "run": "label",
}

// channel makes a Channel of a header cell.
func channel(head string) Channel {
	name, u := nameAndUnit(head)
	k := key(name)
	if strings.EqualFold(name, "PM1.0") {
		k = "pm1" // key drops the point, which would make it PM10
	}
	c := Channel{Name: strings.TrimSpace(head), Quantity: quantities[k], UnitAsWritten: u}
	if known, ok := unit.Parse(u); ok {
		c.Unit = known.Code
	}
	if c.Quantity == "label" {
		c.Label, c.Unit = true, ""
	}
	return c
}
