package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"fieldseal/mobile-contract/device"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

// maxInput bounds a file or text given to a command.
const maxInput = 16 << 20

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("the input has more than %d bytes", maxInput)
	}
	return data, err
}

// act is a command that records one event.
type act struct {
	path    string // "case open"
	typ     event.Type
	short   string
	example string
}

var acts = []act{
	{"case open", event.TypeCaseOpened, "Open a case", "fieldkit case open --number 2026-HW-017 --title \"Drums by the river\" --authority \"City Environment Bureau\""},
	{"site add", event.TypeSiteRecorded, "Describe a scene", "fieldkit site add --case 2026-HW-017 --name \"River bank\" --centre '{\"lat_e7\":302741200,\"lon_e7\":1199823400,\"datum\":\"WGS-84\",\"source\":\"gnss\"}' --officers '[{\"name\":\"Li Wei\"},{\"name\":\"Zhao Min\"}]'"},
	{"party add", event.TypePartyRecorded, "Name a party", "fieldkit party add --case 2026-HW-017 --kind company --name \"Hongda Metal Finishing\""},
	{"object add", event.TypeObjectRecorded, "Describe a thing on the trail: a barrel, a vehicle, an account", "fieldkit object add --case 2026-HW-017 --kind barrel --label D-01"},
	{"link add", event.TypeLinkRecorded, "Tie two things together, and say what shows it", "fieldkit link add --case 2026-HW-017 --from object:D-01 --to object:\"浙A12345\" --relation \"carried by\" --basis waybill"},
	{"quantity add", event.TypeQuantityRecorded, "Record how much waste, of whom, and how well that is known", "fieldkit quantity add --case 2026-HW-017 --waste \"plating sludge\" --tier weighed --net-kg 3090.5 --party \"Hongda Metal Finishing\""},
	{"note", event.TypeNoteWritten, "Write a note", "fieldkit note --case 2026-HW-017 --text \"smell of solvent at the north end\""},
	{"amend", event.TypeEventAmended, "Correct or void an earlier record, which stays as it is", "fieldkit amend --case 2026-HW-017 --target 3f…e1 --reason \"seal number misread\" --changes '[{\"path\":\"/seal_no\",\"old\":\"\\\"C-1\\\"\",\"new\":\"\\\"C-7\\\"\"}]'"},
	{"capture sample", event.TypeSampleCollected, "Record a sample, a split or a blank", "fieldkit capture sample --case 2026-HW-017 --matrix liquid_waste --seal-no C-7781 --second-sampler \"Zhao Min\" --analyses '[{\"group\":\"metals\"}]'"},
	{"seal apply", event.TypeSealApplied, "Put a new custody seal on an item", "fieldkit seal apply --case 2026-HW-017 --item sample:S-0001 --old-seal C-1 --new-seal C-2 --reason \"opened for pH\""},
	{"instrument add", event.TypeInstrument, "Describe an instrument", "fieldkit instrument add --case 2026-HW-017 --make Sensit --serial 0000 --sensor pid --calibration-due 2027-11-01"},
	{"instrument check", event.TypeInstrumentChecked, "Record a zero, span or bump check, a calibration or a post-use check", "fieldkit instrument check --case 2026-HW-017 --instrument 0000 --kind bump --pass yes"},
	{"lab checkin", event.TypeLabAccessioned, "Check a sample in at the laboratory", "fieldkit lab checkin --case 2026-HW-017 --sample S-0001 --label-read S-0001 --label-agrees yes --on-ice yes --seal intact --seal-no C-7781 --container-intact yes --ph-ok yes --decision accept --lab-id E26-01"},
	{"lab subsample", event.TypeSubsampleMade, "Take a part of a sample", "fieldkit lab subsample --case 2026-HW-017 --parent sample:S-0001 --label S-0001/a --kind aliquot --mass-in 500 --mass-out 50 --unit mL"},
	{"storage move", event.TypeStorageMoved, "Put an item into, within or out of storage", "fieldkit storage move --case 2026-HW-017 --item sample:S-0001 --move in --location \"cold room 2\" --reason analysis"},
	{"hold place", event.TypeHoldPlaced, "Forbid the disposal of items", "fieldkit hold place --case 2026-HW-017 --items '[{\"kind\":\"sample\",\"id\":\"…\"}]' --authority Procuratorate --reason \"trial pending\""},
	{"hold release", event.TypeHoldReleased, "End a hold", "fieldkit hold release --case 2026-HW-017 --hold … --authority Procuratorate --reason \"judgment final\""},
	{"dispose", event.TypeItemDisposed, "Record the disposal of an item", "fieldkit dispose --case 2026-HW-017 --item sample:S-0001 --authority Procuratorate --hold-checked yes --method incineration"},
	{"dossier step", event.TypeDossierStep, "Record a step of a transfer dossier", "fieldkit dossier step --case 2026-HW-017 --step legal_review --opinion complete"},
	{"waiver grant", event.TypeWaiverGranted, "Excuse a defect by an authority's decision", "fieldkit waiver grant --case 2026-HW-017 --defect TEMP_OUT_OF_RANGE --authority \"City Environment Bureau\" --reason \"metals are not affected\""},
}

