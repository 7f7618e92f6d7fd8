package hj212

import (
	"strings"
	"time"

	"fieldseal/sync/decimal"
)

// Item is one name=value of the CP area. "a24088-Rtd=1.20" has the name
// "a24088-Rtd", the code "a24088" and the suffix "Rtd"; "DataTime=…" has
// neither code nor suffix.
type Item struct {
	Group        int // which ";"-separated group of the area, from 0
	Name, Value  string
	Code, Suffix string
}

// The suffixes of factor codes in the standard, by what their value is.
var (
	numberSuffix = map[string]bool{"Rtd": true, "Min": true, "Avg": true, "Max": true, "Cou": true,
		"ZsRtd": true, "ZsMin": true, "ZsAvg": true, "ZsMax": true}
	otherSuffix = map[string]bool{"Flag": true, "EFlag": true, "SampleTime": true, "Info": true, "SN": true,
		"RS": true, "RT": true, "Data": true, "DayData": true, "NightData": true}
)

// Measured reports whether the value is a measured or computed figure of the
// factor (-Rtd, -Min, -Avg, -Max, -Cou and their converted -Zs twins).
func (i Item) Measured() bool { return numberSuffix[i.Suffix] }

// Number is the exact value; false when it is not a decimal number.
func (i Item) Number() (decimal.Decimal, bool) {
	d, err := decimal.ParseScientific(i.Value)
	return d, err == nil
}

// readItems reads the area between the "&&".
func (f *Frame) readItems(area string) {
	group := 0
	codes := map[string]bool{}
	for pos := 0; pos < len(area); {
		end := itemEnd(area, pos)
		if part := area[pos:end]; part != "" {
			f.readItem(part, group, codes)
		}
		if end < len(area) && area[end] == ';' {
			group++
		}
		pos = end + 1
	}
}

// itemEnd is where the item that starts at pos ends: at the next separator
// that is not inside a "//…//" value, which is how the standard encloses log
// text.
func itemEnd(area string, pos int) int {
	for i := pos; i < len(area); i++ {
		switch area[i] {
		case ';', ',':
			return i
		case '=':
			if strings.HasPrefix(area[i+1:], "//") {
				if n := strings.Index(area[i+3:], "//"); n >= 0 {
					i += 3 + n + 1
				}
			}
		}
	}
	return len(area)
}

func (f *Frame) readItem(part string, group int, codes map[string]bool) {
	name, value, ok := strings.Cut(part, "=")
	name, value = f.trim(name), f.trim(value)
	if !ok || name == "" {
		f.add(BadField, name, "the part %.40q of the CP area is not name=value", part)
		return
	}
	it := Item{Group: group, Name: name, Value: value}
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		it.Code, it.Suffix = name[:i], name[i+1:]
	}
	f.Items = append(f.Items, it)
	f.checkItem(it, codes)
}

func (f *Frame) checkItem(it Item, codes map[string]bool) {
	if it.Name == "DataTime" || it.Suffix == "SampleTime" {
		_, err := ParseTime(it.Value)
		switch {
		case err != nil:
			f.add(BadDataTime, it.Name, "%s is %.40q, not YYYYMMDDhhmmss", it.Name, it.Value)
		case len(it.Value) != dataTimeDigits:
			f.add(LongDataTime, it.Name, "%s is %.40q, with milliseconds that the standard does not have", it.Name, it.Value)
		}
	}
	if it.Measured() {
		if _, ok := it.Number(); !ok {
			f.add(BadNumber, it.Name, "%.40s is %.40q, not a decimal number", it.Name, it.Value)
		}
	}
	if it.Suffix == "Flag" {
		if _, ok := DataFlag(it.Value).Meaning(); !ok {
			f.add(BadDataFlag, it.Name, "%.40s is %.40q, not a data flag of the standard", it.Name, it.Value)
		}
	}
	if it.Suffix != "" && !numberSuffix[it.Suffix] && !otherSuffix[it.Suffix] {
		f.add(PrivateCode, it.Name, "the suffix of %.40q is in no table; its meaning is the station's own", it.Name)
	}
	if it.Code == "" || codes[it.Code] {
		return
	}
	codes[it.Code] = true
	switch {
	case len(Lookup(it.Code)) > 0:
	case len(LookupOld(it.Code)) > 0:
		f.add(OldCode, it.Code, "the factor code %.40q is one of HJ/T 212-2005", it.Code)
	default:
		f.add(PrivateCode, it.Code, "the factor code %.40q is in no table; its meaning and unit are the station's own", it.Code)
	}
}

// Item returns the first item of this name.
func (f *Frame) Item(name string) (Item, bool) {
	for _, it := range f.Items {
		if it.Name == name {
			return it, true
		}
	}
	return Item{}, false
}

// DataTime is the DataTime of the area, read as China Standard Time; false
// when absent or unreadable. See StartsPeriod for what it stands for.
func (f *Frame) DataTime() (time.Time, bool) {
	it, ok := f.Item("DataTime")
	if !ok {
		return time.Time{}, false
	}
	t, err := ParseTime(it.Value)
	return t, err == nil
}
