package projection

import (
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
)

// body applies what only some types change.
func (a *applier) body(e *Entry, dev *Device, c *caseState) error {
	if request := event.RequestOf(e.Body); !request.IsZero() {
		a.about(request[:], e.Index)
	}
	switch b := e.Body.(type) {
	case *event.CaseOpened:
		return a.caseOpened(e, dev, c, b)
	case *event.OrgRegistered:
		return a.org(e, b)
	case *event.PersonRegistered:
		return a.person(e, b)
	case *event.DeviceEnrolled:
		return a.enrolled(e, b)
	case *event.DeviceRevoked:
		return a.revoked(e, b)
	case *event.CaseGranted:
		return a.granted(e, b)
	case *event.GrantRevoked:
		_, err := a.tx.Exec("UPDATE grants SET revoked_idx = $1 WHERE id = $2 AND case_n = $3 AND revoked_idx < 0", e.Index, b.Grant[:], e.Case)
		return err
	case *event.MediaReceived:
		a.about(b.SHA256[:], e.Index)
		_, err := a.tx.Exec(`INSERT INTO media (sha, size, type, arrived, arrived_idx, bad, bad_idx) VALUES ($1, $2, $3, $4, $5, 0, -1)
			ON CONFLICT (sha) DO UPDATE SET size = excluded.size, type = excluded.type, arrived = excluded.arrived, arrived_idx = excluded.arrived_idx
			WHERE media.arrived_idx < 0`, b.SHA256[:], b.Size, store.Text(b.Type), e.Received.UnixMicro(), e.Index)
		return err
	case *event.MediaQuarantined:
		a.about(b.Wanted[:], e.Index)
		_, err := a.tx.Exec(`INSERT INTO media (sha, size, type, arrived, arrived_idx, bad, bad_idx) VALUES ($1, 0, '', 0, -1, 1, $2)
			ON CONFLICT (sha) DO UPDATE SET bad = media.bad + 1, bad_idx = excluded.bad_idx`, b.Wanted[:], e.Index)
		return err
	case *event.LabelBlock:
		a.about(b.Device[:], e.Index)
		_, err := a.tx.Exec("INSERT INTO label_blocks (idx, device, prefix, first, last) VALUES ($1, $2, $3, $4, $5)",
			e.Index, b.Device[:], indexed(b.Prefix), b.First, b.Last)
		return err
	case *event.RulePack:
		_, err := a.tx.Exec("INSERT INTO rule_packs (idx, pack, version, jurisdiction, effective, sha) VALUES ($1, $2, $3, $4, $5, $6)",
			e.Index, indexed(b.Pack), store.Text(b.Version), store.Text(b.Jurisdiction), string(b.Effective), b.SHA256[:])
		return err
	case *event.QuarantineSettled:
		_, err := a.tx.Exec("INSERT INTO settled (idx, item, resolution, reason, actor) VALUES ($1, $2, $3, $4, $5)",
			e.Index, b.Index, string(b.Resolution), store.Text(b.Reason), e.Payload.Actor[:])
		return err
	case *event.AuthorityRequested:
		a.about(requestsOf(dev.Org), e.Index)
	}
	return nil
}

// authority makes the authority's own device, number 1.
func (a *applier) authority(e *Entry, b *event.AuthorityGenesis) error {
	if _, found, err := a.reg.Device(a.tx, e.Payload.Device); found || err != nil {
		return err
	}
	a.about(e.Payload.Device[:], e.Index)
	return a.device(e, Device{ID: e.Payload.Device, Model: b.Name}, b.Key)
}

func (a *applier) enrolled(e *Entry, b *event.DeviceEnrolled) error {
	a.about(b.Device[:], e.Index)
	if _, found, err := a.reg.Device(a.tx, b.Device); found || err != nil {
		return err
	}
	if _, err := seal.ParseKeyInfo(b.Key); err != nil {
		return nil // an enrolment of no effect: nothing can be sealed with such a key
	}
	return a.device(e, Device{ID: b.Device, Person: b.Person, Org: b.Org, Model: b.Model, App: b.App}, b.Key)
}

