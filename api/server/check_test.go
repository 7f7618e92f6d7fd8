package server_test

import (
	"strings"
	"testing"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
)

// What a check lets pass is accepted when it is sealed and handed in, what it
// refuses is named, and nothing of either is stored.
func TestCheck(t *testing.T) {
	k := newScene(t)
	c := visitor(t, k.s)
	c.token = c.signIn(k.device).AccessToken
	size := k.s.Engine.Size()
	note, err := event.MarshalBody(&event.NoteWritten{Text: "smell of solvent"})
	if err != nil {
		t.Fatal(err)
	}
	caseID, other := k.caseID.String(), k.s.ID().String()
	for name, v := range map[string]struct {
		act  wire.Act
		want string
	}{
		"a note":                         {wire.Act{Type: "note.written", Case: caseID, Body: note}, ""},
		"an empty note":                  {wire.Act{Type: "note.written", Case: caseID, Body: []byte(`{"text":""}`)}, "text is missing"},
		"a member too much":              {wire.Act{Type: "note.written", Case: caseID, Body: []byte(`{"text":"a","colour":"red"}`)}, "colour"},
		"no case":                        {wire.Act{Type: "note.written", Body: note}, "names no case"},
		"a case that is none":            {wire.Act{Type: "note.written", Case: "x", Body: note}, "not an identifier"},
		"a case of nobody":               {wire.Act{Type: "note.written", Case: other, Body: note}, "no right to write"},
		"what the authority alone seals": {wire.Act{Type: "device.revoked", Body: []byte("{}")}, "cannot seal"},
		"a type of nothing":              {wire.Act{Type: "x", Case: caseID, Body: note}, "cannot seal"},
		"a place":                        {wire.Act{Type: "note.written", Case: caseID, Body: note, Place: []byte(`{"lat_e7":1,"lon_e7":2,"datum":"WGS-84","source":"gnss"}`)}, ""},
		"a place that is not on Earth":   {wire.Act{Type: "note.written", Case: caseID, Body: note, Place: []byte(`{"lat_e7":1000000000,"lon_e7":2,"datum":"WGS-84","source":"gnss"}`)}, "not on Earth"},
	} {
		out := into[wire.Checked](t, c.post("/v1/check", wire.Check{Acts: []wire.Act{v.act}}))
		var said []string
		for _, p := range out.Problems {
			said = append(said, p.Message)
		}
		if v.want == "" && len(said) > 0 || !strings.Contains(strings.Join(said, "\n"), v.want) {
			t.Errorf("%s: %q, want %q", name, said, v.want)
		}
	}
	opening, err := event.MarshalBody(&event.CaseOpened{Number: "2026-9", Title: "a new one", Authority: "x"})
	if err != nil {
		t.Fatal(err)
	}
	out := into[wire.Checked](t, c.post("/v1/check", wire.Check{Acts: []wire.Act{{Type: "case.opened", Case: other, Body: opening}, {Type: "note.written", Case: other, Body: note}}}))
	for _, p := range out.Problems {
		if p.Index == 1 {
			t.Errorf("a note in a case that is just opened: %+v", p)
		}
	}
	if now := k.s.Engine.Size(); now != size {
		t.Errorf("checking stored %d entries", now-size)
	}
	c.refused("no acts", c.post("/v1/check", wire.Check{}), wire.CodeBadRequest)
}
