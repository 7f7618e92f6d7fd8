package console

import (
	"slices"
	"time"

	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// The supervisor's desk: cases and what in them can still be cured, people and
// devices, quarantine, live readings, and who looked at what. A supervisor sees the
// matters of their organisation, an administrator and an auditor those of all; the
// content of a case is shown by the right in the case alone, whatever the role. An
// auditor looks and does nothing.

const (
	// maxOverview is how many of the newest cases the first page lists.
	maxOverview = 200
	// maxPending is how many lines in quarantine the first page counts up to.
	maxPending = 500
)

// routeSupervisor adds the pages of the supervisor desk.
func (k *Console) routeSupervisor(r fiber.Router) {
	sv := r.Group("/supervisor", k.require(event.RoleSupervisor, event.RoleAdmin, event.RoleAuditor))
	sv.Get("/", k.svHome)
	sv.Get("/cases/:case", k.svCase)
	sv.Get("/cases/:case/attention", k.svAttention)
	sv.Get("/cases/:case/map", k.svMap)
	sv.Get("/cases/:case/map.json", k.svMapData)
	sv.Get("/cases/:case/links", k.svLinks)
	sv.Get("/cases/:case/live", k.svLive)
	sv.Get("/cases/:case/rights", k.svRights)
	sv.Get("/cases/:case/export/:file", k.svExport)
	sv.Get("/series/:case/:series", k.svSeries)
	sv.Get("/live", k.svWall)
	sv.Get("/stream", k.svStream)
	sv.Get("/people", k.svPeople)
	sv.Get("/people/:person", k.svPerson)
	sv.Post("/people/:person/code", k.decides, k.svCode)
	sv.Get("/devices", k.svDevices)
	sv.Get("/quarantine", k.svQuarantine)
	sv.Get("/quarantine/:index", k.svQuarantined)
	sv.Get("/requests", k.svRequests)
	sv.Post("/ask", k.decides, k.svAsk)
	sv.Post("/requests/:id", k.decides, k.svCarryOut)
	sv.Get("/looks", k.svLooks)
}

// decides refuses auditors, who look and do nothing.
func (k *Console) decides(c *fiber.Ctx) error {
	return k.require(event.RoleSupervisor, event.RoleAdmin)(c)
}

// svPage is what every page of the desk knows.
type svPage struct {
	Tab string
	Me  projection.Person
	Org projection.Org
	// Decides says that the reader may act, All that they look after every organisation.
	Decides, All bool
}

func svPageOf(tx *store.Tx, tab string, who projection.Person) (p svPage, err error) {
	p = svPage{Tab: tab, Me: who, Decides: who.Has(event.RoleSupervisor, event.RoleAdmin), All: seesAll(who)}
	p.Org, _, err = projection.OrgByID(tx, who.Org)
	return p, err
}

// seesAll reports whether a person looks after every organisation.
func seesAll(p projection.Person) bool { return p.Has(event.RoleAdmin, event.RoleAuditor) }

// looksAfter reports whether an organisation's people and devices are a person's to look after.
func looksAfter(p projection.Person, org event.UUID) bool { return seesAll(p) || org == p.Org }

type svHome struct {
	svPage
	Cases []svCaseRow
	// Waiting counts lines in quarantine that nobody has settled, More that there are
	// further ones; Asked requests that were not carried out.
	Waiting, Asked int
	More           bool
}

type svCaseRow struct {
	projection.Case
	OrgName, OrgNameZH string
	Missing            int
	// Open says that the reader may see into the case.
	Open bool
	Last time.Time
}

func (k *Console) svHome(c *fiber.Ctx) error {
	var p svHome
	err := k.read(c, func(tx *store.Tx, who projection.Person) (err error) {
		if p.svPage, err = svPageOf(tx, "cases", who); err != nil {
			return err
		}
		if p.Cases, err = caseRows(tx, who); err != nil {
			return err
		}
		list, err := overseenBy(tx, who, 1<<53, maxPending, true)
		if err != nil {
			return err
		}
		p.Waiting, p.More = len(list), len(list) == maxPending
		asked, err := requestsFor(tx, who, 1<<53)
		for _, r := range asked {
			if r.Answer < 0 {
				p.Asked++
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return k.render(c, "supervisor/home", "sv.home.title", p)
}

// caseRows lists the cases that a person may see, and to those who look after all
// organisations the others by their numbers alone.
func caseRows(tx *store.Tx, who projection.Person) (rows []svCaseRow, err error) {
	list, err := projection.CasesFor(tx, who.ID)
	if err != nil {
		return nil, err
	}
	open := map[event.UUID]bool{}
	for _, c := range list {
		open[c.ID] = true
	}
	if seesAll(who) {
		if list, err = projection.Cases(tx); err != nil {
			return nil, err
		}
	}
	orgs, err := orgNames(tx)
	for _, c := range list[:min(len(list), maxOverview)] {
		row := svCaseRow{Case: c, Open: open[c.ID], OrgName: orgs[c.Org].Name, OrgNameZH: orgs[c.Org].NameZH}
		if row.Open {
			missing, err := projection.MissingMedia(tx, c.ID)
			if err != nil {
				return nil, err
			}
			row.Missing = len(missing)
			if e, found, err := tx.EventAt(c.LastIndex); err != nil {
				return nil, err
			} else if found {
				row.Last = e.Received
			}
		} else {
			row.Title, row.Authority = "", ""
		}
		rows = append(rows, row)
	}
	return rows, err
}

func orgNames(tx *store.Tx) (map[event.UUID]projection.Org, error) {
	list, err := projection.Orgs(tx)
	out := map[event.UUID]projection.Org{}
	for _, o := range list {
		out[o.ID] = o
	}
	return out, err
}

func personNames(tx *store.Tx) (map[event.UUID]projection.Person, error) {
	list, err := projection.Persons(tx)
	out := map[event.UUID]projection.Person{}
	for _, p := range list {
		out[p.ID] = p
	}
	return out, err
}

// deadline is until when something can be cured, and why then.
type deadline struct {
	At   time.Time
	What custody.Text
	// Risk is "over" or "soon"; empty where there is time.
	Risk string
}

// svDefect is a defect with the deadline that stands behind it, where there is one.
type svDefect struct {
	custody.Defect
	Label    string
	Deadline *deadline
}

// defectsOf lists a record's defects that no waiver excuses, with deadlines: the
// nearest holding time of the item, or the dossier's. Those that can be cured come
// first, the nearest deadline first.
func defectsOf(r *custody.Record, now time.Time) (open, waived []svDefect) {
	labels, due := map[event.Ref]string{}, map[event.Ref]*deadline{}
	for i := range r.Items {
		it := &r.Items[i]
		labels[it.Ref] = it.Label
		for _, h := range it.Holding {
			if h.Deadline.IsZero() || h.State != custody.HoldingRunning && h.State != custody.HoldingPassed {
				continue
			}
			d := deadlineAt(h.Deadline, custody.Text{EN: "holding time of " + h.Group, ZH: h.Group + " 保存时限"}, now)
			if due[it.Ref] == nil || d.At.Before(due[it.Ref].At) {
				due[it.Ref] = d
			}
		}
	}
	for i := range r.Defects {
		d := svDefect{Defect: r.Defects[i]}
		if d.Item != nil {
			d.Label, d.Deadline = labels[*d.Item], due[*d.Item]
		} else {
			d.Deadline = dossierDeadline(r, d.Code, now)
		}
		if d.Waived != nil {
			waived = append(waived, d)
		} else {
			open = append(open, d)
		}
	}
	slices.SortStableFunc(open, func(a, b svDefect) int {
		if x, y := curable(a), curable(b); x != y {
			return map[bool]int{true: -1, false: 1}[x]
		}
		switch {
		case a.Deadline == nil && b.Deadline == nil:
			return 0
		case a.Deadline == nil:
			return 1
		case b.Deadline == nil:
			return -1
		}
		return a.Deadline.At.Compare(b.Deadline.At)
	})
	return open, waived
}

// svGroup is the defects of one kind.
type svGroup struct {
	Code        custody.Code
	Severity    custody.Severity
	Title, Cure custody.Text
	Defects     []svDefect
}

// groupsOf gathers defects by their code, those that can be cured first, then the
// fatal ones, each section in the order of its most urgent defect.
func groupsOf(list []svDefect) (groups []svGroup) {
	for _, section := range []custody.Severity{custody.Curable, custody.Fatal, custody.Warning} {
		for _, d := range list {
			if d.Severity != section {
				continue
			}
			at := slices.IndexFunc(groups, func(g svGroup) bool { return g.Code == d.Code })
			if at < 0 {
				at = len(groups)
				groups = append(groups, svGroup{Code: d.Code, Severity: d.Severity, Title: d.Title, Cure: d.Cure})
			}
			groups[at].Defects = append(groups[at].Defects, d)
		}
	}
	return groups
}

func curable(d svDefect) bool { return d.Severity == custody.Curable }

func dossierDeadline(r *custody.Record, code custody.Code, now time.Time) *deadline {
	if code != "LEGAL_REVIEW_MISSING" && code != "TRANSFER_DEADLINE_MISSED" {
		return nil
	}
	for _, d := range r.Dossiers {
		if !d.SendBy.IsZero() {
			return deadlineAt(d.SendBy, custody.Text{EN: "sending the dossier", ZH: "移送期限"}, now)
		}
		if !d.DecideBy.IsZero() {
			return deadlineAt(d.DecideBy, custody.Text{EN: "the decision on transfer", ZH: "移送决定期限"}, now)
		}
	}
	return nil
}

func deadlineAt(at time.Time, what custody.Text, now time.Time) *deadline {
	d := &deadline{At: at, What: what}
	switch left := at.Sub(now); {
	case left <= 0:
		d.Risk = "over"
	case left <= holdingSoon:
		d.Risk = "soon"
	}
	return d
}

// attention is what needs a person in a case, as counts.
type attention struct {
	Fatal    int   `json:"fatal"`
	Curable  int   `json:"curable"`
	Warnings int   `json:"warnings"`
	NextUS   int64 `json:"next_us,omitzero"`
}

// svAttention counts what needs attention in a case, for the overview: a script asks
// for one case after the other, since each count reads the whole of a case.
func (k *Console) svAttention(c *fiber.Ctx) error {
	id, err := uuid(c, "case")
	if err != nil {
		return err
	}
	r, _, err := k.record(c, id)
	if err != nil {
		return err
	}
	var a attention
	open, _ := defectsOf(r, k.Now())
	for _, d := range open {
		switch d.Severity {
		case custody.Fatal:
			a.Fatal++
		case custody.Curable:
			a.Curable++
			if d.Deadline != nil && (a.NextUS == 0 || d.Deadline.At.UnixMicro() < a.NextUS) {
				a.NextUS = d.Deadline.At.UnixMicro()
			}
		default:
			a.Warnings++
		}
	}
	return c.JSON(a)
}
