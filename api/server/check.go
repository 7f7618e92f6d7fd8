package server

import (
	"errors"
	"strings"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// maxCheck caps a check: a laboratory report in as many parts as one request may have acts.
const maxCheck = 16 << 20

// postCheck says what would keep acts from being accepted, before anybody seals
// them: what one body alone shows, and whether the case may be written in. Nothing
// is stored. What only the state of the ledger can show is found when they arrive.
func (s *Server) postCheck(c *fiber.Ctx) error {
	if t := mediaType(c); t != fiber.MIMEApplicationJSON {
		return fault.New(wire.CodeMediaType, "Content-Type %.60q is not taken here. Send application/json.", t)
	}
	body, err := readBody(c, maxCheck)
	if err != nil {
		return err
	}
	var in wire.Check
	if err := json.Unmarshal(body, &in, json.RejectUnknownMembers(true)); err != nil {
		return fault.New(wire.CodeBadRequest, "The body is not a list of acts.").Because(err)
	}
	if len(in.Acts) == 0 || len(in.Acts) > wire.MaxActs {
		return fault.New(wire.CodeBadRequest, "%d acts were sent; 1 to %d are checked at once.", len(in.Acts), wire.MaxActs)
	}
	out := wire.Checked{Problems: []wire.Problem{}}
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		opened := map[event.UUID]bool{}
		for i, a := range in.Acts {
			messages, err := problems(tx, a, identity(c).Person, opened)
			if err != nil {
				return err
			}
			for _, m := range messages {
				out.Problems = append(out.Problems, wire.Problem{Index: int64(i), Message: m})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return answerJSON(c, out)
}

// problems lists what is wrong with one act. opened are the cases that the acts before it open.
func problems(tx *store.Tx, a wire.Act, who event.UUID, opened map[event.UUID]bool) (out []string, err error) {
	t := event.Type(a.Type)
	if t.BodyType() == nil || t.AuthorityOnly() || t.Genesis() {
		return []string{"A workstation cannot seal events of the type " + a.Type + "."}, nil
	}
	if _, err := event.ParseBody(t, a.Body); err != nil {
		out = append(out, strings.Split(plain(err), "\n")...)
	}
	if len(a.Place) > 0 {
		var at event.Place
		err := json.Unmarshal(a.Place, &at, json.RejectUnknownMembers(true))
		if err == nil {
			err = at.Check()
		}
		if err != nil {
			out = append(out, "place: "+err.Error())
		}
	}
	if a.Case == "" {
		if t.InCase() {
			out = append(out, "The act names no case.")
		}
		return out, nil
	}
	id, err := event.ParseUUID(a.Case)
	if err != nil {
		return append(out, "The case is not an identifier."), nil
	}
	if t == event.TypeCaseOpened {
		opened[id] = true
	}
	if opened[id] {
		return out, nil
	}
	ok, err := projection.MayWrite(tx, id, who)
	if err == nil && !ok {
		out = append(out, "You have no right to write in this case. Its owner can grant one to you or your organisation.")
	}
	return out, err
}

// plain is what a person reads of a body's faults: what wraps them is for programs.
func plain(err error) string {
	text := err.Error()
	for _, sentinel := range []error{event.ErrInvalid, event.ErrMalformed} {
		if errors.Is(err, sentinel) {
			text = strings.TrimPrefix(text, sentinel.Error()+": ")
		}
	}
	return text
}
