package projection

import (
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/store"

	"github.com/go-json-experiment/json"
)

// Org is an organisation as the authority stated it last, at log place Index.
type Org struct {
	ID            event.UUID
	Kind          event.OrgKind
	Name, NameZH  string
	Accreditation *event.Accreditation
	Index         int64
}

// Person is a person as the authority stated it last, at log place Index.
type Person struct {
	ID, Org         event.UUID
	Name, Login     string
	Roles           []event.Role
	CredentialNo    string
	CredentialFrom  event.Date
	CredentialUntil event.Date
	Disabled        bool
	Index           int64
}

// Has reports whether the person has one of the roles.
func (p *Person) Has(roles ...event.Role) bool {
	for _, have := range p.Roles {
		for _, want := range roles {
			if have == want {
				return true
			}
		}
	}
	return false
}

const orgColumns = "id, kind, name, name_zh, accreditation, idx"

func scanOrg(scan func(...any) error) (o Org, err error) {
	var accreditation string
	err = scan(store.Into(&o.ID), (*string)(&o.Kind), &o.Name, &o.NameZH, &accreditation, &o.Index)
	if err == nil && accreditation != "" {
		err = json.Unmarshal([]byte(accreditation), &o.Accreditation)
	}
	return o, err
}

// Orgs lists the organisations by name.
func Orgs(tx *store.Tx) (list []Org, err error) {
	return all(tx, scanOrg, "SELECT "+orgColumns+" FROM orgs ORDER BY name, id")
}

// OrgByID gives an organisation.
func OrgByID(tx *store.Tx, id event.UUID) (o Org, found bool, err error) {
	return one(tx, scanOrg, "SELECT "+orgColumns+" FROM orgs WHERE id = $1", id[:])
}

const personColumns = "id, org, name, login, roles, credential_no, credential_from, credential_until, disabled, idx"

func scanPerson(scan func(...any) error) (p Person, err error) {
	var roles string
	var disabled int64
	err = scan(store.Into(&p.ID), store.Into(&p.Org), &p.Name, &p.Login, &roles, &p.CredentialNo,
		(*string)(&p.CredentialFrom), (*string)(&p.CredentialUntil), &disabled, &p.Index)
	for _, r := range strings.Fields(roles) {
		p.Roles = append(p.Roles, event.Role(r))
	}
	p.Disabled = disabled != 0
	return p, err
}

// Persons lists the people by name.
func Persons(tx *store.Tx) ([]Person, error) {
	return all(tx, scanPerson, "SELECT "+personColumns+" FROM persons ORDER BY name, id")
}

// PersonByID gives a person, disabled or not.
func PersonByID(tx *store.Tx, id event.UUID) (p Person, found bool, err error) {
	return one(tx, scanPerson, "SELECT "+personColumns+" FROM persons WHERE id = $1", id[:])
}

// PersonByLogin gives the person who signs in by this name, disabled or not. No
// two people have the same one: the engine refuses it.
func PersonByLogin(tx *store.Tx, login string) (p Person, found bool, err error) {
	if login == "" {
		return p, false, nil
	}
	return one(tx, scanPerson, "SELECT "+personColumns+" FROM persons WHERE login = $1 ORDER BY idx LIMIT 1", indexed(login))
}

// one reads at most one row.
func one[T any](tx *store.Tx, scan func(func(...any) error) (T, error), text string, args ...any) (v T, found bool, err error) {
	err = tx.Each(text, args, func(row func(...any) error) (err error) {
		found = true
		v, err = scan(row)
		return err
	})
	return v, found && err == nil, err
}

// all reads every row.
func all[T any](tx *store.Tx, scan func(func(...any) error) (T, error), text string, args ...any) (list []T, err error) {
	err = tx.Each(text, args, func(row func(...any) error) error {
		v, err := scan(row)
		list = append(list, v)
		return err
	})
	return list, err
}
