package unit

import (
	"strings"

	"fieldseal/sync/decimal"
)

// row is one unit of the table: how many base units it is (mantissa and
// scale), and the spellings found in files beside the code. A spelling matches
// in any letter case unless two rows then share it.
type row struct {
	code      string
	kind      Kind
	n         int64
	s         uint8
	spellings string // separated by blanks; a blank inside is written "_"
}

// Factors are exact by definition: 1 lb = 0.45359237 kg, 1 short ton = 2000 lb,
// 1 US gallon = 231 cubic inches = 3.785411784 L, 1 mile = 1.609344 km
// (NIST SP 811, appendix B.8).
var table = []row{
	{"kg/kg", MassFraction, 1, 0, "千克/千克"},
	{"g/kg", MassFraction, 1, 3, "mg/g 克/千克"},
	{"mg/kg", MassFraction, 1, 6, "ug/g µg/g mcg/g mg.kg-1 ug.g-1 毫克/千克 毫克/公斤 微克/克 ppm(w) ppmw"},
	{"ug/kg", MassFraction, 1, 9, "ng/g mcg/kg ug.kg-1 ng.g-1 微克/千克 微克/公斤 纳克/克 ppb(w) ppbw"},
	{"ng/kg", MassFraction, 1, 12, "pg/g ng.kg-1 纳克/千克"},
	{"%{w/w}", MassFraction, 1, 2, "%(w/w) %w/w wt% wt.% %wt g/100g"},
	{"g/L", MassConcentration, 1000, 0, "mg/ml kg/m3 克/升 千克/立方米"},
	{"mg/L", MassConcentration, 1, 0, "ug/ml mcg/ml mg.L-1 g/m3 毫克/升 克/立方米"},
	{"ug/L", MassConcentration, 1, 3, "mcg/l ng/ml ug.L-1 微克/升"},
	{"ng/L", MassConcentration, 1, 6, "pg/ml ng.L-1 纳克/升"},
	{"mg/m3", MassConcentration, 1, 3, "mg/nm3 mg/cum mg.m-3 毫克/立方米 毫克每立方米"},
	{"ug/m3", MassConcentration, 1, 6, "mcg/m3 ug/cum ug.m-3 微克/立方米"},
	{"ng/m3", MassConcentration, 1, 9, "ng.m-3 纳克/立方米"},
	{"[ppth]", PartsPer, 1, 3, "ppth"},
	{"[ppm]", PartsPer, 1, 6, "ppm"},
	{"[ppb]", PartsPer, 1, 9, "ppb"},
	{"umol/mol", VolumeFraction, 1, 6, "ppmv ppm(v)"},
	{"nmol/mol", VolumeFraction, 1, 9, "ppbv ppb(v)"},
	{"{#}/m3", Count, 1, 0, "#/m3"},
	{"{#}/cm3", Count, 1_000_000, 0, "#/cm3 #/cc pt/cc"},
	{"{#}/L", Count, 1000, 0, "#/l 个/升"},
	{"kg", Mass, 1, 0, "kgs kilogram kilograms 千克 公斤"},
	{"g", Mass, 1, 3, "gram grams 克"},
	{"mg", Mass, 1, 6, "milligram milligrams 毫克"},
	{"t", Mass, 1000, 0, "tonne tonnes mt metric_ton metric_tons 吨"},
	{"[lb_av]", Mass, 45359237, 8, "lb lbs pound pounds"},
	{"[ston_av]", Mass, 90718474, 5, "short_ton short_tons us_ton us_tons"},
	{"L", Volume, 1, 3, "liter liters litre litres 升"},
	{"mL", Volume, 1, 6, "milliliter milliliters 毫升"},
	{"uL", Volume, 1, 9, "microliter microliters microlitre microlitres 微升"},
	{"m3", Volume, 1, 0, "cu_m cubic_meter cubic_meters cubic_metre cubic_metres 立方米 方"},
	{"[gal_us]", Volume, 3785411784, 12, "gal gallon gallons us_gal 加仑"},
	{"[cyd_i]", Volume, 764554857984, 12, "cu_yd yd3 cubic_yard cubic_yards"},
	{"m3/h", Flow, 1, 0, "m3/hr 立方米/小时"},
	{"m3/s", Flow, 3600, 0, "立方米/秒"},
	{"L/s", Flow, 36, 1, "升/秒"},
	{"m", Length, 1, 0, "meter metre 米"},
	{"mm", Length, 1, 3, "毫米"},
	{"m/s", Speed, 36, 1, "mps 米/秒"},
	{"km/h", Speed, 1, 0, "kph kmh"},
	{"[mi_i]/h", Speed, 1609344, 6, "mph mi/h"},
	{"Pa", Pressure, 1, 0, "帕"},
	{"hPa", Pressure, 100, 0, "mbar mb 百帕 毫巴"},
	{"kPa", Pressure, 1000, 0, "千帕"},
	{"A", Current, 1, 0, "amp 安 安培 安[培]"},
	{"mA", Current, 1, 3, "毫安"},
	{"V", Voltage, 1, 0, "volt volts 伏 伏特 伏[特]"},
	{"mV", Voltage, 1, 3, "毫伏 毫伏[特]"},
	{"deg", Angle, 1, 0, "degree degrees ° 度 [角]度"},
	{"s", Time, 1, 0, "sec secs 秒"},
	{"min", Time, 60, 0, "mins minute minutes 分钟"},
	{"h", Time, 3600, 0, "hr hrs hour hours 小时"},
	{"Cel", Celsius, 1, 0, "c °c ℃ degc deg_c deg.c celsius 摄氏度"},
	{"[degF]", Fahrenheit, 1, 0, "f °f ℉ degf deg_f fahrenheit"},
	{"S/m", Conductivity, 1, 0, ""},
	{"uS/cm", Conductivity, 1, 4, "us/cm umho/cm umhos/cm 微西/厘米 微西[门子]/厘米"},
	{"mS/cm", Conductivity, 1, 1, "毫西/厘米"},
	{"dB", Sound, 1, 0, "dba db(a) 分贝"},
	{"Bq/L", Activity, 1000, 0, "贝可/升 贝可[勒尔]/升"},
	{"%", Percent, 1, 0, "percent pct %rh rh%"},
	{"1", Number, 1, 0, "- none unitless ph s.u. su ph_units std_units standard_units 无量纲"},
	{"{arb}", Number, 1, 0, "arb"},
	{"{TCU}", Colour, 1, 0, "[色]度"},
	{"[NTU]", Turbidity, 1, 0, "ntu"},
}

