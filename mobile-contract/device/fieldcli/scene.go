package fieldcli

import (
	"fmt"
	"strings"

	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

// group is a command that only has others below it.
func group(use, short string, cmds ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Example: cmds[0].Example, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(cmds...)
	return c
}

// withAlias gives a command that can also be called by a second word behind it, as
// the others of its kind are.
func withAlias(second string, build func() *cobra.Command) *cobra.Command {
	c, again := build(), build()
	_, rest, _ := strings.Cut(again.Use, " ")
	again.Use, again.Hidden = strings.TrimSpace(second+" "+rest), true
	c.AddCommand(again)
	return c
}

// short gives a command that is found in a group a second, shorter name.
func short(c *cobra.Command) *cobra.Command {
	c.Hidden = true
	return c
}

func (a *app) caseCommand() *cobra.Command {
	return group("case", "Open and list cases", captureOne(a, spec[event.CaseOpened]{
		use: "open", short: "Open a case", noCase: true,
		example: "  fieldkit case open --number 2026-017 --title \"Drums by the canal\" --authority \"City Environment Bureau\" --legal-basis \"法释〔2023〕7号\"",
		fields: func(b *event.CaseOpened, f *fields) {
			text(f, "number", "the case's number", &b.Number)
			text(f, "title", "what it is about", &b.Title)
			text(f, "authority", "which authority leads it", &b.Authority)
			text(f, "legal-basis", "the law it is opened under", &b.LegalBasis)
			text(f, "clue", "the number of the tip that led here; never the informant's name", &b.Clue)
			texts(f, "linked-case", "number of a linked case", &b.LinkedCases)
			texts(f, "jurisdiction", "a jurisdiction that is concerned", &b.Jurisdictions)
		},
	}), a.caseListCommand())
}

// caseView is a case as --json prints it.
type caseView struct {
	ID        string `json:"id"`
	Number    string `json:"number"`
	Title     string `json:"title"`
	Authority string `json:"authority"`
	Own       bool   `json:"own"`
}

func (a *app) caseListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "The cases that this device knows", Args: cobra.NoArgs, Example: "  fieldkit case list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			list, err := s.Cases(cmd.Context())
			if err != nil {
				return err
			}
			views := []caseView{}
			for _, c := range list {
				views = append(views, caseView{c.ID.String(), c.Number, c.Title, c.Authority, c.Own})
				a.say("%s  %s  %s (%s)", c.Number, c.ID, c.Title, c.Authority)
			}
			if a.json {
				return a.print(views)
			}
			return nil
		},
	}
}

func (a *app) siteCommand() *cobra.Command {
	return group("site", "Record a scene", captureOne(a, spec[event.SiteRecorded]{
		use: "add", short: "Record a scene: where, who, weather, outline",
		long: "Record a scene. --fix or --centre says where it is; name at least two officers, as a record of evidence needs them.",
		example: `  fieldkit site add --name "Yard behind the dye works" --fix 31.1234567,121.4737021,WGS-84,4 --fix-source gnss \
    --officer "Li Wei=HB-1023" --officer "Zhang Min=HB-0871" --party "Dye Works Ltd" --party-signing signed --weather "overcast, 12 °C" --wind-deg 270 --wind-m-s 2.5`,
		fields: siteFields,
		after: func(r *run, b *event.SiteRecorded) error {
			if b.Centre.Datum == "" && r.here != nil {
				b.Centre = *r.here
			}
			if b.Centre.Datum == "" {
				return fmt.Errorf("say where it is: --fix or --centre LAT,LON,DATUM")
			}
			return nil
		},
	}))
}

func siteFields(b *event.SiteRecorded, f *fields) {
	text(f, "name", "what the scene is called", &b.Name)
	f.add("centre", "LAT,LON,DATUM[,METRES]", "the scene's centre, where it is not at --fix", false, func(_ *run, raw string) error {
		if isJSON(raw) {
			return fromJSON(raw, &b.Centre)
		}
		b.Centre.Source = "map"
		return parseFix(raw, &b.Centre)
	})
	f.add("outline", "LAT,LON;…", "its boundary, at least three corners, in the centre's coordinate system", false, func(_ *run, raw string) error {
		b.Outline = nil
		if isJSON(raw) {
			return fromJSON(raw, &b.Outline)
		}
		for _, corner := range strings.Split(raw, ";") {
			var p [2]int64
			if err := parsePair(corner, &p[0], &p[1]); err != nil {
				return err
			}
			b.Outline = append(b.Outline, p)
		}
		return nil
	})
	f.add("officer", "NAME[=NO]", "who collects evidence here, with credential number; may be repeated", true, func(r *run, raw string) error {
		o, err := r.officer(raw)
		b.Officers = append(b.Officers, o)
		return err
	})
	text(f, "weather", "the weather", &b.Weather)
	figure(f, "wind-deg", "where the wind comes from, degrees", &b.WindDeg)
	figure(f, "wind-m-s", "wind speed, m/s", &b.WindMS)
	attendance(f, "party", &b.Party)
	attendance(f, "witness", &b.Witness)
	stamp(f, "start", "when the inspection began (now)", &b.Start)
	stamp(f, "end", "when it ended", &b.End)
	file(f, "sketch", "a sketch of the scene", &b.Sketch)
	text(f, "access", "how access was had", &b.Access)
	text(f, "narrative", "what was found", &b.Narrative)
}

