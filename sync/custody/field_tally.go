package custody

// Quantity is how much waste was recorded of a party, by tier.
type Quantity struct{}
