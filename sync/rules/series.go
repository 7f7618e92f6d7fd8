package rules

// Series holds the checks of a series of readings for fault or falsification.
// Each asks somebody to look; none accuses.
type Series struct {
	// DetectionBand is how near to the detection limit readings hover, per cent of
	// it, and DetectionRecords for how many in a row.
	DetectionBand    Value `json:"detection_band"`
	DetectionRecords Value `json:"detection_records"`
	// QuietRange: a variation below this share of the range, per cent, for QuietTime is too little.
	QuietRange Value `json:"quiet_range"`
	QuietTime  Span  `json:"quiet_time"`
	// RepeatRecords is the number of readings in a row that do not repeat by chance.
	RepeatRecords Value `json:"repeat_records"`
	// DigitRecords is the number of changing readings that last digits are judged
	// on, DigitChiSquared the statistic (nine degrees of freedom) that is too high.
	DigitRecords    Value `json:"digit_records"`
	DigitChiSquared Value `json:"digit_chi_squared"`
	// LevelFactor: a lasting change of level over this many times the usual scatter is a step.
	LevelFactor Value `json:"level_factor"`
	// ByHand and NotMeasured are shares of data flags, per cent: set by hand, and not a measurement at all.
	ByHand      Value `json:"by_hand"`
	NotMeasured Value `json:"not_measured"`
	// HourMean is how far an hour's value may be from the mean of its minutes, per cent.
	HourMean Value `json:"hour_mean"`
}

func (c *checker) series() {
	s := c.pack.Series
	c.value(s.DetectionBand, "%", "series.detection_band")
	c.value(s.DetectionRecords, "records", "series.detection_records")
	c.value(s.QuietRange, "%", "series.quiet_range")
	c.span(s.QuietTime, "series.quiet_time")
	c.value(s.RepeatRecords, "records", "series.repeat_records")
	c.value(s.DigitRecords, "records", "series.digit_records")
	c.value(s.DigitChiSquared, "chi-squared", "series.digit_chi_squared")
	c.value(s.LevelFactor, "times", "series.level_factor")
	c.value(s.ByHand, "%", "series.by_hand")
	c.value(s.NotMeasured, "%", "series.not_measured")
	c.value(s.HourMean, "%", "series.hour_mean")
}
