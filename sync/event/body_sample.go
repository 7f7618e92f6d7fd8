package event

import "fieldseal/sync/decimal"

// Amount is a figure with its unit.
type Amount struct {
	Value decimal.Decimal `json:"value"`
	Unit  string          `json:"unit"`
}

// Container is what a sample was put into.
type Container struct {
	Material string `json:"material"`
	No       string `json:"no,omitzero"`
	Lot      string `json:"lot,omitzero"`
	Volume   string `json:"volume,omitzero"`
}

// Analysis is a determination asked for.
type Analysis struct {
	// Group is the rule pack's name of the analyte group ("metals", "voa", "cyanide" …).
	Group  string `json:"group"`
	Method string `json:"method,omitzero"`
}

// Parameter is a figure measured in the field.
type Parameter struct {
	Name  string          `json:"name"`
	Value decimal.Decimal `json:"value"`
	Unit  string          `json:"unit"`
}

// SampleCollected is a sample taken, a split or a blank made.
type SampleCollected struct {
	Sample UUID   `json:"sample"`
	Label  string `json:"label"`
	// Parent is the sample that a split or duplicate belongs to.
	Parent UUID   `json:"parent,omitzero"`
	QC     QCType `json:"qc"`
	Matrix Matrix `json:"matrix"`
	// Gathering is grab or composite; Increments is the number of increments of a composite.
	Gathering  Gathering `json:"gathering"`
	Increments int64     `json:"increments,omitzero"`
	Method     string    `json:"method,omitzero"`
	Site       UUID      `json:"site,omitzero"`
	// Waste is the object (heap, drum …) that the sample represents.
	Waste     UUID             `json:"waste,omitzero"`
	Point     string           `json:"point,omitzero"`
	DepthMM   *int64           `json:"depth_mm,omitzero"`
	Start     Stamp            `json:"start"`
	End       Stamp            `json:"end,omitzero"`
	Amount    *Amount          `json:"amount,omitzero"`
	Container *Container       `json:"container,omitzero"`
	Preserved string           `json:"preservative,omitzero"`
	PH        *decimal.Decimal `json:"ph,omitzero"`
	// StorageTempC is the temperature it was stored at, degrees Celsius.
	StorageTempC *decimal.Decimal `json:"storage_temp_c,omitzero"`
	SealNo       string           `json:"seal_no,omitzero"`
	// HoldHours is a stricter holding limit that the sampler states, in hours.
	HoldHours     int64       `json:"hold_hours,omitzero"`
	Analyses      []Analysis  `json:"analyses,omitzero"`
	Hazard        string      `json:"hazard,omitzero"`
	Parameters    []Parameter `json:"parameters,omitzero"`
	Sampler       UUID        `json:"sampler"`
	SecondSampler UUID        `json:"second_sampler,omitzero"`
	Party         *Attendance `json:"party,omitzero"`
	Witness       *Attendance `json:"witness,omitzero"`
	// Cooler is the blank's and the samples' common cooler, which ties a trip blank to what it travelled with.
	Cooler string `json:"cooler,omitzero"`
	// Record is the sampling record (a signed form), where it is a file.
	Record *Media `json:"record,omitzero"`
}

// Check reports every fault of form.
func (b *SampleCollected) Check(c *Checker) {
	c.id(b.Sample, "sample")
	c.text(b.Label, "label")
	word(c, b.QC, "qc")
	word(c, b.Matrix, "matrix")
	word(c, b.Gathering, "gathering")
	c.positive(b.Increments, "increments")
	c.stamp(b.Start, "start")
	c.maybe(b.End, "end")
	c.positive(b.HoldHours, "hold_hours")
	c.id(b.Sampler, "sampler")
	if (b.QC == "split" || b.QC == "field_duplicate") && b.Parent.IsZero() {
		c.fault("a %s names its parent sample", b.QC)
	}
	if b.Amount != nil {
		c.text(b.Amount.Unit, "amount.unit")
	}
	if b.Container != nil {
		c.text(b.Container.Material, "container.material")
	}
	for _, a := range b.Analyses {
		c.text(a.Group, "analyses.group")
	}
	for _, p := range b.Parameters {
		c.text(p.Name, "parameters.name")
		c.text(p.Unit, "parameters.unit")
	}
	b.Party.check(c, "party")
	b.Witness.check(c, "witness")
	b.Record.check(c, "record")
}

