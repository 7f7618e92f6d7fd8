package server

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

const (
	// maxHoles caps the holes that a head lists; a device sends what is missing and asks again.
	maxHoles = 100
	// maxFound caps a search.
	maxFound = 100
)

// getHead says how far a device's chain has come: to the device itself, and to
// people of its organisation.
func (s *Server) getHead(c *fiber.Ctx) error {
	id, err := uuidParam(c, "id")
	if err != nil {
		return err
	}
	who := identity(c)
	if who.Device != id {
		if err := s.mayReadAtAll(c.UserContext(), who); err != nil {
			return err
		}
	}
	var out wire.Head
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		d, found, err := projection.DeviceByID(tx, id)
		if err != nil {
			return err
		}
		if !found {
			return fault.New(wire.CodeNotFound, "There is no enrolled device %s.", id)
		}
		if who.Device != id {
			p, err := personOf(tx, who)
			if err != nil {
				return err
			}
			if p.Org != d.Org && !p.Has(event.RoleAdmin, event.RoleAuditor) {
				return fault.New(wire.CodeForbidden, "The chain of device %s is for the device itself and for people of its organisation.", id)
			}
		}
		out, err = headOf(tx, d)
		return err
	})
	if err != nil {
		return err
	}
	return answerJSON(c, out)
}

func headOf(tx *store.Tx, d projection.Device) (wire.Head, error) {
	h, err := projection.HeadOf(tx, d.N)
	if err != nil {
		return wire.Head{}, err
	}
	out := wire.Head{Device: d.ID.String(), Seq: h.Seq, MaxSeq: h.Max, Revoked: !d.Good()}
	if h.Seq > 0 {
		out.ID = h.ID.String()
	}
	next := h.Seq + 1
	for _, p := range h.Pending {
		if len(out.Missing) < maxHoles {
			out.Missing = append(out.Missing, [2]int64{next, p.First - 1})
		}
		next = p.Last + 1
	}
	sum := sha256.New()
	if err := projection.EachChainID(tx, d.N, h.Seq, func(id event.ID) error { sum.Write(id[:]); return nil }); err != nil {
		return out, err
	}
	out.Digest = hex.EncodeToString(sum.Sum(nil))
	out.Quarantined, err = projection.CountQuarantine(tx, d.ID)
	return out, err
}

func (s *Server) getChanges(c *fiber.Ctx) error {
	after, err := intQuery(c, "after", -1, -1, 1<<53)
	if err != nil {
		return err
	}
	limit, err := intQuery(c, "limit", 500, 1, 1000)
	if err != nil {
		return err
	}
	note, err := s.engine.Checkpoint(c.UserContext()) // before the events, so that it never covers more than was looked at
	if err != nil {
		return err
	}
	who := identity(c)
	if err := s.looked(c, who, "changes", event.UUID{}, "after "+strconv.FormatInt(after, 10)); err != nil {
		return err
	}
	out := wire.Changes{Events: []wire.Change{}, Next: after, Checkpoint: note}
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		if _, err := personOf(tx, who); err != nil {
			return err
		}
		page, err := projection.Changes(tx, who.Person, who.Device, after, limit)
		if err != nil {
			return err
		}
		for _, row := range page.Events {
			out.Events = append(out.Events, changeOf(row))
		}
		out.Next, out.More = page.Next, page.More
		return nil
	})
	if err != nil {
		return err
	}
	return answerJSON(c, out)
}

func (s *Server) getCases(c *fiber.Ctx) error {
	who := identity(c).Person
	out := wire.Cases{Cases: []wire.Case{}}
	err := s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		list, err := projection.CasesFor(tx, who)
		if err != nil {
			return err
		}
		for _, k := range list {
			view, err := caseView(tx, k, who)
			if err != nil {
				return err
			}
			out.Cases = append(out.Cases, view)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return answerJSON(c, out)
}

func caseView(tx *store.Tx, k projection.Case, who event.UUID) (wire.Case, error) {
	missing, err := projection.MissingMedia(tx, k.ID)
	if err != nil {
		return wire.Case{}, err
	}
	write, err := projection.MayWrite(tx, k.ID, who)
	out := wire.Case{ID: k.ID.String(), Number: k.Number, Title: k.Title, Authority: k.Authority, Org: k.Org.String(), Events: k.Events, MediaMissing: int64(len(missing)), Right: "read"}
	if !k.Opened.IsZero() {
		out.OpenedUS = k.Opened.UnixMicro()
	}
	if write {
		out.Right = "write"
	}
	return out, err
}

// caseFor finds the case that the path names, where the person may see it.
func caseFor(tx *store.Tx, id, person event.UUID) (projection.Case, error) {
	k, found, err := projection.CaseByID(tx, id)
	if err == nil && found {
		found, err = projection.MaySee(tx, id, person)
	}
	if err == nil && !found {
		err = fault.New(wire.CodeNotFound, "There is no case %s, or you may not see it. Its organisation can grant you access.", id)
	}
	return k, err
}

func (s *Server) getCase(c *fiber.Ctx) error {
	id, err := uuidParam(c, "id")
	if err != nil {
		return err
	}
	var out wire.Case
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		k, err := caseFor(tx, id, identity(c).Person)
		if err != nil {
			return err
		}
		out, err = caseView(tx, k, identity(c).Person)
		return err
	})
	if err != nil {
		return err
	}
	return answerJSON(c, out)
}