// recordCommands makes a command of each act, grouped by its first word.
func recordCommands() []*cobra.Command {
	groups := map[string]*cobra.Command{}
	var list []*cobra.Command
	for _, a := range acts {
		group, name, two := strings.Cut(a.path, " ")
		cmd := a.command()
		if !two {
			cmd.Use = group
			list = append(list, cmd)
			continue
		}
		cmd.Use = name
		if groups[group] == nil {
			groups[group] = &cobra.Command{Use: group, Short: "Records of this kind: see --help", Example: "  " + a.example}
			list = append(list, groups[group])
		}
		groups[group].AddCommand(cmd)
	}
	return list
}

func (a act) command() *cobra.Command {
	c := &cobra.Command{Short: a.short, Example: "  " + a.example, Args: cobra.NoArgs}
	c.Flags().String("case", "", "`number` or id of the case")
	placeFlags(c)
	bodyFlags(c, a.typ.BodyType())
	c.RunE = func(c *cobra.Command, _ []string) error {
		return within(c, func(s *device.Store) error {
			d, err := draftFor(c, s, a.typ)
			if err != nil {
				return err
			}
			b, err := readBody(c, a.typ, &things{c: c, s: s, in: d.Case})
			if err != nil {
				return err
			}
			d.Body = b
			return capture(c, s, d)
		})
	}
	return c
}

func placeFlags(c *cobra.Command) {
	c.Flags().String("fix", "", "where the device is: `LAT,LON,DATUM[,ACCURACY_M]`, such as 30.27412,119.98234,WGS-84,5")
}

// placeOf reads --fix.
func placeOf(c *cobra.Command) (*event.Place, error) {
	text, _ := c.Flags().GetString("fix")
	if text == "" {
		return nil, nil
	}
	part := strings.Split(text, ",")
	if len(part) < 3 || len(part) > 4 {
		return nil, fmt.Errorf("--fix %q: write latitude, longitude and datum, such as 30.27412,119.98234,WGS-84", text)
	}
	lat, err1 := scaled(part[0], 7)
	lon, err2 := scaled(part[1], 7)
	p := &event.Place{LatE7: lat, LonE7: lon, Datum: event.Datum(part[2]), Source: "gnss", FixTime: event.StampOf(time.Now())}
	var err3 error
	if len(part) == 4 {
		p.AccuracyMM, err3 = scaled(part[3], 3)
	}
	return p, errors.Join(err1, err2, err3)
}

// scaled reads a decimal as a whole number of units of 10^-scale; more digits are refused.
func scaled(text string, scale uint8) (int64, error) {
	d, err := decimal.Parse(text)
	if err != nil {
		return 0, err
	}
	if d.S > scale {
		return 0, fmt.Errorf("%q has more than %d decimals", text, scale)
	}
	n := d.N
	for range scale - d.S {
		n *= 10
	}
	return n, nil
}

