package ingest

import (
	"crypto/sha256"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// check refuses a draft that contradicts the log, with an error that wraps
// ErrConflict, and gives the earlier answer where it says what the log holds already.
func (t *transaction) check(d Draft) (prior *Result, err error) {
	if !d.Case.IsZero() {
		if _, found, err := projection.CaseByID(t.tx, d.Case); err != nil {
			return nil, err
		} else if _, opens := d.Body.(*event.CaseOpened); !found && !opens {
			return nil, conflict("there is no case %s", d.Case)
		}
	}
	if request := event.RequestOf(d.Body); !request.IsZero() {
		if index, found, err := projection.AnswerTo(t.tx, request); err != nil {
			return nil, err
		} else if found {
			return t.priorAt(index)
		}
	}
	switch b := d.Body.(type) {
	case *event.AuthorityGenesis:
		if t.tree.Size() > 0 {
			return nil, errBegun
		}
	case *event.PersonRegistered:
		return nil, t.checkPerson(b)
	case *event.DeviceEnrolled:
		return nil, t.checkEnrolment(b)
	case *event.DeviceRevoked:
		return nil, t.checkRevocation(b)
	case *event.CaseOpened:
		if c, found, err := projection.CaseByID(t.tx, d.Case); err != nil || found && c.OpenedIndex >= 0 {
			return nil, orConflict(err, "case %s is open already", d.Case)
		}
	case *event.CaseGranted:
		return nil, t.checkGrant(b)
	case *event.GrantRevoked:
		return nil, t.checkGrantEnd(d.Case, b)
	case *event.MediaReceived:
		m, found, err := projection.MediaByDigest(t.tx, b.SHA256)
		if err != nil || !found || m.ArrivedIndex < 0 {
			return nil, err
		}
		return t.priorAt(m.ArrivedIndex)
	case *event.LabelBlock:
		return nil, t.checkBlock(b)
	case *event.RulePack:
		return t.checkPack(b)
	case *event.QuarantineSettled:
		if _, found, err := t.tx.QuarantineAt(b.Index); err != nil || !found {
			return nil, orConflict(err, "nothing is in quarantine at log index %d", b.Index)
		}
	}
	return nil, nil
}

// orConflict is the error of a look-up or, where it worked, the refusal.
func orConflict(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return conflict(format, args...)
}

// priorAt answers with an event that is in the log.
func (t *transaction) priorAt(index int64) (*Result, error) {
	r, found, err := t.tx.EventAt(index)
	if err != nil || !found {
		return nil, err
	}
	return &Result{ID: r.ID, Status: reconcile.Duplicate, Index: r.Index, Received: r.Received, Kind: reconcile.KindOf(r.Type), Line: r.Line}, nil
}

func (t *transaction) checkPerson(b *event.PersonRegistered) error {
	if _, found, err := projection.OrgByID(t.tx, b.Org); err != nil || !found {
		return orConflict(err, "organisation %s is not registered", b.Org)
	}
	if len(b.Login) > projection.MaxIndexed {
		return conflict("a login has at most %d bytes", projection.MaxIndexed)
	}
	if p, found, err := projection.PersonByLogin(t.tx, b.Login); err != nil || found && p.ID != b.Person {
		return orConflict(err, "the login %q is taken", b.Login)
	}
	return nil
}

func (t *transaction) checkEnrolment(b *event.DeviceEnrolled) error {
	key, err := seal.ParseKeyInfo(b.Key)
	if err != nil {
		return conflict("%v", err)
	}
	if _, found, err := projection.DeviceByID(t.tx, b.Device); err != nil || found {
		return orConflict(err, "device %s is enrolled already", b.Device)
	}
	if dev, found, err := projection.DeviceByKey(t.tx, key.ID()); err != nil || found {
		return orConflict(err, "the key %s is enrolled already, for device %s", key.ID(), dev.ID)
	}
	p, found, err := projection.PersonByID(t.tx, b.Person)
	switch {
	case err != nil || !found:
		return orConflict(err, "person %s is not registered", b.Person)
	case p.Disabled:
		return conflict("the access of person %s has ended", b.Person)
	case p.Org != b.Org:
		return conflict("person %s belongs to organisation %s, not to %s", b.Person, p.Org, b.Org)
	}
	return nil
}

func (t *transaction) checkRevocation(b *event.DeviceRevoked) error {
	dev, found, err := projection.DeviceByID(t.tx, b.Device)
	switch {
	case err != nil || !found:
		return orConflict(err, "device %s is not enrolled", b.Device)
	case dev.Authority():
		return conflict("the authority cannot revoke its own key: freeze this log and open a successor under a new key")
	case event.Digest(dev.Key.ID()) != b.Key:
		return conflict("device %s has key %s, not %s", b.Device, dev.Key.ID(), b.Key)
	case !dev.Good():
		return conflict("the key of device %s was revoked already, at log index %d", b.Device, dev.RevokedIndex)
	}
	return nil
}

func (t *transaction) checkGrant(b *event.CaseGranted) error {
	if _, found, err := projection.GrantByID(t.tx, b.Grant); err != nil || found {
		return orConflict(err, "grant %s exists already", b.Grant)
	}
	if !b.Org.IsZero() {
		if _, found, err := projection.OrgByID(t.tx, b.Org); err != nil || !found {
			return orConflict(err, "organisation %s is not registered", b.Org)
		}
	}
	if !b.Person.IsZero() {
		if _, found, err := projection.PersonByID(t.tx, b.Person); err != nil || !found {
			return orConflict(err, "person %s is not registered", b.Person)
		}
	}
	return nil
}

func (t *transaction) checkGrantEnd(id event.UUID, b *event.GrantRevoked) error {
	g, found, err := projection.GrantByID(t.tx, b.Grant)
	switch {
	case err != nil || !found || g.Case != id:
		return orConflict(err, "case %s has no grant %s", id, b.Grant)
	case g.RevokedIndex >= 0:
		return conflict("grant %s was ended already, at log index %d", b.Grant, g.RevokedIndex)
	}
	return nil
}

func (t *transaction) checkBlock(b *event.LabelBlock) error {
	dev, found, err := projection.DeviceByID(t.tx, b.Device)
	if err != nil || !found || !dev.Good() {
		return orConflict(err, "device %s is not enrolled, or its key was revoked", b.Device)
	}
	if len(b.Prefix) > projection.MaxIndexed {
		return conflict("a label prefix has at most %d bytes", projection.MaxIndexed)
	}
	other, found, err := projection.LabelBlockOverlapping(t.tx, b.Prefix, b.First, b.Last)
	if err != nil || found {
		return orConflict(err, "labels %s%d to %s%d belong to device %s", other.Prefix, other.First, other.Prefix, other.Last, other.Device)
	}
	return nil
}

func (t *transaction) checkPack(b *event.RulePack) (*Result, error) {
	if sha256.Sum256([]byte(b.Content)) != b.SHA256 {
		return nil, conflict("rule pack %s %s: its digest is not that of its content", b.Pack, b.Version)
	}
	p, found, err := projection.RulePackByVersion(t.tx, b.Pack, b.Version)
	switch {
	case err != nil || !found:
		return nil, err
	case p.SHA256 != b.SHA256:
		return nil, conflict("rule pack %s %s is published already with another content; give the change a new version", b.Pack, b.Version)
	}
	return t.priorAt(p.Index)
}

var _ ledger.TileReader = (*store.Tx)(nil)
