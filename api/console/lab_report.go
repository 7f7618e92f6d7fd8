package console

import (
	"fmt"
	"slices"

	"fieldseal/api/fault"
	"fieldseal/api/wire"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/gofiber/fiber/v2"
)

// reportPage is a laboratory report: its results, and who answers for it.
type reportPage struct {
	labPlace
	Info  custody.ReportInfo
	Parts []reportPart
	Roles []roleState
	// Ours: it is a report of the reader's laboratory.
	Ours    bool
	Source  *event.Media
	Defects []custody.Defect
}

type reportPart struct {
	ID      event.ID
	Body    *event.ResultsReported
	Results []reportRow
}

type reportRow struct {
	event.Result
	Item *custody.Item
}

// roleState is a signature that a report needs, and whether the reader may give it.
type roleState struct {
	As     event.Signer
	Signed *custody.SignerInfo
	// Refuse is the key of the reason for which the reader may not sign so; empty where they may.
	Refuse string
}

func (k *Console) labReport(c *fiber.Ctx) error {
	id, err := uuid(c, "report")
	if err != nil {
		return err
	}
	p := reportPage{}
	if p.labPlace, err = k.labCase(c, "report", id.String()); err != nil {
		return err
	}
	at := slices.IndexFunc(p.Record.Reports, func(r custody.ReportInfo) bool { return r.Report == id })
	if at < 0 {
		return fault.New(wire.CodeNotFound, "The case %s has no such report.", p.Case.Number)
	}
	p.Info = p.Record.Reports[at]
	signers, err := k.readReport(c, &p, id)
	if err != nil {
		return err
	}
	pack, err := k.rulePack(c.UserContext())
	if err != nil {
		return err
	}
	p.roles(pack.Lab.Signers, signers)
	for _, d := range p.Record.Defects {
		if ref := (event.Ref{Kind: "report", ID: id}); d.Item != nil && *d.Item == ref || slices.Contains(d.Also, ref) {
			p.Defects = append(p.Defects, d)
		}
	}
	return k.render(c, "lab/report", "lab.report.title", &p)
}

// readReport reads the parts of a report and who sealed each signature.
func (k *Console) readReport(c *fiber.Ctx, p *reportPage, id event.UUID) (signers map[event.ID]event.UUID, err error) {
	signers = map[event.ID]event.UUID{}
	err = k.read(c, func(tx *store.Tx, _ projection.Person) error {
		return projection.EachCaseEvent(tx, p.Case.ID, func(row store.EventRow) error {
			if row.Type != event.TypeResultsReported && row.Type != event.TypeReportSigned {
				return nil
			}
			e, err := projection.EntryOf(row)
			if err != nil {
				return err
			}
			switch b := e.Body.(type) {
			case *event.ResultsReported:
				if b.Report == id {
					p.Parts = append(p.Parts, p.part(e.ID, b))
				}
			case *event.ReportSigned:
				signers[e.ID] = e.Payload.Actor
			}
			return nil
		})
	})
	slices.SortStableFunc(p.Parts, func(a, b reportPart) int { return int(a.Body.Part - b.Body.Part) })
	if err == nil && len(p.Parts) == 0 {
		err = fmt.Errorf("console: report %s is in the record and not in the log", id)
	}
	if err == nil {
		head := p.Parts[0].Body
		p.Source, p.Ours = head.Source, head.Lab == p.Lab.ID
	}
	return signers, err
}

func (p *reportPage) part(id event.ID, b *event.ResultsReported) reportPart {
	part := reportPart{ID: id, Body: b}
	for _, r := range b.Results {
		row := reportRow{Result: r}
		if r.Sample != nil {
			row.Item = itemOf(p.Record, *r.Sample)
		}
		part.Results = append(part.Results, row)
	}
	return part
}

// roles says for each signature whether it is there and whether the reader may give
// it: each by another person of the laboratory, and only over a report that is whole.
func (p *reportPage) roles(roles []event.Signer, signers map[event.ID]event.UUID) {
	mine := map[event.Signer]bool{}
	valid := map[event.Signer]*custody.SignerInfo{}
	for i := range p.Info.Signers {
		s := &p.Info.Signers[i]
		if !s.Covers {
			continue
		}
		valid[s.As] = s
		if signers[s.Event] == p.Me.ID {
			mine[s.As] = true
		}
	}
	analyst := p.Parts[0].Body.Analyst
	for _, role := range roles {
		st := roleState{As: role, Signed: valid[role]}
		switch {
		case st.Signed != nil:
		case !p.Ours:
			st.Refuse = "lab.report.refuse.other_lab"
		case p.Info.Digest.IsZero():
			st.Refuse = "lab.report.refuse.parts"
		case len(mine) > 0:
			st.Refuse = "lab.report.refuse.same_person"
		case role == "analyst" && analyst != p.Me.ID:
			st.Refuse = "lab.report.refuse.not_analyst"
		case role != "analyst" && analyst == p.Me.ID:
			st.Refuse = "lab.report.refuse.own_results"
		}
		p.Roles = append(p.Roles, st)
	}
}
