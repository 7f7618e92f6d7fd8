package console

import (
	"fmt"
	"strconv"
	"strings"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
)

// facts collects what a body says, leaving out what it does not.
type facts []courtFact

func (f *facts) add(key, value string) {
	if value != "" {
		*f = append(*f, courtFact{Key: key, Value: value})
	}
}

// word adds a word of the schema, for which there are words in each language.
func (f *facts) word(key, value string) {
	if value != "" {
		*f = append(*f, courtFact{Key: key, Value: value, Words: true})
	}
}

func (f *facts) number(key string, d *decimal.Decimal, unit string) {
	if d != nil {
		f.add(key, strings.TrimSpace(d.String()+" "+unit))
	}
}

func (f *facts) count(key string, n int64, unit string) {
	if n != 0 {
		f.add(key, strings.TrimSpace(strconv.FormatInt(n, 10)+" "+unit))
	}
}

// factsOf lists what the event that brought an exhibit into the case says of it,
// as it was sealed: corrections stand beside it.
func factsOf(body event.Body) []courtFact {
	var f facts
	switch b := body.(type) {
	case *event.SampleCollected:
		sampleFacts(&f, b)
	case *event.SubsampleMade:
		f.word("part", string(b.Kind))
		f.number("mass_in", b.MassIn, b.Unit)
		f.number("mass_out", b.MassOut, b.Unit)
		f.add("batch", b.Batch)
	case *event.ObjectRecorded:
		f.word("object", string(b.Kind))
		f.add("description", b.Description)
		for _, i := range b.Identifiers {
			f.add("identifier", i.Kind+": "+i.Value)
		}
	case *event.PhotoCaptured:
		photoFacts(&f, b)
	case *event.FileAttached:
		f.word("file", string(b.Kind))
		f.add("title", b.Title)
		f.add("name", b.Media.Name)
		f.add("type", b.Media.Type)
		f.add("derivation", b.Derivation)
	case *event.AirStarted:
		f.add("format", b.Format)
		f.word("source", string(b.Source))
		f.count("period", b.PeriodMS, "ms")
		f.count("averaging", b.AveragingMS, "ms")
		for _, ch := range b.Channels {
			f.add("channel", strings.TrimSpace(ch.Name+" "+ch.Quantity+" "+ch.Unit))
		}
	}
	return f
}

func sampleFacts(f *facts, b *event.SampleCollected) {
	f.word("matrix", string(b.Matrix))
	f.word("qc", string(b.QC))
	f.word("gathering", string(b.Gathering))
	f.count("increments", b.Increments, "")
	f.add("method", b.Method)
	f.add("point", b.Point)
	if b.DepthMM != nil {
		f.add("depth", strconv.FormatInt(*b.DepthMM, 10)+" mm")
	}
	if b.Amount != nil {
		f.number("amount", &b.Amount.Value, b.Amount.Unit)
	}
	if c := b.Container; c != nil {
		f.add("container", strings.Join(strings.Fields(strings.Join([]string{c.Material, c.No, c.Lot, c.Volume}, " ")), " "))
	}
	f.add("preservative", b.Preserved)
	f.number("ph", b.PH, "")
	f.number("storage_temp", b.StorageTempC, "°C")
	f.add("hazard", b.Hazard)
	for _, a := range b.Analyses {
		f.add("analysis", strings.TrimSpace(a.Group+" "+a.Method))
	}
	f.count("hold_hours", b.HoldHours, "h")
	for _, p := range b.Parameters {
		f.add("parameter", p.Name+": "+p.Value.String()+" "+p.Unit)
	}
	f.add("cooler", b.Cooler)
}

func photoFacts(f *facts, b *event.PhotoCaptured) {
	f.add("shows", b.Shows)
	f.word("seal_visible", string(b.SealVisible))
	if b.HeadingCDeg != nil {
		f.add("heading", fmt.Sprintf("%d.%02d°", *b.HeadingCDeg/100, *b.HeadingCDeg%100))
	}
	f.add("name", b.Media.Name)
	f.add("type", b.Media.Type)
	f.add("derivation", b.Derivation)
	x := b.Exif
	if x == nil {
		return
	}
	f.add("exif_time", strings.TrimSpace(x.Time+" "+x.Offset))
	if x.GPSLatE7 != nil && x.GPSLonE7 != nil {
		f.add("exif_gps", degreesText(*x.GPSLatE7)+", "+degreesText(*x.GPSLonE7))
	}
	if x.GPSTime != "" {
		f.add("exif_gps_time", string(x.GPSTime))
	}
	f.add("camera", strings.TrimSpace(x.Make+" "+x.Model))
	if x.Width > 0 && x.Height > 0 {
		f.add("pixels", fmt.Sprintf("%d × %d", x.Width, x.Height))
	}
}

// siteOf is the scene that a body names.
func siteOf(body event.Body) event.UUID {
	switch b := body.(type) {
	case *event.SampleCollected:
		return b.Site
	case *event.ObjectRecorded:
		return b.Site
	case *event.PhotoCaptured:
		return b.Site
	case *event.AirStarted:
		return b.Site
	}
	return event.UUID{}
}

type part struct {
	key    string
	person event.UUID
}

// partsOf lists the people whom a body names with their parts.
func partsOf(body event.Body) []part {
	switch b := body.(type) {
	case *event.SampleCollected:
		return []part{{"sampler", b.Sampler}, {"second_sampler", b.SecondSampler}}
	case *event.SubsampleMade:
		return []part{{"analyst", b.Analyst}}
	case *event.PhotoCaptured:
		return []part{{"photographer", b.Photographer}}
	}
	return nil
}

type attendance struct {
	key string
	*event.Attendance
}

// attendancesOf says how the party and the witness stood to the record: as the
// sample's own record says, else as the scene's.
func attendancesOf(body event.Body, site *event.SiteRecorded) (list []attendance) {
	var party, witness *event.Attendance
	if b, ok := body.(*event.SampleCollected); ok {
		party, witness = b.Party, b.Witness
	}
	if site != nil && party == nil && witness == nil {
		party, witness = site.Party, site.Witness
	}
	if party != nil {
		list = append(list, attendance{"party", party})
	}
	if witness != nil {
		list = append(list, attendance{"witness", witness})
	}
	return list
}
