package hj212

import (
	"encoding/csv"
	"os"
	"testing"
)

// The embedded table must say what its source says, row by row.
func TestFactorsAgreeWithTheirSource(t *testing.T) {
	const path = "../../../shared/data/hj212/factor-codes.csv" // beside the repository
	file, err := os.Open(path)
	if err != nil {
		t.Skipf("the source table is not here (%v); the embedded copy is tested alone", err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ours := Factors()
	if len(rows)-1 != len(ours) {
		t.Fatalf("%d rows in the source, %d embedded", len(rows)-1, len(ours))
	}
	for i, row := range rows[1:] {
		if f := ours[i]; f.Code != row[0] || f.NameZH != row[1] || f.OldCode != row[2] || f.UnitZH != row[3] {
			t.Errorf("row %d: %+v, source %q", i+1, f, row)
		}
	}
}
