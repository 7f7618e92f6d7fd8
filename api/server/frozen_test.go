package server_test

import (
	"testing"

	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
)

// A ledger that has ended says so, and still answers what it holds.
func TestFrozenLedger(t *testing.T) {
	s := servertest.Start(t)
	d := s.AddDevice()
	c := visitor(t, s)
	c.token = c.signIn(d).AccessToken
	genesis := d.Genesis()
	before := c.batch(genesis)
	if _, err := s.Engine.Freeze(t.Context(), "the end"); err != nil {
		t.Fatal(err)
	}
	_, late := d.OpenCase("late")
	c.refused("something new", c.packed("identity", late), wire.CodeFrozen)
	again := c.batch(genesis)
	if before.Results[0].Index != again.Results[0].Index || again.Results[0].Status != wire.StatusDuplicate {
		t.Errorf("%+v, then %+v", before, again)
	}
}
