package custody

// Series is one series of air readings.
type Series struct{}
