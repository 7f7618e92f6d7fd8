package labfile

import "fieldseal/sync/event"

// notDetected stands for a result that the file leaves blank and marks as not detected.
const notDetected = "ND"

// Code is what the file calls the sample of a row.
func (r *Row) Code() string {
	if r.Result.SampleCode != "" {
		return r.Result.SampleCode
	}
	return r.Result.SampleID
}

// Event is a row of an importable file as results.reported carries it, but for the
// id of the result. sample is the thing that it was made on, nil where that is not known.
func (r *Row) Event(sample *event.Ref) event.Result {
	in := &r.Result
	x := event.Result{Sample: sample, SampleCode: r.Code(), LabID: in.LabSampleID, Analyte: in.Analyte, CAS: in.CAS, Method: in.Method, Prep: in.Prep,
		Fraction: in.Fraction, Batch: in.Batch, Dilution: in.Dilution.Value, Text: in.Text, Unit: in.Unit, Basis: in.Basis,
		MDL: in.MDL.Value, RL: in.RL.Value, Qualifier: in.QualifierText, Validation: in.ValidationText,
		Uncertainty: in.Uncertainty.Value, K: in.CoverageK.Value, Instrument: in.Instrument, QC: in.QC, Row: r.Line}
	if x.CAS == "" {
		x.CAS = in.CASText
	}
	if x.Text == "" && in.Detection == NotDetected {
		x.Text = notDetected
	}
	if in.Operator == "" {
		x.Value = in.Value
	}
	if in.UnitText != in.Unit {
		x.UnitAsWritten = in.UnitText
	}
	x.Prepared, _ = in.Prepared.Stated()
	x.Analysed, x.AnalysedOn = in.Analysed.Stated()
	return x
}