func itemView(i projection.Item) wire.Item {
	return wire.Item{ID: i.ID.String(), Kind: string(i.Kind), Label: i.Label, Case: i.Case.String(), Index: i.Index}
}

func (s *Server) getItems(c *fiber.Ctx) error {
	id, err := uuidParam(c, "id")
	if err != nil {
		return err
	}
	out := wire.Items{Items: []wire.Item{}}
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		if _, err := caseFor(tx, id, identity(c).Person); err != nil {
			return err
		}
		list, err := projection.ItemsOf(tx, id)
		for _, i := range list {
			out.Items = append(out.Items, itemView(i))
		}
		return err
	})
	if err != nil {
		return err
	}
	return answerJSON(c, out)
}

func (s *Server) findItems(c *fiber.Ctx) error {
	q := c.Query("q")
	if utf8.RuneCountInString(q) < 2 || len(q) > 200 || !utf8.ValidString(q) || strings.ContainsRune(q, 0) {
		return fault.New(wire.CodeBadRequest, "q is what to look for: a label, a case number, or six or more digits of a file's hash; two characters at least.")
	}
	who := identity(c).Person
	out := wire.Items{Items: []wire.Item{}}
	err := s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		list, err := projection.FindItems(tx, who, q, maxFound)
		for _, i := range list {
			out.Items = append(out.Items, itemView(i))
		}
		return err
	})
	if err != nil {
		return err
	}
	return answerJSON(c, out)
}

// overseers are the roles that look after the whole log.
var overseers = []event.Role{event.RoleSupervisor, event.RoleAdmin, event.RoleAuditor}

// overseer admits those who look after what was not accepted, each to what projection.Oversees tells.
func (s *Server) overseer(c *fiber.Ctx) error {
	p, err := s.person(c)
	if err != nil {
		return err
	}
	if !p.Has(overseers...) {
		return fault.New(wire.CodeForbidden, "Quarantine is for supervisors, administrators and auditors.")
	}
	return c.Next()
}

// overseen lists what a person looks after before a log place, newest first, at most limit.
func overseen(tx *store.Tx, p projection.Person, before, limit int64) (list []projection.Quarantined, err error) {
	for int64(len(list)) < limit {
		page, err := projection.QuarantineBefore(tx, before, limit)
		if err != nil || len(page) == 0 {
			return list, err
		}
		for _, q := range page {
			ok, err := projection.Oversees(tx, p, q)
			if err != nil {
				return nil, err
			}
			if before = q.Index; ok && int64(len(list)) < limit {
				list = append(list, q)
			}
		}
	}
	return list, nil
}

func quarantineView(q projection.Quarantined) wire.Quarantined {
	out := wire.Quarantined{Index: q.Index, ID: q.EventID.String(), LineSHA256: q.SHA.String(), Layer: q.Layer, Code: q.Code, Detail: q.Detail,
		ReceivedUS: q.Received.UnixMicro(), ClaimedSeq: q.Seq, Settled: q.Resolution}
	if !q.Device.IsZero() {
		out.ClaimedDevice = q.Device.String()
	}
	if !q.Case.IsZero() {
		out.ClaimedCase = q.Case.String()
	}
	if !q.CarrierID.IsZero() {
		out.Carrier = q.CarrierID.String()
	}
	return out
}

func (s *Server) getQuarantine(c *fiber.Ctx) error {
	before, err := intQuery(c, "before", 1<<53, 0, 1<<53)
	if err != nil {
		return err
	}
	limit, err := intQuery(c, "limit", 100, 1, 500)
	if err != nil {
		return err
	}
	out := wire.QuarantineList{Entries: []wire.Quarantined{}}
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		p, err := personOf(tx, identity(c))
		if err != nil {
			return err
		}
		list, err := overseen(tx, p, before, limit)
		for _, q := range list {
			out.Entries = append(out.Entries, quarantineView(q))
		}
		return err
	})
	if err != nil {
		return err
	}
	return answerJSON(c, out)
}

func (s *Server) getQuarantined(c *fiber.Ctx) error {
	index, err := strconv.ParseInt(c.Params("index"), 10, 64)
	if err != nil || index < 0 || strconv.FormatInt(index, 10) != c.Params("index") {
		return fault.New(wire.CodeBadRequest, "%.40q is not a ledger index.", c.Params("index"))
	}
	var out wire.Quarantined
	err = s.store.Read(c.UserContext(), func(tx *store.Tx) error {
		p, err := personOf(tx, identity(c))
		if err != nil {
			return err
		}
		q, found, err := projection.QuarantineEntry(tx, index)
		if err == nil && found {
			found, err = projection.Oversees(tx, p, q)
		}
		if err != nil {
			return err
		}
		if !found {
			return fault.New(wire.CodeNotFound, "Ledger entry %d is not in quarantine, or concerns no case or device of your organisation.", index)
		}
		out = quarantineView(q)
		out.Line = base64.StdEncoding.EncodeToString(q.Line)
		return nil
	})
	if err != nil {
		return err
	}
	return answerJSON(c, out)
}
