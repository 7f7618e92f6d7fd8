package fieldcli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

func (a *app) listCommand() *cobra.Command {
	list := group("list", "List what this device knows", a.listItems(), a.listEvents(), a.listPeople(), a.listOrgs(), a.listMedia(), a.listDrafts())
	list.Long = "List what this device knows. Without a word behind it: cases and things."
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		if a.json {
			return a.everything(cmd)
		}
		for _, one := range []*cobra.Command{a.caseListCommand(), a.listItems()} {
			one.SetContext(cmd.Context())
			if err := one.RunE(one, nil); err != nil {
				return err
			}
		}
		return nil
	}
	return list
}

// everything prints cases and things as one document.
func (a *app) everything(cmd *cobra.Command) error {
	r, err := a.begin(cmd.Context(), false)
	if err != nil {
		return err
	}
	cases, err := r.s.Cases(r.ctx)
	if err != nil {
		return err
	}
	things, err := r.s.Things(r.ctx, device.ThingFilter{})
	if err != nil {
		return err
	}
	v := struct {
		Cases  []caseView `json:"cases"`
		Things []itemView `json:"things"`
	}{[]caseView{}, []itemView{}}
	for _, c := range cases {
		v.Cases = append(v.Cases, caseView{c.ID.String(), c.Number, c.Title, c.Authority, c.Own})
	}
	for _, t := range things {
		v.Things = append(v.Things, viewItem(t))
	}
	return a.print(v)
}

// lister makes a command that prints a list.
func (a *app) lister(use, short string, run func(r *run) (views any, err error), flags func(*cobra.Command)) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs, Example: "  fieldkit list " + use + " --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := a.begin(cmd.Context(), false)
			if err != nil {
				return err
			}
			if a.caseName != "" {
				if r.caseID, err = r.findCase(a.caseName); err != nil {
					return err
				}
			}
			views, err := run(r)
			if err == nil && a.json {
				err = a.print(views)
			}
			return err
		}}
	if flags != nil {
		flags(cmd)
	}
	return cmd
}

// itemView is a thing as --json prints it.
type itemView struct {
	Kind   event.RefKind `json:"kind"`
	ID     string        `json:"id"`
	Label  string        `json:"label"`
	SealNo string        `json:"seal_no,omitzero"`
	Case   string        `json:"case"`
	Parent string        `json:"parent,omitzero"`
	Event  string        `json:"event"`
	Own    bool          `json:"own"`
	Void   bool          `json:"void,omitzero"`
}

func viewItem(t device.Thing) itemView {
	v := itemView{Kind: t.Kind, ID: t.ID.String(), Label: t.Label, SealNo: t.SealNo, Case: t.Case.String(), Event: t.Event.String(), Own: t.Own, Void: t.Void}
	if !t.Parent.IsZero() {
		v.Parent = t.Parent.String()
	}
	return v
}

func (a *app) listItems() *cobra.Command {
	var kind string
	return a.lister("items", "The things that records speak of: samples, objects, parties, photos …", func(r *run) (any, error) {
		list, err := r.s.Things(r.ctx, device.ThingFilter{Case: r.caseID, Kind: event.RefKind(kind)})
		views := []itemView{}
		for _, t := range list {
			views = append(views, viewItem(t))
			mark := ""
			if t.Void {
				mark = "  (withdrawn)"
			}
			if t.SealNo != "" {
				mark = "  seal " + t.SealNo + mark
			}
			r.say("%-10s  %s  %s%s", t.Kind, t.ID, oneLine(t.Label, 60), mark)
		}
		return views, err
	}, func(cmd *cobra.Command) {
		cmd.Flags().StringVar(&kind, "kind", "", "only this `kind`: "+wordList[event.RefKind]())
	})
}

// eventView is an own record as --json prints it.
type eventView struct {
	Seq      int64        `json:"seq"`
	ID       string       `json:"id"`
	Type     event.Type   `json:"type"`
	Case     string       `json:"case,omitzero"`
	Wall     event.Stamp  `json:"wall"`
	State    device.State `json:"state"`
	Code     string       `json:"code,omitzero"`
	Detail   string       `json:"detail,omitzero"`
	WaitsFor int64        `json:"waits_for,omitzero"`
	Index    int64        `json:"index"`
	Former   string       `json:"former,omitzero"`
}

func viewEvent(e device.Event) eventView {
	v := eventView{Seq: e.Seq, ID: e.ID.String(), Type: e.Type, Wall: e.Wall, State: e.State, Code: e.Code, Detail: e.Detail, WaitsFor: e.WaitsFor, Index: e.Index, Former: e.Former}
	if !e.Case.IsZero() {
		v.Case = e.Case.String()
	}
	return v
}