// SealApplied puts a new custody seal on an item.
type SealApplied struct {
	Item    Ref    `json:"item"`
	OldSeal string `json:"old_seal,omitzero"`
	NewSeal string `json:"new_seal"`
	Reason  string `json:"reason"`
	Witness string `json:"witness,omitzero"`
	At      Stamp  `json:"at"`
}

// Check reports every fault.
func (b *SealApplied) Check(c *Checker) {
	b.Item.check(c, "item")
	c.text(b.NewSeal, "new_seal")
	c.text(b.Reason, "reason")
	c.stamp(b.At, "at")
}

// LabAccessioned is a laboratory's check-in of one sample.
type LabAccessioned struct {
	Accession     UUID           `json:"accession"`
	Lab           UUID           `json:"lab"`
	Accreditation *Accreditation `json:"accreditation,omitzero"`
	Sample        UUID           `json:"sample,omitzero"`
	// LabelRead is the label as found on the container; CustodyFormNo the form it came with.
	LabelRead     string           `json:"label_read"`
	LabelAgrees   YesNo            `json:"label_agrees"`
	CustodyFormNo string           `json:"custody_form_no,omitzero"`
	ReceivedBy    UUID             `json:"received_by"`
	Received      Stamp            `json:"received"`
	Cooler        string           `json:"cooler,omitzero"`
	CoolerTempC   *decimal.Decimal `json:"cooler_temp_c,omitzero"`
	OnIce         YesNo            `json:"on_ice"`
	SealNo        string           `json:"seal_no,omitzero"`
	Seal          SealState        `json:"seal"`
	Intact        YesNo            `json:"container_intact"`
	// HeadspaceMM is the diameter of the largest bubble in a VOA vial.
	HeadspaceMM *decimal.Decimal `json:"headspace_mm,omitzero"`
	PH          *decimal.Decimal `json:"ph,omitzero"`
	PHOK        YesNo            `json:"ph_ok"`
	// HoldHoursLeft is the holding time remaining as the laboratory reckoned it.
	HoldHoursLeft *int64   `json:"hold_hours_left,omitzero"`
	Decision      Decision `json:"decision"`
	Qualifier     string   `json:"qualifier,omitzero"`
	Reason        string   `json:"reason,omitzero"`
	Photo         *Media   `json:"photo,omitzero"`
	LabID         string   `json:"lab_id,omitzero"`
	BatchNo       string   `json:"batch_no,omitzero"`
	Storage       string   `json:"storage_location,omitzero"`
}

// Check reports every fault.
func (b *LabAccessioned) Check(c *Checker) {
	c.id(b.Accession, "accession")
	c.id(b.Lab, "lab")
	b.Accreditation.check(c)
	c.text(b.LabelRead, "label_read")
	word(c, b.LabelAgrees, "label_agrees")
	c.id(b.ReceivedBy, "received_by")
	c.stamp(b.Received, "received")
	word(c, b.OnIce, "on_ice")
	word(c, b.Seal, "seal")
	word(c, b.Intact, "container_intact")
	word(c, b.PHOK, "ph_ok")
	word(c, b.Decision, "decision")
	switch b.Decision {
	case "accept":
		c.id(b.Sample, "sample")
		c.text(b.LabID, "lab_id")
	case "accept_with_qualifier":
		c.id(b.Sample, "sample")
		c.text(b.LabID, "lab_id")
		c.text(b.Qualifier, "qualifier")
	case "reject":
		c.text(b.Reason, "reason (why the sample is rejected)")
	}
	b.Photo.check(c, "photo")
}

// SubsampleMade takes a part of a sample for analysis.
type SubsampleMade struct {
	Subsample UUID          `json:"subsample"`
	Parent    Ref           `json:"parent"`
	Label     string        `json:"label"`
	Kind      SubsampleKind `json:"kind"`
	// MassIn is what the parent held before, MassOut what this sub-sample took, both in Unit.
	MassIn  *decimal.Decimal `json:"mass_in,omitzero"`
	MassOut *decimal.Decimal `json:"mass_out,omitzero"`
	Unit    string           `json:"unit,omitzero"`
	Analyst UUID             `json:"analyst"`
	At      Stamp            `json:"at"`
	Batch   string           `json:"batch,omitzero"`
}

// Check reports every fault.
func (b *SubsampleMade) Check(c *Checker) {
	c.id(b.Subsample, "subsample")
	b.Parent.check(c, "parent")
	c.text(b.Label, "label")
	word(c, b.Kind, "kind")
	c.id(b.Analyst, "analyst")
	c.stamp(b.At, "at")
	if b.MassIn != nil || b.MassOut != nil {
		c.text(b.Unit, "unit")
	}
}

