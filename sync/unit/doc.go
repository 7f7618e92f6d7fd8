// Package unit reads the units that instruments, laboratories and waybills
// write, gives each one spelling, and converts between units of one kind
// exactly.
//
// The spelling is that of UCUM, case-sensitive ("mg/kg", "ug/m3", "[ppb]",
// "Cel"); where UCUM writes in square brackets or braces, so does this
// package. [Parse] takes what is found in real files: "MG/KG", "µg/m³",
// "ug/m^3", "毫克/升". It never guesses: a text that it does not know, or that
// could mean two units, is not a unit.
//
// Two units convert only within one [Kind]. That keeps apart what must not be
// compared: mg/L and mg/kg; ppm of a gas (a volume fraction) and ppm of a soil
// (a mass fraction), which is why "ppm" alone converts to neither.
package unit