func (a *app) listEvents() *cobra.Command {
	var states []string
	var typ string
	return a.lister("events", "This device's own records and how far they have come", func(r *run) (any, error) {
		f := device.EventFilter{Case: r.caseID, Type: event.Type(typ)}
		for _, s := range states {
			f.States = append(f.States, device.State(s))
		}
		list, err := r.s.Events(r.ctx, f)
		views := []eventView{}
		for _, e := range list {
			views = append(views, viewEvent(e))
			r.say("%5d  %-11s  %-20s  %s  %s %s", e.Seq, e.State, e.Type, e.ID, e.Wall, e.Code)
		}
		return views, err
	}, func(cmd *cobra.Command) {
		cmd.Flags().StringSliceVar(&states, "state", nil, "only these `states`: local, sent, receipted, proven, quarantined")
		cmd.Flags().StringVar(&typ, "type", "", "only this `type`, such as sample.collected")
	})
}

func (a *app) listPeople() *cobra.Command {
	type view struct {
		ID         string     `json:"id"`
		Name       string     `json:"name"`
		Org        string     `json:"org"`
		OrgName    string     `json:"org_name"`
		Credential string     `json:"credential_no,omitzero"`
		Until      event.Date `json:"credential_until,omitzero"`
		Disabled   bool       `json:"disabled,omitzero"`
	}
	return a.lister("people", "The people that the authority registered", func(r *run) (any, error) {
		list, err := r.s.Persons(r.ctx)
		views := []view{}
		for _, p := range list {
			views = append(views, view{p.ID.String(), p.Name, p.Org.String(), p.OrgName, p.CredentialNo, p.CredentialUntil, p.Disabled})
			r.say("%s  %s (%s) %s", p.ID, p.Name, p.OrgName, p.CredentialNo)
		}
		return views, err
	}, nil)
}

func (a *app) listOrgs() *cobra.Command {
	type view struct {
		ID     string        `json:"id"`
		Kind   event.OrgKind `json:"kind"`
		Name   string        `json:"name"`
		NameZH string        `json:"name_zh,omitzero"`
	}
	return a.lister("orgs", "The organisations that the authority registered", func(r *run) (any, error) {
		list, err := r.s.Orgs(r.ctx)
		views := []view{}
		for _, o := range list {
			views = append(views, view{o.ID.String(), o.Kind, o.Name, o.NameZH})
			r.say("%s  %-12s  %s %s", o.ID, o.Kind, o.Name, o.NameZH)
		}
		return views, err
	}, nil)
}

func (a *app) listMedia() *cobra.Command {
	type view struct {
		event.Media
		State    device.MediaState `json:"state"`
		Uploaded int64             `json:"uploaded"`
		Path     string            `json:"path"`
		Error    string            `json:"last_error,omitzero"`
	}
	return a.lister("media", "The files of this store and how far they have come", func(r *run) (any, error) {
		list, err := r.s.Media(r.ctx)
		views := []view{}
		for _, m := range list {
			views = append(views, view{m.Media, m.State, m.Uploaded, m.Path, m.LastError})
			r.say("%s  %-8s  %d of %d bytes  %s", m.SHA256, m.State, m.Uploaded, m.Size, m.Name)
		}
		return views, err
	}, nil)
}

func (a *app) listDrafts() *cobra.Command {
	type view struct {
		ID      string     `json:"id"`
		Type    event.Type `json:"type"`
		Updated string     `json:"updated"`
		Body    string     `json:"body"`
	}
	return a.lister("drafts", "Unfinished work that is not sealed", func(r *run) (any, error) {
		list, err := r.s.Drafts(r.ctx)
		views := []view{}
		for _, d := range list {
			views = append(views, view{d.ID.String(), d.Type, d.Updated, d.Body})
			r.say("%s  %s  %s  %s", d.ID, d.Type, d.Updated, oneLine(d.Body, 60))
		}
		return views, err
	}, nil)
}

// shown is a record as show prints it with --json.
type shown struct {
	eventView
	Device  string         `json:"device"`
	Actor   string         `json:"actor"`
	Clock   event.Clock    `json:"clock"`
	Seen    *event.Seen    `json:"seen,omitzero"`
	Place   *event.Place   `json:"place,omitzero"`
	Body    jsontext.Value `json:"body"`
	Line    string         `json:"envelope"`
	Verdict string         `json:"verdict"`
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show EVENT|THING", Short: "Show one record, or the record that made a thing", Args: cobra.MaximumNArgs(1),
		Long:    "Show one record, by its number in this device's chain or its event id, or the record that made a thing, by its label or id.",
		Example: "  fieldkit show 12\n  fieldkit show T-000012 --json",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.begin(cmd.Context(), false)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				all := a.listEvents()
				all.SetContext(cmd.Context())
				return all.RunE(all, nil)
			}
			id, err := r.findEvent(args[0])
			if err != nil {
				ref, terr := r.findThing(args[0])
				if terr != nil {
					return errors.Join(err, terr)
				}
				t, terr := r.thingOf(ref)
				if terr != nil {
					return terr
				}
				id = t.Event
			}
			e, p, _, err := r.s.Event(r.ctx, id)
			if err != nil {
				return err
			}
			return a.show(&e, p)
		},
	}
}

