package unit

import (
	"errors"
	"fmt"
	"math/big"

	"fieldseal/sync/decimal"
)

// ErrKind: two units measure different things.
var ErrKind = errors.New("units of different kinds")

// Kind is what a unit measures. Units of one kind convert to each other.
type Kind string

// The kinds.
const (
	MassFraction      Kind = "mass_fraction"      // mass in mass, base kg/kg
	MassConcentration Kind = "mass_concentration" // mass in volume, base g/m3 (which is mg/L)
	PartsPer          Kind = "parts_per"          // parts of unsaid measure, base 1
	VolumeFraction    Kind = "volume_fraction"    // gas in gas, base mol/mol
	Count             Kind = "count"              // number in volume, base 1/m3
	Mass              Kind = "mass"               // base kg
	Volume            Kind = "volume"             // base m3
	Flow              Kind = "flow"               // base m3/h
	Length            Kind = "length"             // base m
	Speed             Kind = "speed"              // base km/h
	Pressure          Kind = "pressure"           // base Pa
	Current           Kind = "current"            // base A
	Voltage           Kind = "voltage"            // base V
	Angle             Kind = "angle"              // base degree
	Time              Kind = "time"               // base s
	Celsius           Kind = "celsius"            // degrees Celsius only
	Fahrenheit        Kind = "fahrenheit"         // no factor leads to Celsius
	Conductivity      Kind = "conductivity"       // base S/m
	Sound             Kind = "sound"              // decibel
	Activity          Kind = "activity"           // base Bq/m3
	Percent           Kind = "percent"            // of an unsaid whole; humidity, oxygen
	Number            Kind = "number"             // no unit: pH, counts, arbitrary steps
	Colour            Kind = "colour"             // degrees of colour
	Turbidity         Kind = "turbidity"          // NTU
)

// Unit is one known unit.
type Unit struct {
	Code string // the one spelling
	Kind Kind
	per  decimal.Decimal // how many base units one of these is
}

// ByCode finds a unit by its one spelling.
func ByCode(code string) (Unit, bool) {
	u, ok := byCode[code]
	return u, ok
}

// Parse finds the unit that text spells in any known way; false when it is
// not known or could mean several.
func Parse(text string) (Unit, bool) {
	key := fold(text)
	if u, ok := byCode[key]; ok {
		return u, true
	}
	if u, ok := bySpelling[key]; ok {
		return u, true
	}
	u, ok := byFolded[lower(key)]
	return u, ok && u.Code != ""
}

// maxRounded is the scale of a conversion without an exact decimal, such as
// kilograms to pounds.
const maxRounded = 12

// Convert expresses v, which is in from, in to. exact is false when the result
// had to be rounded (half to even, at 12 decimal places). ErrKind when the
// kinds differ, decimal.ErrOverflow when the result cannot be held.
func Convert(v decimal.Decimal, from, to Unit) (result decimal.Decimal, exact bool, err error) {
	if from.Kind != to.Kind || from.Code == "" {
		return decimal.Decimal{}, false, fmt.Errorf("%w: %s is %s, %s is %s", ErrKind, from.Code, from.Kind, to.Code, to.Kind)
	}
	if from.Code == to.Code {
		return v, true, v.Valid()
	}
	r := new(big.Rat).Mul(v.Rat(), from.per.Rat())
	r.Quo(r, to.per.Rat())
	for s := v.S; s <= decimal.MaxScale; s++ {
		if d, exact, err := decimal.FromRat(r, s); err == nil && exact {
			return d, true, nil
		}
	}
	d, _, err := decimal.FromRat(r, maxRounded)
	return d, false, err
}