func (a *applier) device(e *Entry, d Device, info event.PublicKeyInfo) error {
	key, err := seal.ParseKeyInfo(info)
	if err != nil {
		return err
	}
	a.reg.lastDev++
	d.N, d.Key, d.Enrolment, d.Enrolled, d.EnrolledIndex, d.RevokedIndex = a.reg.lastDev, key, e.ID, e.Received, e.Index, -1
	d.Model, d.App = store.Text(d.Model), store.Text(d.App)
	keyID := key.ID()
	_, err = a.tx.Exec(`INSERT INTO devices (n, id, person, org, key_id, alg, spki, model, app, enrolment, enrolled, enrolled_idx, revoked, revoked_idx, revoked_cause)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, -1, '')`, d.N, d.ID[:], store.Bytes(d.Person), store.Bytes(d.Org), keyID[:],
		string(key.Alg()), key.SPKI(), d.Model, d.App, d.Enrolment[:], d.Enrolled.UnixMicro(), d.EnrolledIndex)
	if err == nil {
		a.reg.devices[d.ID] = &d
	}
	return err
}

func (a *applier) revoked(e *Entry, b *event.DeviceRevoked) error {
	a.about(b.Device[:], e.Index)
	dev, found, err := a.reg.Device(a.tx, b.Device)
	if err != nil || !found || event.Digest(dev.Key.ID()) != b.Key || dev.RevokedIndex >= 0 {
		return err
	}
	_, err = a.tx.Exec("UPDATE devices SET revoked = $1, revoked_idx = $2, revoked_cause = $3 WHERE n = $4",
		e.Received.UnixMicro(), e.Index, store.Text(b.Reason), dev.N)
	dev.Revoked, dev.RevokedIndex, dev.RevokedCause = e.Received, e.Index, store.Text(b.Reason)
	return err
}

func (a *applier) org(e *Entry, b *event.OrgRegistered) error {
	a.about(b.Org[:], e.Index)
	accreditation := ""
	if b.Accreditation != nil {
		text, err := json.Marshal(b.Accreditation, json.Deterministic(true))
		if err != nil {
			return err
		}
		accreditation = store.Text(string(text))
	}
	_, err := a.tx.Exec(`INSERT INTO orgs (id, kind, name, name_zh, accreditation, idx) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, name = excluded.name, name_zh = excluded.name_zh,
		accreditation = excluded.accreditation, idx = excluded.idx`,
		b.Org[:], string(b.Kind), store.Text(b.Name), store.Text(b.NameZH), accreditation, e.Index)
	return err
}

func (a *applier) person(e *Entry, b *event.PersonRegistered) error {
	a.about(b.Person[:], e.Index)
	roles := make([]string, len(b.Roles))
	for i, r := range b.Roles {
		roles[i] = string(r)
	}
	_, err := a.tx.Exec(`INSERT INTO persons (id, org, name, login, roles, credential_no, credential_from, credential_until, disabled, idx)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (id) DO UPDATE SET org = excluded.org, name = excluded.name, login = excluded.login, roles = excluded.roles,
		credential_no = excluded.credential_no, credential_from = excluded.credential_from, credential_until = excluded.credential_until,
		disabled = excluded.disabled, idx = excluded.idx`,
		b.Person[:], b.Org[:], store.Text(b.Name), indexed(b.Login), strings.Join(roles, " "), store.Text(b.CredentialNo),
		string(b.CredentialFrom), string(b.CredentialUntil), flag(b.Disabled), e.Index)
	return err
}

func (a *applier) caseOpened(e *Entry, dev *Device, c *caseState, b *event.CaseOpened) error {
	if c.opened {
		return nil
	}
	org := dev.Org
	if dev.N == AuthorityNumber {
		if p, found, err := PersonByID(a.tx, e.Payload.Actor); err != nil {
			return err
		} else if found {
			org = p.Org
		}
	}
	_, err := a.tx.Exec("UPDATE cases SET number = $1, title = $2, authority = $3, org = $4, opened_by = $5, opened = $6, opened_idx = $7 WHERE n = $8",
		indexed(b.Number), store.Text(b.Title), store.Text(b.Authority), store.Bytes(org), e.Payload.Actor[:],
		e.Payload.Clock.Wall.Time().UnixMicro(), e.Index, c.n)
	c.opened = err == nil
	return err
}

func (a *applier) granted(e *Entry, b *event.CaseGranted) error {
	var until int64
	if b.Until != "" {
		until = b.Until.Time().UnixMicro()
	}
	_, err := a.tx.Exec(`INSERT INTO grants (id, case_n, org, person, allows, until, reason, idx, revoked_idx) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, -1)
		ON CONFLICT (id) DO NOTHING`, b.Grant[:], e.Case, store.Bytes(b.Org), store.Bytes(b.Person), string(b.Right), until, store.Text(b.Reason), e.Index)
	return err
}