func (a *app) show(e *device.Event, p *event.Payload) error {
	verdict := "own record, " + string(e.State)
	if !e.Own {
		verdict = "record of another device, signature verified"
	}
	if a.json {
		return a.print(shown{viewEvent(*e), p.Device.String(), p.Actor.String(), p.Clock, p.Seen, p.Place, p.Body, string(e.Line), verdict})
	}
	body := slices.Clone(p.Body)
	if err := body.Indent(jsontext.WithIndent("  ")); err != nil {
		return err
	}
	a.say("%s\nevent   %s\nrecord  %d of device %s\nactor   %s\nwhen    %s (%s)", p.Type, e.ID, p.Seq, p.Device, p.Actor, p.Clock.Wall, p.Clock.Source)
	if p.Place != nil {
		a.say("where   %s", placeText(p.Place))
	}
	a.say("state   %s %s %s", verdict, e.Code, e.Detail)
	if e.Index >= 0 {
		a.say("ledger  entry %d", e.Index)
	}
	a.say("%s", body)
	return nil
}

func placeText(p *event.Place) string {
	deg := func(e7 int64) string {
		sign := ""
		if e7 < 0 {
			sign, e7 = "-", -e7
		}
		return fmt.Sprintf("%s%d.%07d", sign, e7/1e7, e7%1e7)
	}
	return fmt.Sprintf("%s, %s %s, ±%d mm, %s %s", deg(p.LatE7), deg(p.LonE7), p.Datum, p.AccuracyMM, p.Source, p.FixTime)
}

func (a *app) exportCommand() *cobra.Command {
	write := func(use, short, example string, fn func(s *device.Store, cmd *cobra.Command, w io.Writer) error) *cobra.Command {
		return &cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1), Example: example,
			RunE: func(cmd *cobra.Command, args []string) error {
				s, err := a.open(cmd.Context())
				if err != nil {
					return err
				}
				if args[0] == "-" {
					return fn(s, cmd, a.Out)
				}
				return a.writeFile(args[0], func(w io.Writer) error { return fn(s, cmd, w) })
			}}
	}
	return group("export", "Take everything, or a diagnosis, out by hand",
		write("archive FILE", "Write all records, files, receipts and proofs as a plain zip, without the key", "  fieldkit export archive evidence.zip",
			func(s *device.Store, cmd *cobra.Command, w io.Writer) error { return s.ExportArchive(cmd.Context(), w) }),
		write("diagnostics FILE", "Write what a person who helps from afar needs, without content or secrets", "  fieldkit export diagnostics - | less",
			func(s *device.Store, cmd *cobra.Command, w io.Writer) error { return s.Diagnostics(cmd.Context(), w) }))
}

// writeFile writes a new file, flushed before it is called written; never over one
// that is there.
func (a *app) writeFile(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = write(f)
	whole := err == nil || errors.Is(err, device.ErrMedia) // damaged files are left out, the rest is whole
	if serr := errors.Join(f.Sync(), f.Close()); serr != nil {
		err, whole = errors.Join(err, serr), false
	}
	if !whole {
		return errors.Join(err, os.Remove(path))
	}
	if a.json {
		return errors.Join(err, a.print(map[string]string{"file": path}))
	}
	a.say("wrote %s", path)
	return err
}

func seenTo(at string) string {
	if at == "" {
		return "(open)"
	}
	return "(seen to " + at + ")"
}

func (a *app) anomalyCommand() *cobra.Command {
	type view struct {
		N            int64            `json:"n"`
		At           string           `json:"at"`
		Kind         device.FaultKind `json:"kind"`
		Detail       string           `json:"detail"`
		One          string           `json:"one,omitzero"`
		Two          string           `json:"two,omitzero"`
		Acknowledged string           `json:"acknowledged,omitzero"`
	}
	list := &cobra.Command{Use: "list", Short: "The alarms, with their evidence in --json", Args: cobra.NoArgs, Example: "  fieldkit anomaly list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			got, err := s.Anomalies(cmd.Context())
			views := []view{}
			for _, x := range got {
				views = append(views, view{x.N, x.At, x.Kind, x.Detail, string(x.One), string(x.Two), x.Acknowledged})
				a.say("%d  %s  %s: %s %s", x.N, x.At, x.Kind, x.Detail, seenTo(x.Acknowledged))
			}
			if err == nil && a.json {
				err = a.print(views)
			}
			return err
		}}
	ack := &cobra.Command{Use: "acknowledge N", Short: "Mark an alarm as seen to; its evidence stays", Args: cobra.ExactArgs(1), Example: "  fieldkit anomaly acknowledge 1",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			n, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil {
				return fmt.Errorf("%q is not the number of an alarm", args[0])
			}
			return s.Acknowledge(cmd.Context(), n)
		}}
	return group("anomaly", "Alarms: what must not happen and did", list, ack)
}
