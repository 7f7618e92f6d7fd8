package browsertest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// colour is red, green, blue and alpha, each from 0 to 1.
type colour [4]float64

// parseColour reads what getComputedStyle and the DevTools protocol write:
// rgb(…), rgba(…) with commas or spaces, and color(srgb …).
func parseColour(text string) (c colour, err error) {
	name, rest, ok := strings.Cut(strings.TrimSuffix(strings.TrimSpace(text), ")"), "(")
	scale := 255.0
	if name == "color" {
		rest, ok = strings.CutPrefix(rest, "srgb ")
		scale = 1
	}
	parts := strings.FieldsFunc(rest, func(r rune) bool { return r == ',' || r == ' ' || r == '/' })
	if !ok || !strings.HasPrefix(name, "rgb") && name != "color" || len(parts) != 3 && len(parts) != 4 {
		return c, fmt.Errorf("%q is not a colour that can be measured", text)
	}
	c[3] = 1
	for i, p := range parts {
		if c[i], err = strconv.ParseFloat(p, 64); err != nil {
			return c, fmt.Errorf("%q is not a colour that can be measured: %w", text, err)
		}
		if i < 3 {
			c[i] /= scale
		}
	}
	return c, nil
}

// over paints c onto an opaque ground.
func (c colour) over(ground colour) colour {
	for i := range 3 {
		c[i] = c[i]*c[3] + ground[i]*(1-c[3])
	}
	c[3] = 1
	return c
}

// luminance is the relative luminance of WCAG 2.
func (c colour) luminance() float64 {
	linear := func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

// Contrast is the contrast ratio of WCAG 2 between a text's colour and the ground
// it stands on, both as CSS writes them; a translucent ground is painted on white.
func Contrast(ink, ground string) (float64, error) {
	fore, err := parseColour(ink)
	if err != nil {
		return 0, err
	}
	back, err := parseColour(ground)
	if err != nil {
		return 0, err
	}
	back = back.over(colour{1, 1, 1, 1})
	a, b := fore.over(back).luminance(), back.luminance()
	if a < b {
		a, b = b, a
	}
	return (a + 0.05) / (b + 0.05), nil
}