// officer reads a person known here, or NAME=CREDENTIAL.
func (r *run) officer(raw string) (event.Officer, error) {
	name, no, _ := strings.Cut(raw, "=")
	o := event.Officer{Name: name, CredentialNo: no}
	id, err := r.findPerson(name)
	if err != nil {
		return o, nil // somebody that the authority has not registered is named all the same
	}
	o.Person = id
	list, err := r.s.Persons(r.ctx)
	for _, p := range list {
		if p.ID == id {
			o.Name = p.Name
			if no == "" {
				o.CredentialNo = p.CredentialNo
			}
		}
	}
	return o, err
}

func (a *app) partyCommand() *cobra.Command {
	return group("party", "Record a party to the case", captureOne(a, spec[event.PartyRecorded]{
		use: "add", short: "Record a party to the case",
		example: "  fieldkit party add --kind company --name \"Dye Works Ltd\" --id-no 91310000MA1FL0000X --role producer",
		fields: func(b *event.PartyRecorded, f *fields) {
			word(f, "kind", "what the party is", &b.Kind)
			text(f, "name", "its name", &b.Name)
			text(f, "id-no", "identity or registration number", &b.IDNo)
			text(f, "role", "its part: producer, carrier, disposer …", &b.Role)
			text(f, "note", "anything else", &b.Note)
		},
	}))
}

func (a *app) objectCommand() *cobra.Command {
	return group("object", "Record a thing on the trail: barrel, vehicle, account …", captureOne(a, spec[event.ObjectRecorded]{
		use: "add", short: "Record a thing on the trail",
		example: "  fieldkit object add --kind vehicle --label \"blue tanker\" --identifier plate=沪A12345 --identifier vin=LZZ5CLSB8 --site \"Yard behind the dye works\"",
		fields: func(b *event.ObjectRecorded, f *fields) {
			word(f, "kind", "what it is", &b.Kind)
			text(f, "label", "what it is called", &b.Label)
			text(f, "description", "what it looks like", &b.Description)
			f.add("identifier", "KIND=VALUE", "a number that it carries; may be repeated", true, func(_ *run, raw string) error {
				kind, value, ok := strings.Cut(raw, "=")
				if !ok {
					return fmt.Errorf("not KIND=VALUE, such as plate=沪A12345")
				}
				b.Identifiers = append(b.Identifiers, event.Identifier{Kind: kind, Value: value})
				return nil
			})
			thing(f, "site", "site", "where it was found", &b.Site)
			text(f, "seal-no", "number of the seal put on it", &b.SealNo)
			flag(f, "held", "it was taken into custody", &b.Held)
		},
	}))
}

// flag registers a yes-or-no flag that needs no value.
func flag(f *fields, name, usage string, to *bool) {
	f.add(name, "", usage, false, func(_ *run, raw string) error { *to = raw == "true"; return nil })
	f.flags.Lookup(name).NoOptDefVal = "true"
}

func (a *app) linkCommand() *cobra.Command {
	return group("link", "Tie two things together, with what shows it", captureOne(a, spec[event.LinkRecorded]{
		use: "add", short: "Tie two things together: barrel to vehicle, vehicle to site, party to account",
		example: "  fieldkit link add --from object:\"blue tanker\" --to party:\"Dye Works Ltd\" --relation \"carried waste for\" --basis \"waybill 7731\" --file waybill.pdf",
		fields: func(b *event.LinkRecorded, f *fields) {
			ref(f, "from", "the one thing", &b.From)
			ref(f, "to", "the other thing", &b.To)
			text(f, "relation", "how the first stands to the second", &b.Relation)
			text(f, "basis", "what shows it", &b.Basis)
			f.add("event", "EVENT", "a record that shows it; may be repeated", true, func(r *run, raw string) error {
				id, err := r.findEvent(raw)
				b.Events = append(b.Events, id)
				return err
			})
			file(f, "file", "a file that shows it", &b.Media)
		},
	}))
}

func (a *app) noteCommand() *cobra.Command {
	return captureOne(a, spec[event.NoteWritten]{
		use: "note TEXT", short: "Write a note about the case or things in it", args: cobra.MaximumNArgs(1),
		example: "  fieldkit note \"The gate was open when we arrived\" --about site:Yard",
		take: func(_ *run, b *event.NoteWritten, args []string) error {
			if len(args) == 1 {
				b.Text = args[0]
			}
			return nil
		},
		fields: func(b *event.NoteWritten, f *fields) { refs(f, "about", "a thing that it is about", &b.About) },
	})
}
