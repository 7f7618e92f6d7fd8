package projection_test

import (
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/google/go-cmp/cmp"
)

// Pages of any length come to the same list, whatever their cuts fall into.
func TestPagesOfArrivalsLoseAndRepeatNothing(t *testing.T) {
	w := ingesttest.New(t)
	id := w.Rich()
	admin, plain, boss := w.AddPerson(w.Org, event.RoleAdmin), w.AddPerson(w.Org), w.AddPerson(w.Org, event.RoleSupervisor)
	d := w.AddDevice()
	w.Submit(d.Genesis())
	for i := range 9 { // lines that are nobody's in particular, and one of the supervisor's behind them
		w.Submit([]byte{'x', byte('a' + i)})
	}
	w.Submit(d.Fork().SealBytes([]byte(`{"v":2,"type":"note.written","device":"` + d.ID.String() + `","seq":9}`)))
	for name, v := range map[string]struct {
		person, only event.UUID
		least        int
	}{"an administrator": {admin, event.UUID{}, 60}, "an inspector": {plain, event.UUID{}, 50}, "one case": {admin, id, 40}, "a supervisor": {boss, event.UUID{}, 50}} {
		var whole []projection.Arrival
		w.Read(func(tx *store.Tx) error {
			p, _, err := projection.PersonByID(tx, v.person)
			if err != nil {
				return err
			}
			var end int64
			if whole, end, err = projection.Arrivals(tx, p, v.only, -1, 1<<20); err != nil {
				return err
			}
			last, _, err := tx.LastCheckpoint()
			if len(whole) < v.least || end != last.Size-1 {
				t.Errorf("%s: %d arrivals up to %d of %d", name, len(whole), end, last.Size)
			}
			for _, limit := range []int64{1, 2, 3, 7, 50} {
				var pages []projection.Arrival
				for after := int64(-1); after < end; {
					page, next, err := projection.Arrivals(tx, p, v.only, after, limit)
					if err != nil {
						return err
					}
					if next <= after || int64(len(page)) > limit {
						t.Fatalf("%s, by %d: %d arrivals after %d, complete up to %d", name, limit, len(page), after, next)
					}
					pages, after = append(pages, page...), next
				}
				if diff := cmp.Diff(whole, pages); diff != "" {
					t.Errorf("%s, by %d: %s", name, limit, diff)
				}
			}
			return err
		})
		codes, foreign := 0, 0
		for _, a := range whole {
			if a.Code != "" {
				codes++
			}
			if !v.only.IsZero() && a.Case != v.only {
				foreign++
			}
		}
		if (codes > 0) == (v.person == plain) || foreign > 0 {
			t.Errorf("%s is told of %d lines in quarantine and of %d arrivals elsewhere", name, codes, foreign)
		}
	}
}
