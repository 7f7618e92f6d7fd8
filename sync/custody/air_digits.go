package custody

// digitCount counts the last digits of a channel's readings as they were
// written, for readings that differ from the one before: what an instrument
// holds constant says nothing about digits.
type digitCount struct {
	scale int
	last  nano
	any   bool
	seen  [10]int64
	n     int64
}

// add takes a reading and the number of decimal places it was written with.
// The finest scale seen counts; readings of a coarser one end in zeros that
// were not written and are left out.
func (c *digitCount) add(v nano, scale int) {
	if scale > c.scale {
		*c = digitCount{scale: scale, last: c.last, any: c.any}
	}
	if c.any && v == c.last || scale < c.scale || scale > cellScale {
		c.last, c.any = v, true
		return
	}
	c.last, c.any = v, true
	c.seen[abs64(v)/pow10[cellScale-scale]%10]++
	c.n++
}

// chiSquared is 1000 times Pearson's statistic against equal shares of the ten
// digits (nine degrees of freedom), cut to a whole number.
func (c *digitCount) chiSquared() int64 {
	if c.n == 0 {
		return 0
	}
	sum := int64(0)
	for _, o := range c.seen {
		sum += o * o
	}
	return mulDiv(10*sum-c.n*c.n, 1000, c.n)
}

// top is the most frequent digit and how often it occurs.
func (c *digitCount) top() (digit int, n int64) {
	for d, o := range c.seen {
		if o > n {
			digit, n = d, o
		}
	}
	return digit, n
}

// distinct is how many different last digits occur.
func (c *digitCount) distinct() int {
	n := 0
	for _, o := range c.seen {
		if o > 0 {
			n++
		}
	}
	return n
}

// stepped reports whether the readings move in steps of more than one unit of
// their last digit, so that some digits cannot occur: an instrument of coarse
// resolution, which says nothing about who wrote the figures.
func (c *digitCount) stepped() bool { return c.distinct() < 10 }
