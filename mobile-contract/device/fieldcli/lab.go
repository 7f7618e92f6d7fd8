package fieldcli

import (
	"errors"
	"fmt"
	"strings"

	"fieldseal/mobile-contract/device"
	"fieldseal/sync/decimal"
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

func (a *app) labCommand() *cobra.Command {
	results := group("results", "Report results", a.resultsEnterCommand(), a.resultsImportCommand())
	return group("lab", "Check in samples, take sub-samples, report and sign results", a.checkinCommand(), a.subsampleCommand(), results, a.signCommand())
}

func (a *app) checkinCommand() *cobra.Command {
	return captureOne(a, spec[event.LabAccessioned]{
		use: "checkin LABEL", short: "Check in a sample: what was found, and the decision", args: cobra.MaximumNArgs(1),
		long: `Check in a sample by the label as found on its container. Every question of the check-in
must be answered; nothing is assumed. A rejected sample needs a reason and should have a
photo.`,
		example: `  fieldkit lab checkin T-000012 --label-agrees yes --custody-form-no COC-881 --cooler C-3 --cooler-temp-c 4.1 --on-ice yes --seal intact --seal-no S-1001 \
    --container-intact yes --ph 1.8 --ph-ok yes --hold-hours-left 4200 --decision accept --lab-id L26-0441 --storage-location "cold room 2"`,
		take: func(_ *run, b *event.LabAccessioned, args []string) error {
			b.LabelRead = args[0]
			return nil
		},
		fields: checkinFields,
		after: func(r *run, b *event.LabAccessioned) error {
			if got, err := r.findThing(b.LabelRead, "sample"); err == nil && b.Sample.IsZero() {
				b.Sample = got.ID
			}
			if b.Sample.IsZero() && b.Decision != "reject" {
				return fmt.Errorf("no sample with the label %q is known here: sync to fetch it, or name it with --sample", b.LabelRead)
			}
			return nil
		},
	})
}

func checkinFields(b *event.LabAccessioned, f *fields) {
	thing(f, "sample", "sample", "the sample, where its label is not the argument", &b.Sample)
	f.add("lab", "ORG", "the laboratory (this device's organisation)", false, func(r *run, raw string) (err error) {
		b.Lab, err = r.findOrg(raw)
		return err
	})
	word(f, "label-agrees", "label agrees with the custody form", &b.LabelAgrees)
	text(f, "custody-form-no", "number of the custody form", &b.CustodyFormNo)
	person(f, "received-by", "who received it (the actor)", &b.ReceivedBy)
	stamp(f, "received", "when (now)", &b.Received)
	text(f, "cooler", "the cooler that it came in", &b.Cooler)
	figure(f, "cooler-temp-c", "temperature in the cooler, °C", &b.CoolerTempC)
	word(f, "on-ice", "it came on ice", &b.OnIce)
	text(f, "seal-no", "number of the seal as found", &b.SealNo)
	word(f, "seal", "state of the seal", &b.Seal)
	word(f, "container-intact", "the container is intact", &b.Intact)
	figure(f, "headspace-mm", "largest bubble in a VOA vial, mm", &b.HeadspaceMM)
	figure(f, "ph", "pH as measured", &b.PH)
	word(f, "ph-ok", "the pH is as it must be", &b.PHOK)
	f.add("hold-hours-left", "N", "holding time that is left, in hours", false, func(_ *run, raw string) error {
		d, err := decimal.Parse(raw) // may be negative
		if err != nil || d.S != 0 {
			return errors.New("not a whole number of hours")
		}
		b.HoldHoursLeft = &d.N
		return nil
	})
	word(f, "decision", "the decision", &b.Decision)
	text(f, "qualifier", "what qualifies it, with accept_with_qualifier", &b.Qualifier)
	text(f, "reason", "why it is rejected", &b.Reason)
	file(f, "photo", "a photo of what was found", &b.Photo)
	text(f, "lab-id", "the laboratory's number", &b.LabID)
	text(f, "batch-no", "the laboratory's batch", &b.BatchNo)
	text(f, "storage-location", "where it is stored", &b.Storage)
}

func (a *app) subsampleCommand() *cobra.Command {
	return captureOne(a, spec[event.SubsampleMade]{
		use: "subsample PARENT", short: "Take a part of a sample for analysis", args: cobra.MaximumNArgs(1),
		example: "  fieldkit lab subsample T-000012 --kind digest --mass-in 512.4 --mass-out 10.02 --unit g --batch B-77",
		take: func(r *run, b *event.SubsampleMade, args []string) (err error) {
			b.Parent, err = r.findThing(args[0], "sample", "subsample")
			return err
		},
		fields: func(b *event.SubsampleMade, f *fields) {
			text(f, "label", "its label (the next one of this device's labels)", &b.Label)
			word(f, "kind", "what it is", &b.Kind)
			figure(f, "mass-in", "what the parent held before", &b.MassIn)
			figure(f, "mass-out", "what this part took", &b.MassOut)
			text(f, "unit", "unit of both", &b.Unit)
			person(f, "analyst", "who took it (the actor)", &b.Analyst)
			stamp(f, "at", "when (now)", &b.At)
			text(f, "batch", "the batch", &b.Batch)
		},
	})
}

func (a *app) resultsEnterCommand() *cobra.Command {
	return captureOne(a, spec[event.ResultsReported]{
		use: "enter", short: "Report results typed by hand",
		long: `Report results typed by hand, each as one --result: sample, analyte, method, the result
as it is reported, and its unit, separated by commas; further members as NAME=VALUE: cas,
value, mdl, rl, qualifier, uncertainty, k, basis, fraction, analysed, analysed_on, batch,
dilution, instrument, lab_id, qc. A result that is a number also becomes a figure.`,
		example: "  fieldkit lab results enter --report-no R-2026-311 --result \"T-000012,Cadmium,HJ 776,0.182,mg/L,cas=7440-43-9,mdl=0.005,rl=0.02,analysed_on=2026-11-25\" \\\n    --result \"T-000012,Lead,HJ 776,<0.01,mg/L,qualifier=U,mdl=0.01\"",
		fields: func(b *event.ResultsReported, f *fields) {
			text(f, "report-no", "the report's number", &b.ReportNo)
			person(f, "analyst", "who answers for them (the actor)", &b.Analyst)
			file(f, "source", "the laboratory's own file", &b.Source)
			f.add("result", "LIST", "one result; may be repeated", true, func(r *run, raw string) error {
				one, err := r.result(raw)
				b.Results = append(b.Results, one)
				return err
			})
		},
	})
}

// result reads one typed result.
func (r *run) result(raw string) (event.Result, error) {
	var x event.Result
	part, err := splitList(raw)
	if err != nil {
		return x, err
	}
	if len(part) < 5 {
		return x, errors.New("not SAMPLE,ANALYTE,METHOD,RESULT,UNIT")
	}
	x.SampleCode, x.Analyte, x.Method, x.Text, x.Unit = part[0], part[1], part[2], part[3], part[4]
	if got, err := r.findThing(x.SampleCode, "sample", "subsample"); err == nil {
		x.Sample = &got
	}
	if d, err := decimal.Parse(x.Text); err == nil {
		x.Value = &d
	}
	for _, p := range part[5:] {
		name, value, ok := strings.Cut(p, "=")
		if !ok {
			return x, fmt.Errorf("%q is not NAME=VALUE", p)
		}
		if err := resultMember(&x, strings.TrimSpace(name), value); err != nil {
			return x, fmt.Errorf("%s: %w", name, err)
		}
	}
	return x, nil
}

func resultMember(x *event.Result, name, value string) error {
	textual := map[string]*string{"cas": &x.CAS, "qualifier": &x.Qualifier, "basis": &x.Basis, "fraction": &x.Fraction, "batch": &x.Batch,
		"instrument": &x.Instrument, "lab_id": &x.LabID, "qc": &x.QC, "prep_method": &x.Prep, "validation_qualifier": &x.Validation}
	figures := map[string]**decimal.Decimal{"value": &x.Value, "mdl": &x.MDL, "rl": &x.RL, "uncertainty": &x.Uncertainty, "k": &x.K, "dilution": &x.Dilution}
	switch {
	case textual[name] != nil:
		*textual[name] = value
		return nil
	case figures[name] != nil:
		d, err := decimal.Parse(value)
		*figures[name] = &d
		return err
	case name == "analysed":
		return parseStamp(value, &x.Analysed)
	case name == "prepared":
		return parseStamp(value, &x.Prepared)
	case name == "analysed_on":
		return parseDate(value, &x.AnalysedOn)
	}
	return errors.New("no such member of a result")
}

func (a *app) signCommand() *cobra.Command {
	return captureOne(a, spec[event.ReportSigned]{
		use: "sign REPORT", short: "Sign a report, as analyst, reviewer or approver", args: cobra.MaximumNArgs(1),
		long:    "Sign a report, over the digest of all its parts. It must be here whole: sync first where another device reported it.",
		example: "  fieldkit lab sign R-2026-311 --as reviewer --opinion \"calculations checked\"",
		take: func(r *run, b *event.ReportSigned, args []string) error {
			got, err := r.findThing(args[0], "report")
			if err != nil {
				return err
			}
			b.Report = got.ID
			b.Digest, err = r.s.ReportDigest(r.ctx, got.ID)
			return err
		},
		fields: func(b *event.ReportSigned, f *fields) {
			word(f, "as", "in which role", &b.As)
			text(f, "opinion", "the signer's opinion", &b.Opinion)
		},
	})
}

// sealResults seals the parts of a report together: all or none.
func (r *run) sealResults(common event.ResultsReported, results []event.Result) ([]device.Saved, error) {
	parts := (len(results) + event.MaxResults - 1) / event.MaxResults
	common.Report = event.UUID{}
	var drafts []device.Draft
	id := device.NewUUID()
	for i := range parts {
		b := common
		b.Report = id
		if parts > 1 {
			b.Part, b.Parts = int64(i+1), int64(parts)
		}
		b.Results = results[i*event.MaxResults : min((i+1)*event.MaxResults, len(results))]
		d, err := r.draft(&b)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, d)
	}
	return r.s.CaptureAll(r.ctx, drafts...)
}
