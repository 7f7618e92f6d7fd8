package event

import "fieldseal/sync/decimal"

// InstrumentRecorded describes an instrument as it was brought to the scene.
type InstrumentRecorded struct {
	Instrument UUID       `json:"instrument"`
	Make       string     `json:"make"`
	Model      string     `json:"model,omitzero"`
	Serial     string     `json:"serial"`
	Firmware   string     `json:"firmware,omitzero"`
	Sensor     SensorKind `json:"sensor"`
	// LampEV is a photoionisation lamp's energy in electronvolt.
	LampEV *decimal.Decimal `json:"lamp_ev,omitzero"`
	// ResponseGas and CorrectionFactor turn a raw reading into the target gas.
	ResponseGas      string           `json:"response_gas,omitzero"`
	CorrectionFactor *decimal.Decimal `json:"correction_factor,omitzero"`
	// RangeLow, RangeHigh and LDL (lower detection limit) are in Unit.
	RangeLow        *decimal.Decimal `json:"range_low,omitzero"`
	RangeHigh       *decimal.Decimal `json:"range_high,omitzero"`
	LDL             *decimal.Decimal `json:"ldl,omitzero"`
	Unit            string           `json:"unit,omitzero"`
	CertificateNo   string           `json:"certificate_no,omitzero"`
	LastCalibration Date             `json:"last_calibration,omitzero"`
	CalibrationDue  Date             `json:"calibration_due,omitzero"`
	Certificate     *Media           `json:"certificate,omitzero"`
}

// Check reports every fault.
func (b *InstrumentRecorded) Check(c *Checker) {
	c.id(b.Instrument, "instrument")
	c.text(b.Make, "make")
	c.text(b.Serial, "serial")
	word(c, b.Sensor, "sensor")
	c.day(b.LastCalibration, "last_calibration")
	c.day(b.CalibrationDue, "calibration_due")
	if b.RangeHigh != nil || b.LDL != nil {
		c.text(b.Unit, "unit")
	}
	b.Certificate.check(c, "certificate")
}

// InstrumentChecked is a zero, span or bump check, a calibration or a post-use check.
type InstrumentChecked struct {
	Instrument     UUID             `json:"instrument"`
	Kind           CheckKind        `json:"kind"`
	At             Stamp            `json:"at"`
	Gas            string           `json:"gas,omitzero"`
	CylinderLot    string           `json:"cylinder_lot,omitzero"`
	CylinderExpiry Date             `json:"cylinder_expiry,omitzero"`
	Expected       *decimal.Decimal `json:"expected,omitzero"`
	Observed       *decimal.Decimal `json:"observed,omitzero"`
	Unit           string           `json:"unit,omitzero"`
	Pass           YesNo            `json:"pass"`
	Note           string           `json:"note,omitzero"`
}

// Check reports every fault.
func (b *InstrumentChecked) Check(c *Checker) {
	c.id(b.Instrument, "instrument")
	word(c, b.Kind, "kind")
	c.stamp(b.At, "at")
	c.day(b.CylinderExpiry, "cylinder_expiry")
	word(c, b.Pass, "pass")
	if b.Observed != nil {
		c.text(b.Unit, "unit")
	}
}

// Channel is one quantity in a series of readings.
type Channel struct {
	// Name is the column's name in the source; Quantity what it measures.
	Name     string `json:"name"`
	Quantity string `json:"quantity,omitzero"`
	Unit     string `json:"unit,omitzero"`
}

