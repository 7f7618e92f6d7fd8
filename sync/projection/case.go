package projection

import (
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// Case is a case as far as it is known; OpenedIndex is -1, and all that its
// case.opened would say empty, until that event has arrived.
type Case struct {
	N                        int64
	ID                       event.UUID
	Number, Title, Authority string
	// Org is the organisation that it belongs to, OpenedBy who opened it, Opened when by their clock.
	Org, OpenedBy event.UUID
	Opened        time.Time
	OpenedIndex   int64
	// FirstIndex and LastIndex are the log places of its first and newest event.
	FirstIndex, LastIndex int64
	// Events, Items and Media count its events, things and distinct files.
	Events, Items, Media int64
}

const caseColumns = `n, id, number, title, authority, org, opened_by, opened, opened_idx, first_idx, last_idx, events,
	(SELECT count(*) FROM items WHERE items.case_n = cases.n), (SELECT count(DISTINCT sha) FROM media_refs WHERE media_refs.case_n = cases.n)`

func scanCase(scan func(...any) error) (c Case, err error) {
	var opened int64
	err = scan(&c.N, store.Into(&c.ID), &c.Number, &c.Title, &c.Authority, store.Into(&c.Org), store.Into(&c.OpenedBy), &opened,
		&c.OpenedIndex, &c.FirstIndex, &c.LastIndex, &c.Events, &c.Items, &c.Media)
	if c.OpenedIndex >= 0 {
		c.Opened = time.UnixMicro(opened).UTC()
	}
	return c, err
}

// CaseByID gives a case that any event has named.
func CaseByID(tx *store.Tx, id event.UUID) (c Case, found bool, err error) {
	return one(tx, scanCase, "SELECT "+caseColumns+" FROM cases WHERE id = $1", id[:])
}

// CaseByNumber gives the first case that was opened with this number of its authority's.
func CaseByNumber(tx *store.Tx, number string) (c Case, found bool, err error) {
	return one(tx, scanCase, "SELECT "+caseColumns+" FROM cases WHERE number = $1 ORDER BY n LIMIT 1", indexed(number))
}

// Cases lists every case, the one with the newest event first.
func Cases(tx *store.Tx) ([]Case, error) {
	return all(tx, scanCase, "SELECT "+caseColumns+" FROM cases ORDER BY last_idx DESC")
}

// Grant is a right in a case. Until is the zero time where there is no end,
// RevokedIndex -1 while it was not withdrawn.
type Grant struct {
	ID, Case, Org, Person event.UUID
	Right                 event.Right
	Until                 time.Time
	Reason                string
	Index, RevokedIndex   int64
}

// Stands reports whether the grant counts at an instant.
func (g *Grant) Stands(at time.Time) bool {
	return g.RevokedIndex < 0 && (g.Until.IsZero() || at.Before(g.Until))
}

const grantColumns = "g.id, c.id, g.org, g.person, g.allows, g.until, g.reason, g.idx, g.revoked_idx"

func scanGrant(scan func(...any) error) (g Grant, err error) {
	var until int64
	err = scan(store.Into(&g.ID), store.Into(&g.Case), store.Into(&g.Org), store.Into(&g.Person), (*string)(&g.Right), &until, &g.Reason, &g.Index, &g.RevokedIndex)
	if until != 0 {
		g.Until = time.UnixMicro(until).UTC()
	}
	return g, err
}

// GrantByID gives a grant, standing or not.
func GrantByID(tx *store.Tx, id event.UUID) (g Grant, found bool, err error) {
	return one(tx, scanGrant, "SELECT "+grantColumns+" FROM grants g JOIN cases c ON c.n = g.case_n WHERE g.id = $1", id[:])
}

// Grants lists the grants of a case in log order, standing or not.
func Grants(tx *store.Tx, id event.UUID) ([]Grant, error) {
	return all(tx, scanGrant, "SELECT "+grantColumns+" FROM grants g JOIN cases c ON c.n = g.case_n WHERE c.id = $1 ORDER BY g.idx", id[:])
}

// standing is the condition that a grant stands, for an organisation ($1) or a
// person ($2), at an instant in microseconds ($3).
const standing = "(g.org = $1 OR g.person = $2) AND g.revoked_idx < 0 AND (g.until = 0 OR g.until > $3)"

// CasesFor lists the cases that a person may see at the transaction's time, the
// one with the newest event first: those of their organisation, and those that
// they or it were granted. A person whose access has ended sees none.
func CasesFor(tx *store.Tx, person event.UUID) ([]Case, error) {
	p, found, err := PersonByID(tx, person)
	if err != nil || !found || p.Disabled {
		return nil, err
	}
	return all(tx, scanCase, "SELECT "+caseColumns+` FROM cases WHERE (org = $1 OR n IN (SELECT case_n FROM grants g WHERE `+standing+`))
		ORDER BY last_idx DESC`, p.Org[:], p.ID[:], tx.Now().UnixMicro())
}

// MaySee reports whether a person may see a case at the transaction's time.
func MaySee(tx *store.Tx, id, person event.UUID) (bool, error) { return may(tx, id, person, "read") }

// MayWrite reports whether a person may add to a case at the transaction's time.
// It is advice for a screen: a device that was away adds all the same, and
// custody shows the defect.
func MayWrite(tx *store.Tx, id, person event.UUID) (bool, error) {
	return may(tx, id, person, "write")
}

func may(tx *store.Tx, id, person event.UUID, right event.Right) (bool, error) {
	p, found, err := PersonByID(tx, person)
	if err != nil || !found || p.Disabled {
		return false, err
	}
	var n int64
	var org event.UUID
	found, err = tx.Get("SELECT n, org FROM cases WHERE id = $1", store.Args(id[:]), &n, store.Into(&org))
	if err != nil || !found || org == p.Org && !org.IsZero() {
		return found && err == nil, err
	}
	var one int64
	return tx.Get("SELECT 1 FROM grants g WHERE "+standing+" AND g.case_n = $4 AND (g.allows = 'write' OR g.allows = $5) LIMIT 1",
		store.Args(p.Org[:], p.ID[:], tx.Now().UnixMicro(), n, string(right)), &one)
}
