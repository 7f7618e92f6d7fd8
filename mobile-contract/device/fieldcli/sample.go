package fieldcli

import (
	"errors"
	"fmt"
	"strings"

	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

func (a *app) captureCommand() *cobra.Command {
	return group("capture", "Capture evidence: samples, photos, files, air readings",
		a.sampleCommand(), a.splitCommand(), a.blankCommand(), a.photoCommand(), a.fileCommand(), a.airCommand())
}

// sampleFields are the flags of a sample; those of its origin are left out for a split.
func sampleFields(b *event.SampleCollected, f *fields) {
	text(f, "label", "number of a printed label (the next one of this device's labels)", &b.Label)
	thing(f, "parent", "sample", "the sample that this one belongs to", &b.Parent)
	word(f, "qc", "what the sample is for (primary)", &b.QC)
	word(f, "matrix", "what it consists of", &b.Matrix)
	word(f, "gathering", "taken at once or put together (grab)", &b.Gathering)
	count(f, "increments", "number of increments of a composite", &b.Increments)
	text(f, "method", "sampling method", &b.Method)
	thing(f, "site", "site", "the scene", &b.Site)
	thing(f, "waste", "object", "the heap, drum … that it represents", &b.Waste)
	text(f, "point", "the sampling point", &b.Point)
	f.add("depth", "METRES", "depth below the surface", false, func(_ *run, raw string) error {
		var mm int64
		err := parseScaled(raw, 3, &mm)
		b.DepthMM = &mm
		return err
	})
	stamp(f, "start", "when sampling began (now)", &b.Start)
	stamp(f, "end", "when it ended", &b.End)
	amount(f, "amount", "volume or mass", &b.Amount)
	containerFields(b, f)
	text(f, "preservative", "what was added to keep it, such as HNO3", &b.Preserved)
	figure(f, "ph", "pH after preservation", &b.PH)
	figure(f, "storage-temp-c", "storage temperature, °C", &b.StorageTempC)
	text(f, "seal-no", "number of its custody seal", &b.SealNo)
	count(f, "hold-hours", "a stricter holding limit than the rules', in hours", &b.HoldHours)
	f.add("analyse", "GROUP[=METHOD]", "an analysis asked for (metals, voa, cyanide …); may be repeated", true, func(_ *run, raw string) error {
		group, method, _ := strings.Cut(raw, "=")
		b.Analyses = append(b.Analyses, event.Analysis{Group: group, Method: method})
		return nil
	})
	text(f, "hazard", "a warning for those who handle it", &b.Hazard)
	f.add("parameter", "NAME=FIGURE UNIT", "a figure measured in the field, such as \"pH=6.8 1\"; may be repeated", true, func(_ *run, raw string) error {
		p, err := parseParameter(raw)
		b.Parameters = append(b.Parameters, p)
		return err
	})
	person(f, "sampler", "who took it (the actor)", &b.Sampler)
	person(f, "second-sampler", "the second sampler", &b.SecondSampler)
	attendance(f, "party", &b.Party)
	attendance(f, "witness", &b.Witness)
	text(f, "cooler", "the cooler that it travels in", &b.Cooler)
	file(f, "record", "the signed sampling record", &b.Record)
}

func containerFields(b *event.SampleCollected, f *fields) {
	get := func() *event.Container {
		if b.Container == nil {
			b.Container = &event.Container{}
		}
		return b.Container
	}
	for _, m := range []struct {
		name, usage string
		to          func(*event.Container) *string
	}{
		{"container", "material of the container, such as HDPE", func(c *event.Container) *string { return &c.Material }},
		{"container-no", "its number", func(c *event.Container) *string { return &c.No }},
		{"container-lot", "its lot", func(c *event.Container) *string { return &c.Lot }},
		{"container-volume", "its volume", func(c *event.Container) *string { return &c.Volume }},
	} {
		f.add(m.name, "TEXT", m.usage, false, func(_ *run, raw string) error {
			if isJSON(raw) {
				return fromJSON(raw, &b.Container)
			}
			*m.to(get()) = raw
			return nil
		})
	}
}

func parseParameter(raw string) (event.Parameter, error) {
	name, rest, ok := strings.Cut(raw, "=")
	value, err := parseAmount(rest)
	if !ok || err != nil {
		return event.Parameter{}, errors.Join(errors.New("not NAME=FIGURE UNIT, such as \"conductivity=812 uS/cm\""), err)
	}
	return event.Parameter{Name: name, Value: value.Value, Unit: value.Unit}, nil
}

func (a *app) sampleCommand() *cobra.Command {
	return captureOne(a, spec[event.SampleCollected]{
		use: "sample", short: "Take a sample",
		example: `  fieldkit capture sample --matrix water --point "outfall 2" --amount "500 mL" --container HDPE --preservative HNO3 --ph 1.8 \
    --seal-no S-1001 --analyse metals=HJ776 --parameter "temperature=14.2 Cel" --second-sampler "Zhang Min" \
    --fix 31.1234567,121.4737021,WGS-84,4 --fix-source gnss
  fieldkit capture sample --from sample.json --seal-no S-1002`,
		fields: sampleFields,
	})
}

// parentSample gives the body of the event that a sample was taken with.
func (r *run) parentSample(id event.UUID) (*event.SampleCollected, error) {
	t, err := r.thingOf(event.Ref{Kind: "sample", ID: id})
	if err != nil {
		return nil, err
	}
	_, _, body, err := r.s.Event(r.ctx, t.Event)
	if err != nil {
		return nil, err
	}
	b, ok := body.(*event.SampleCollected)
	if !ok {
		return nil, fmt.Errorf("%q is not a sample that was collected", t.Label)
	}
	return b, nil
}

func (a *app) splitCommand() *cobra.Command {
	return captureOne(a, spec[event.SampleCollected]{
		use: "split PARENT", short: "Split a sample, or take a field duplicate of it", args: cobra.MaximumNArgs(1),
		long: `Split a sample, or take a duplicate of it (--qc field_duplicate). What the parent says
of its origin (matrix, method, site, waste, point, depth, analyses) is taken over where it
is not given; label, seal, amount and container are the new one's own.`,
		example: "  fieldkit capture split T-000012 --amount \"250 mL\" --container HDPE --seal-no S-1013",
		take: func(r *run, b *event.SampleCollected, args []string) error {
			parent, err := r.findThing(args[0], "sample")
			b.Parent = parent.ID
			return err
		},
		fields: sampleFields,
		after: func(r *run, b *event.SampleCollected) error {
			p, err := r.parentSample(b.Parent)
			if err != nil {
				return err
			}
			inherit(b, p)
			return nil
		},
	})
}

// inherit takes over what a sample shares with its parent.
func inherit(b, p *event.SampleCollected) {
	if b.QC == "" {
		b.QC = "split"
	}
	if b.Matrix == "" {
		b.Matrix = p.Matrix
	}
	if b.Gathering == "" {
		b.Gathering = p.Gathering
	}
	if b.Method == "" {
		b.Method = p.Method
	}
	if b.Site.IsZero() {
		b.Site = p.Site
	}
	if b.Waste.IsZero() {
		b.Waste = p.Waste
	}
	if b.Point == "" {
		b.Point = p.Point
	}
	if b.DepthMM == nil {
		b.DepthMM = p.DepthMM
	}
	if b.Analyses == nil {
		b.Analyses = p.Analyses
	}
	if b.Preserved == "" {
		b.Preserved = p.Preserved
	}
	if b.Cooler == "" {
		b.Cooler = p.Cooler
	}
}

func (a *app) blankCommand() *cobra.Command {
	return captureOne(a, spec[event.SampleCollected]{
		use: "blank KIND", short: "Make a blank: trip, field or equipment",
		args:    cobra.MaximumNArgs(1),
		example: "  fieldkit capture blank trip --matrix water --cooler C-3 --analyse voa --seal-no S-1014",
		take: func(_ *run, b *event.SampleCollected, args []string) error {
			if err := parseWord(args[0]+"_blank", &b.QC); err != nil {
				return fmt.Errorf("a blank is one of trip, field, equipment, not %q", args[0])
			}
			return nil
		},
		fields: sampleFields,
	})
}