// draftFor starts a draft of a type in the case that the command names.
func draftFor(c *cobra.Command, s *device.Store, t event.Type) (device.Draft, error) {
	place, err := placeOf(c)
	d := device.Draft{Place: place}
	if err != nil {
		return d, err
	}
	name, _ := c.Flags().GetString("case")
	if name == "" {
		if t.InCase() && t != event.TypeCaseOpened {
			return d, errors.New("--case is missing: the number or id of the case")
		}
		return d, nil
	}
	id, err := caseNamed(c, s, name)
	d.Case = id
	return d, err
}

func caseNamed(c *cobra.Command, s *device.Store, name string) (event.UUID, error) {
	if id, err := event.ParseUUID(name); err == nil {
		return id, nil
	}
	list, err := s.Cases(c.Context())
	for _, k := range list {
		if k.Number == name {
			return k.ID, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("this device knows no case %q. Open it with case open, or sync to pull it", name)
	}
	return event.UUID{}, err
}

// capture seals a draft and says what was saved.
func capture(c *cobra.Command, s *device.Store, d device.Draft) error {
	saved, err := s.Capture(c.Context(), d)
	if err != nil {
		return err
	}
	return said(c, saved)
}

func said(c *cobra.Command, saved device.Saved) error {
	if wantsJSON(c) {
		return printJSON(c.OutOrStdout(), map[string]any{"id": saved.ID, "seq": saved.Seq, "type": saved.Type, "case": saved.Case, "body": saved.Body})
	}
	word := "saved"
	if lang, _ := c.Flags().GetString("lang"); lang == "zh" {
		word = "已保存"
	}
	fmt.Fprintf(c.OutOrStdout(), "%s  no. %d  %s%s  %s\n", word, saved.Seq, saved.Type, labelOf(saved.Body), saved.ID.String()[:16])
	return nil
}

func labelOf(b event.Body) string {
	switch b := b.(type) {
	case *event.SampleCollected:
		return "  " + b.Label
	case *event.CaseOpened:
		return "  " + b.Number
	case *event.ObjectRecorded:
		return "  " + b.Label
	case *event.SubsampleMade:
		return "  " + b.Label
	case *event.LabAccessioned:
		return "  " + b.LabelRead + ": " + string(b.Decision)
	}
	return ""
}

// things finds what a person names by its label.
type things struct {
	c  *cobra.Command
	s  *device.Store
	in event.UUID
}

func (f *things) file(path string) (event.Media, error) {
	return f.s.AddMediaFile(f.c.Context(), path)
}

// thing resolves an id, a label of a thing in the case, or a person's or
// organisation's name. member is the body's member or the kind of a reference.
func (f *things) thing(member, text string) (event.UUID, error) {
	if id, err := event.ParseUUID(text); err == nil {
		return id, nil
	}
	list, err := f.s.Things(f.c.Context(), device.ThingFilter{Case: f.in, Label: text})
	if err != nil {
		return event.UUID{}, err
	}
	var found []device.Thing
	for _, t := range list {
		if !t.Void {
			found = append(found, t)
		}
	}
	if len(found) > 1 { // the same label on things of several kinds: the member says which
		var same []device.Thing
		for _, t := range found {
			if string(t.Kind) == member || member == "waste" && t.Kind == "object" {
				same = append(same, t)
			}
		}
		if len(same) > 0 {
			found = same
		}
	}
	if len(found) == 1 {
		return found[0].ID, nil
	}
	if len(found) > 1 {
		return event.UUID{}, fmt.Errorf("%d things are called %q; give the id (see fieldkit list)", len(found), text)
	}
	return f.who(text)
}

func (f *things) who(text string) (event.UUID, error) {
	people, err := f.s.Persons(f.c.Context())
	if err != nil {
		return event.UUID{}, err
	}
	for _, p := range people {
		if p.Name == text {
			return p.ID, nil
		}
	}
	orgs, err := f.s.Orgs(f.c.Context())
	for _, o := range orgs {
		if o.Name == text {
			return o.ID, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("nothing and nobody here is called %q; see fieldkit list, or sync to learn of what others recorded", text)
	}
	return event.UUID{}, err
}
