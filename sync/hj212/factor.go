package hj212

import (
	_ "embed"
	"encoding/csv"
	"strings"
	"sync"
)

// Factor is one row of the factor code table.
type Factor struct {
	Code    string // "a24088"; an "x" in "e101xx" or "i3331x" stands for a digit of the device number
	NameZH  string
	UnitZH  string // as the standard prints it
	Unit    string // the same in UCUM spelling; "" when the station defines it
	OldCode string // code in HJ/T 212-2005, "" when it had none
}

// factorsCSV holds 379 rows. The table gives a05002 (methane) and a21001
// (ammonia) in ng/m3, a million times finer than their neighbours in mg/m3; a
// value must not be compared with a limit before the station's real unit is
// known. Two codes (e701xx, g119xx) stand there twice.
//
//go:embed factors.csv
var factorsCSV string

type factorTable struct {
	byCode, byOld map[string][]Factor
	all           []Factor
}

var factors = sync.OnceValue(func() factorTable {
	r := csv.NewReader(strings.NewReader(factorsCSV))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil {
		panic("hj212: embedded factor table: " + err.Error())
	}
	t := factorTable{byCode: map[string][]Factor{}, byOld: map[string][]Factor{}}
	for _, row := range rows[1:] {
		f := Factor{Code: row[0], NameZH: row[1], UnitZH: row[2], Unit: row[3], OldCode: row[4]}
		t.all = append(t.all, f)
		t.byCode[f.Code] = append(t.byCode[f.Code], f)
		if f.OldCode != "" {
			t.byOld[f.OldCode] = append(t.byOld[f.OldCode], f)
		}
	}
	return t
})

// Factors is the whole table in its order.
func Factors() []Factor { return append([]Factor(nil), factors().all...) }

// Lookup finds the factors of a code: one, none for a private code, or two
// where the table gives one code two meanings. Device numbers match the "x"
// of the table.
func Lookup(code string) []Factor {
	t := factors()
	if f := t.byCode[code]; f != nil {
		return f
	}
	if len(code) != len("e101xx") {
		return nil
	}
	for _, wild := range []string{code[:5] + "x", code[:4] + "xx"} {
		if f := t.byCode[wild]; f != nil && digits(code[strings.IndexByte(wild, 'x'):]) {
			return f
		}
	}
	return nil
}

// LookupOld finds the factors of an HJ/T 212-2005 code. Water and air reused
// numbers, so ST has to decide between several.
func LookupOld(code string) []Factor { return factors().byOld[code] }

func digits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