// Result is one determination.
type Result struct {
	Result UUID `json:"result"`
	// Sample is the sample or sub-sample it was made on; SampleCode and LabID as the laboratory's file has them.
	Sample     *Ref   `json:"sample,omitzero"`
	SampleCode string `json:"sample_code"`
	LabID      string `json:"lab_id,omitzero"`
	Analyte    string `json:"analyte"`
	CAS        string `json:"cas,omitzero"`
	Method     string `json:"method"`
	Prep       string `json:"prep_method,omitzero"`
	Fraction   string `json:"fraction,omitzero"`
	Prepared   Stamp  `json:"prepared,omitzero"`
	Analysed   Stamp  `json:"analysed,omitzero"`
	// AnalysedOn is the day where the file gives no time.
	AnalysedOn Date             `json:"analysed_on,omitzero"`
	Batch      string           `json:"batch,omitzero"`
	Dilution   *decimal.Decimal `json:"dilution,omitzero"`
	// Text is the result as reported; Value the same as a number where it is one.
	Text  string           `json:"text"`
	Value *decimal.Decimal `json:"value,omitzero"`
	Unit  string           `json:"unit"`
	// UnitAsWritten is the unit's spelling in the file where Unit was normalised.
	UnitAsWritten string `json:"unit_as_written,omitzero"`
	// Basis is wet or dry where it matters.
	Basis       string           `json:"basis,omitzero"`
	MDL         *decimal.Decimal `json:"mdl,omitzero"`
	RL          *decimal.Decimal `json:"rl,omitzero"`
	Qualifier   string           `json:"qualifier,omitzero"`
	Validation  string           `json:"validation_qualifier,omitzero"`
	Uncertainty *decimal.Decimal `json:"uncertainty,omitzero"`
	K           *decimal.Decimal `json:"k,omitzero"`
	Instrument  string           `json:"instrument,omitzero"`
	// QC is the laboratory's own control this row is, empty for a real sample ("method_blank", "lcs" …).
	QC string `json:"qc,omitzero"`
	// Row is the line in the source file, from 1.
	Row int64 `json:"row,omitzero"`
}

// ResultsReported is a laboratory report: results, and who answers for them.
type ResultsReported struct {
	Report        UUID           `json:"report"`
	ReportNo      string         `json:"report_no"`
	Lab           UUID           `json:"lab"`
	Accreditation *Accreditation `json:"accreditation,omitzero"`
	Analyst       UUID           `json:"analyst"`
	// Source is the laboratory's file, where results were imported.
	Source *Media `json:"source,omitzero"`
	// Part and Parts count the events that one report was divided into.
	Part    int64    `json:"part,omitzero"`
	Parts   int64    `json:"parts,omitzero"`
	Results []Result `json:"results"`
}

// MaxResults caps the results of one event: 200 full rows stay below MaxPayload.
const MaxResults = 200

// Check reports every fault.
func (b *ResultsReported) Check(c *Checker) {
	c.id(b.Report, "report")
	c.text(b.ReportNo, "report_no")
	c.id(b.Lab, "lab")
	b.Accreditation.check(c)
	c.id(b.Analyst, "analyst")
	b.Source.check(c, "source")
	if n := len(b.Results); n == 0 || n > MaxResults {
		c.fault("results has %d entries, must have 1 to %d", n, MaxResults)
	}
	for i := range b.Results {
		r := &b.Results[i]
		c.id(r.Result, "results.result")
		c.text(r.SampleCode, "results.sample_code")
		c.text(r.Analyte, "results.analyte")
		c.text(r.Method, "results.method")
		c.text(r.Text, "results.text")
		c.text(r.Unit, "results.unit")
		c.maybe(r.Prepared, "results.prepared")
		c.maybe(r.Analysed, "results.analysed")
		c.day(r.AnalysedOn, "results.analysed_on")
		r.Sample.check(c, "results.sample")
	}
}

// ReportSigned is one signature under a report; the actor is the signer.
type ReportSigned struct {
	Report UUID   `json:"report"`
	As     Signer `json:"as"`
	// Digest is SHA-256 over the ids of the report's result events, in order of part, each as 32 bytes.
	Digest  Digest `json:"digest"`
	Opinion string `json:"opinion,omitzero"`
}

// Check reports every fault.
func (b *ReportSigned) Check(c *Checker) {
	c.id(b.Report, "report")
	word(c, b.As, "as")
	c.need(!b.Digest.IsZero(), "digest")
}