// AirStarted opens a series of readings.
type AirStarted struct {
	Series     UUID `json:"series"`
	Instrument UUID `json:"instrument"`
	Site       UUID `json:"site,omitzero"`
	// Format names the form of the raw bytes ("spod-csv", "retigo-csv", "generic-csv", "hj212", "ndjson").
	Format   string       `json:"format"`
	Source   StreamSource `json:"source"`
	Channels []Channel    `json:"channels"`
	// PeriodMS is the sampling period, AveragingMS the averaging time; 0 where not known.
	PeriodMS    int64  `json:"period_ms,omitzero"`
	AveragingMS int64  `json:"averaging_ms,omitzero"`
	Zone        string `json:"zone,omitzero"`
	// File is the instrument's own file, where the readings came from one.
	File *Media `json:"file,omitzero"`
	// Preamble is the exact bytes before the first row.
	Preamble []byte `json:"preamble,omitzero"`
}

// Check reports every fault.
func (b *AirStarted) Check(c *Checker) {
	c.id(b.Series, "series")
	c.id(b.Instrument, "instrument")
	c.text(b.Format, "format")
	word(c, b.Source, "source")
	c.need(len(b.Channels) > 0 && len(b.Channels) <= 256, "channels (1 to 256)")
	for _, ch := range b.Channels {
		c.text(ch.Name, "channels.name")
	}
	c.positive(b.PeriodMS, "period_ms")
	c.positive(b.AveragingMS, "averaging_ms")
	b.File.check(c, "file")
}

// Figures sums up a channel within a segment. The mean is Sum divided by Count.
type Figures struct {
	// Channel is the index in AirStarted.Channels.
	Channel   int64            `json:"channel"`
	Min       *decimal.Decimal `json:"min,omitzero"`
	Max       *decimal.Decimal `json:"max,omitzero"`
	Sum       *decimal.Decimal `json:"sum,omitzero"`
	Count     int64            `json:"count"`
	Missing   int64            `json:"missing,omitzero"`
	OverRange int64            `json:"over_range,omitzero"`
}

// RowWarning is something odd about a row that was kept.
type RowWarning struct {
	// Row counts from 1 within the segment.
	Row  int64  `json:"row"`
	Code string `json:"code"`
}

// AirSegment seals a stretch of readings: the exact bytes and what they come to.
type AirSegment struct {
	Series UUID `json:"series"`
	// N counts the segments of a series from 1.
	N int64 `json:"n"`
	// Raw is the exact bytes of the rows.
	Raw []byte `json:"raw"`
	// Rows is the number of rows, First and Last the time of the first and last one.
	Rows     int64        `json:"rows"`
	First    Stamp        `json:"first,omitzero"`
	Last     Stamp        `json:"last,omitzero"`
	Figures  []Figures    `json:"figures,omitzero"`
	Warnings []RowWarning `json:"warnings,omitzero"`
}

// MaxSegmentRaw caps a segment's raw bytes, so that a payload with its base64 stays below MaxPayload.
const MaxSegmentRaw = 96 << 10

// Check reports every fault.
func (b *AirSegment) Check(c *Checker) {
	c.id(b.Series, "series")
	if b.N < 1 {
		c.fault("n %d: segments count from 1", b.N)
	}
	if len(b.Raw) == 0 || len(b.Raw) > MaxSegmentRaw {
		c.fault("raw has %d bytes, must have 1 to %d", len(b.Raw), MaxSegmentRaw)
	}
	c.positive(b.Rows, "rows")
	c.maybe(b.First, "first")
	c.maybe(b.Last, "last")
	for _, f := range b.Figures {
		if f.Channel < 0 || f.Count < 0 || f.Missing < 0 || f.OverRange < 0 {
			c.fault("figures: channel and counts are never negative")
		}
	}
	for _, w := range b.Warnings {
		c.text(w.Code, "warnings.code")
	}
}

// AirEnded closes a series.
type AirEnded struct {
	Series   UUID   `json:"series"`
	Segments int64  `json:"segments"`
	Rows     int64  `json:"rows"`
	Reason   string `json:"reason"`
}

// Check reports every fault.
func (b *AirEnded) Check(c *Checker) {
	c.id(b.Series, "series")
	c.positive(b.Segments, "segments")
	c.positive(b.Rows, "rows")
	c.text(b.Reason, "reason")
}
