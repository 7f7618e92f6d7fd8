package fieldcli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"fieldseal/mobile-contract/device"
	"fieldseal/mobile-contract/device/labfile"
	"fieldseal/mobile-contract/device/manifest"
	"fieldseal/mobile-contract/device/sheet"
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

// finding is a problem of an imported file, as it is printed.
type finding struct {
	Line     int64  `json:"line"`
	Column   string `json:"column,omitzero"`
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Text     string `json:"text"`
}

// importView is an import, or the preview of one, as --json prints it.
type importView struct {
	Importable bool        `json:"importable"`
	Layout     string      `json:"layout,omitzero"`
	Rows       int         `json:"rows"`
	Unknown    []string    `json:"unknown_samples,omitzero"`
	Findings   []finding   `json:"findings"`
	Saved      []savedView `json:"saved,omitzero"`
}

// findings prints what was found in a file.
func (a *app) findings(list []finding) {
	for _, p := range list {
		where := ""
		if p.Line > 0 {
			where = fmt.Sprintf("line %d: ", p.Line)
		}
		if p.Column != "" {
			where += p.Column + ": "
		}
		a.say("%s: %s%s (%s)", p.Severity, where, p.Text, p.Code)
	}
}

// importFlags are what every import takes.
type importFlags struct {
	preview bool
	zone    string
	dates   string
	enc     string
}

func (g *importFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&g.preview, "preview", false, "only show what is in the file and what is wrong with it")
	cmd.Flags().StringVar(&g.zone, "zone", "", "time `zone` of times that state none, such as +08:00 or Asia/Shanghai")
	cmd.Flags().StringVar(&g.dates, "dates", "", "`order` of dates such as 03/04/2026: mdy or dmy")
	cmd.Flags().StringVar(&g.enc, "encoding", "", "text `encoding`: utf-8, gb18030 or windows-1252 (recognised)")
}

func (g *importFlags) read() (*time.Location, sheet.Order, error) {
	zone, err := parseZone(g.zone)
	if err != nil {
		return nil, "", fmt.Errorf("--zone: %w", err)
	}
	order := map[string]sheet.Order{"": sheet.OrderUnknown, "mdy": sheet.MonthFirst, "dmy": sheet.DayFirst}
	o, ok := order[g.dates]
	if !ok {
		return nil, "", fmt.Errorf("--dates: must be mdy or dmy, not %q", g.dates)
	}
	return zone, o, nil
}

// parseZone reads +08:00 or the name of a zone; nil for "".
func parseZone(s string) (*time.Location, error) {
	if s == "" {
		return nil, nil
	}
	if t, err := time.Parse("-07:00", s); err == nil {
		_, off := t.Zone()
		return time.FixedZone(s, off), nil
	}
	return time.LoadLocation(s)
}

func (a *app) resultsImportCommand() *cobra.Command {
	var g importFlags
	var common event.ResultsReported
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Report results from a laboratory's file, all of it or nothing", Args: cobra.ExactArgs(1),
		Long: `Report results from a laboratory's file (EQuIS, EDF and other tables). The file is kept as
it is; every row becomes a result, or, where anything is an error, nothing does. --preview
only shows what is in it and what is wrong; its exit status is 1 where it cannot be imported.`,
		Example: "  fieldkit lab results import results.csv --report-no R-2026-311 --preview\n  fieldkit lab results import results.csv --report-no R-2026-311 --zone +08:00",
	}
	f := &fields{flags: cmd.Flags()}
	text(f, "report-no", "the report's number", &common.ReportNo)
	person(f, "analyst", "who answers for them (the actor)", &common.Analyst)
	g.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := a.begin(cmd.Context(), true)
		if err != nil {
			return err
		}
		if err := f.apply(r); err != nil {
			return err
		}
		file, err := readLabFile(args[0], &g)
		if err != nil {
			return err
		}
		results, unknown := r.resultsOf(file)
		v := importView{Importable: file.Importable(), Layout: string(file.Layout), Rows: len(file.Rows), Unknown: unknown, Findings: r.labFindings(file)}
		if g.preview || !v.Importable {
			return a.showImport(&v, file.Errors())
		}
		media, err := r.s.AddMediaFile(r.ctx, args[0])
		if err != nil {
			return err
		}
		common.Source = &media
		saved, err := r.sealResults(common, results)
		if err != nil {
			return err
		}
		return a.imported(&v, saved)
	}
	return cmd
}

