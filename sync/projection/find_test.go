package projection_test

import (
	"strings"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

// TestEventsByPrefix: events are found by the digits that are on paper, whether the
// index of ids has come to them or not, and each once.
func TestEventsByPrefix(t *testing.T) {
	w := ingesttest.New(t)
	d := w.AddDevice()
	w.Submit(d.Genesis())
	id, open := d.OpenCase("1")
	var ids []event.ID
	for _, r := range w.Submit(open, d.Note(id, "a"), d.Note(id, "b"), d.Note(id, "c")).Results {
		ids = append(ids, r.ID)
	}
	find := func(digits string) (list []event.ID) {
		t.Helper()
		w.Read(func(tx *store.Tx) error {
			rows, err := projection.EventsByPrefix(tx, digits, 100)
			for _, r := range rows {
				list = append(list, r.ID)
			}
			return err
		})
		return list
	}
	check := func(when string) {
		t.Helper()
		for _, id := range ids {
			for _, n := range []int{1, 2, 12, 13, 16, 17, 40, 64} {
				got, one := find(id.String()[:n]), 0
				for _, g := range got {
					if !strings.HasPrefix(g.String(), id.String()[:n]) {
						t.Errorf("%s: %s is found by %s", when, g, id.String()[:n])
					}
					if g == id {
						one++
					}
				}
				if one != 1 || n > 11 && len(got) != 1 {
					t.Errorf("%s: %s is found %d times among %d by %d digits", when, id, one, len(got), n)
				}
			}
			if got := find(strings.ToUpper(id.String()[:12])); len(got) != 1 {
				t.Errorf("%s: not found in capitals", when)
			}
		}
		for _, nothing := range []string{"", "x", "zz", strings.Repeat("0", 64), ids[0].String() + "0", "-1"} {
			if got := find(nothing); len(got) != 0 {
				t.Errorf("%s: %q finds %v", when, nothing, got)
			}
		}
	}
	check("without the index")
	index := func(limit int64) {
		t.Helper()
		if err := w.Store.Write(t.Context(), func(tx *store.Tx) error { return projection.IndexIDs(tx, limit) }); err != nil {
			t.Fatal(err)
		}
	}
	index(4)
	check("with half of it")
	index(1000)
	check("with all of it")
}