var byCode, bySpelling, byFolded = func() (code, spelling, folded map[string]Unit) {
	code, spelling, folded = map[string]Unit{}, map[string]Unit{}, map[string]Unit{}
	for _, r := range table {
		u := Unit{Code: r.code, Kind: r.kind, per: decimal.Decimal{N: r.n, S: r.s}}
		code[u.Code] = u
		for _, s := range append(strings.Fields(r.spellings), u.Code) {
			key := fold(strings.ReplaceAll(s, "_", " "))
			spelling[key] = u
			low := lower(key)
			if old, taken := folded[low]; taken && old.Code != u.Code {
				u := Unit{} // two meanings: none
				folded[low] = u
				continue
			}
			folded[low] = u
		}
	}
	return code, spelling, folded
}()

var folder = strings.NewReplacer(
	"µ", "u", "μ", "u", "³", "3", "²", "2", "^", "", "⁻", "-", "·", ".", "⋅", ".", "／", "/", "％", "%", "（", "(", "）", ")", "ｇ", "g", "Ｌ", "L",
)

// fold removes what differs without meaning: outer and doubled blanks, blanks
// round a slash, the two micro signs, raised figures, the caret, wide forms.
func fold(text string) string {
	s := folder.Replace(strings.Join(strings.Fields(text), " "))
	return strings.ReplaceAll(strings.ReplaceAll(s, " /", "/"), "/ ", "/")
}

func lower(s string) string { return strings.ToLower(s) }