func readLabFile(path string, g *importFlags) (*labfile.File, error) {
	zone, order, err := g.read()
	if err != nil {
		return nil, err
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close() // read only
	file, err := labfile.Parse(in, labfile.Options{Encoding: g.enc, Dates: order, Zone: zone, Now: time.Now()})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

func (r *run) labFindings(f *labfile.File) []finding {
	list := []finding{}
	for _, p := range f.Problems {
		list = append(list, finding{p.Line, p.Column, string(p.Code), string(p.Severity), r.pick(p.EN, p.ZH)})
	}
	return list
}

// showImport prints a preview; the exit status says whether the file can be imported.
func (a *app) showImport(v *importView, errors int) error {
	if a.json {
		if err := a.print(v); err != nil {
			return err
		}
	} else {
		a.findings(v.Findings)
		if len(v.Unknown) > 0 {
			a.say("%d samples are not known on this device: %s", len(v.Unknown), oneLine(strings.Join(v.Unknown, ", "), 200))
		}
		if v.Importable {
			a.say("%d rows can be imported", v.Rows)
		} else {
			a.say("nothing was imported: %d errors in %d rows. Have the file mended where it was made", errors, v.Rows)
		}
	}
	if !v.Importable {
		return errNo
	}
	return nil
}

func (a *app) imported(v *importView, saved []device.Saved) error {
	if a.json {
		for _, s := range saved {
			one := viewSaved(s)
			one.Body = nil
			v.Saved = append(v.Saved, one)
		}
		return a.print(v)
	}
	a.findings(v.Findings)
	a.say("saved: %d rows in %d records", v.Rows, len(saved))
	for _, s := range saved {
		a.say("  record %d, %s%s, event %s", s.Seq, s.Type, thingText(s.Body), s.ID)
	}
	return nil
}

// resultsOf puts a file's rows into the form of an event, and lists the samples that
// are not known here.
func (r *run) resultsOf(f *labfile.File) (results []event.Result, unknown []string) {
	samples := map[string]*event.Ref{}
	for i := range f.Rows {
		row := &f.Rows[i]
		code := row.Code()
		ref, asked := samples[code]
		if !asked {
			if got, err := r.findThing(code, "sample", "subsample"); err == nil {
				ref = &got
			} else if row.Result.QC == "" {
				unknown = append(unknown, code)
			}
			samples[code] = ref
		}
		results = append(results, row.Event(ref))
	}
	return results, unknown
}

func (a *app) quantityImportCommand() *cobra.Command {
	var g importFlags
	var datum string
	var leaveOut bool
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Record parties and quantities from a manifest or waybills, all of it or nothing", Args: cobra.ExactArgs(1),
		Long: `Record parties and quantities from a hazardous-waste manifest (e-Manifest JSON) or a table
of waybills (CSV). The file is attached as it is. Parties that the case has already, by
name, are used; others are recorded. --preview only shows what is in it.`,
		Example: "  fieldkit quantity import waybills.csv --datum GCJ-02 --zone +08:00 --preview\n  fieldkit quantity import manifest.json",
	}
	g.register(cmd)
	cmd.Flags().StringVar(&datum, "datum", "", "coordinate `system` of positions that state none: "+wordList[event.Datum]())
	cmd.Flags().BoolVar(&leaveOut, "leave-out", false, "leave out lines that state neither a mass nor containers, instead of importing nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := a.begin(cmd.Context(), true)
		if err != nil {
			return err
		}
		file, err := readManifest(args[0], datum, &g)
		if err != nil {
			return err
		}
		v := importView{Importable: file.Importable(), Findings: r.manifestFindings(file)}
		bodies, empty, err := r.quantitiesOf(file)
		if err != nil {
			return err
		}
		for _, d := range file.Documents {
			v.Rows += len(d.Quantities)
		}
		for _, where := range empty {
			severity := "warning"
			if !leaveOut {
				severity, v.Importable = "error", false
			}
			v.Findings = append(v.Findings, finding{0, "", "NO_QUANTITY", severity, where + " states neither a mass nor containers (--leave-out imports the rest)"})
		}
		if g.preview || !v.Importable {
			return a.showImport(&v, countErrors(v.Findings))
		}
		saved, err := r.sealQuantities(args[0], file, bodies)
		if err != nil {
			return err
		}
		return a.imported(&v, saved)
	}
	return cmd
}

func countErrors(list []finding) (n int) {
	for _, f := range list {
		if f.Severity == "error" {
			n++
		}
	}
	return n
}

func readManifest(path, datum string, g *importFlags) (*manifest.File, error) {
	zone, order, err := g.read()
	if err != nil {
		return nil, err
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close() // read only
	var file *manifest.File
	if strings.HasSuffix(strings.ToLower(path), ".json") {
		file, err = manifest.ParseJSON(in)
	} else {
		file, err = manifest.ParseWaybills(in, manifest.Options{Encoding: g.enc, Dates: order, Zone: zone, Datum: datum})
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

func (r *run) manifestFindings(f *manifest.File) []finding {
	list := []finding{}
	for _, p := range f.Problems {
		list = append(list, finding{p.Line, p.Where, string(p.Code), string(p.Severity), r.pick(p.EN, p.ZH)})
	}
	return list
}

// quantitiesOf makes the bodies of a manifest: new parties first, then quantities.
// empty names the lines that cannot be a quantity.
func (r *run) quantitiesOf(f *manifest.File) (bodies []event.Body, empty []string, err error) {
	parties := map[string]event.UUID{}
	known, err := r.s.Things(r.ctx, device.ThingFilter{Case: r.caseID, Kind: "party"})
	if err != nil {
		return nil, nil, err
	}
	for _, t := range known {
		parties[t.Label] = t.ID
	}
	var quantities []event.Body
	for i := range f.Documents {
		d := &f.Documents[i]
		var source event.UUID
		for _, p := range d.Parties {
			if p.Name == "" {
				continue
			}
			id, ok := parties[p.Name]
			if !ok {
				id = device.NewUUID()
				parties[p.Name] = id
				kind := event.PartyKind("company")
				if p.Role == manifest.Driver {
					kind = "person"
				}
				bodies = append(bodies, &event.PartyRecorded{Party: id, Kind: kind, Name: p.Name, IDNo: p.ID, Role: string(p.Role)})
			}
			if source.IsZero() && (p.Role == manifest.Generator || p.Role == manifest.Shipper) {
				source = id
			}
		}
		for j := range d.Quantities {
			q := quantityOf(d, &d.Quantities[j], source)
			if q.NetKG == nil && q.GrossKG == nil && q.Containers == 0 {
				empty = append(empty, fmt.Sprintf("line %d of %s %s", d.Quantities[j].Line, d.Kind, d.Number))
				continue
			}
			quantities = append(quantities, q)
		}
	}
	return append(bodies, quantities...), empty, nil
}

func quantityOf(d *manifest.Document, in *manifest.Quantity, party event.UUID) *event.QuantityRecorded {
	q := &event.QuantityRecorded{Party: party, Waste: in.Waste, WasteCode: strings.Join(in.WasteCodes, " "), Tier: "documented",
		ContainerType: in.ContainerType, GrossKG: in.GrossKG, TareKG: in.TareKG, NetKG: in.NetKG, WeighbridgeNo: in.WeighbridgeNo, Plate: d.Plate}
	if in.Containers != nil {
		q.Containers = *in.Containers
	}
	if in.MassBasis == manifest.MassScale {
		q.Tier = "weighed"
	}
	if q.NetKG == nil && in.MassKG != nil {
		q.NetKG = in.MassKG
		if in.MassBasis == manifest.MassDensity {
			q.Basis = "volume times the density stated: " + in.AmountText + " " + in.UnitText
		} else if in.UnitText != "" {
			q.Basis = "as written: " + in.AmountText + " " + in.UnitText
		}
		if !in.MassExact {
			q.Basis += ", converted and rounded"
		}
	}
	if q.Waste == "" {
		q.Waste = "not stated"
	}
	if d.Kind == manifest.Waybill {
		q.WaybillNo = d.Number
	} else {
		q.ManifestNo = d.Number
	}
	var places []string
	for _, p := range d.Route {
		if p.Place != "" {
			places = append(places, p.Place)
		}
		at, _ := p.Time.Stated()
		switch p.Kind {
		case manifest.Load:
			q.From = at
		case manifest.Tip:
			q.To = at
		}
	}
	if q.From == "" && q.To == "" {
		q.From, _ = d.Shipped.Stated()
		q.To, _ = d.Received.Stated()
	}
	q.Route = strings.Join(places, " → ")
	return q
}

// sealQuantities attaches the paper and seals what it states, all or none.
func (r *run) sealQuantities(path string, f *manifest.File, bodies []event.Body) ([]device.Saved, error) {
	media, err := r.s.AddMediaFile(r.ctx, path)
	if err != nil {
		return nil, err
	}
	paper := &event.FileAttached{Media: media, Kind: "manifest", Title: media.Name}
	if f.Documents[0].Kind == manifest.Waybill {
		paper.Kind = "waybill"
	}
	var drafts []device.Draft
	for _, b := range append([]event.Body{paper}, bodies...) {
		if q, ok := b.(*event.QuantityRecorded); ok {
			q.Media = &media
		}
		d, err := r.draft(b)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, d)
	}
	return r.s.CaptureAll(r.ctx, drafts...)
}
