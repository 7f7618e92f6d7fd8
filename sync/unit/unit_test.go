package unit

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"fieldseal/sync/decimal"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"mg/kg": "mg/kg", "MG/KG": "mg/kg", "ug/g": "mg/kg", "UG/G": "mg/kg", "µg/g": "mg/kg", "μg/g": "mg/kg", " mg / kg ": "mg/kg",
		"NG/G": "ug/kg", "UG/KG": "ug/kg", "毫克/升": "mg/L", "毫克／升": "mg/L", "ug/m^3": "ug/m3", "µg/m³": "ug/m3", "mg·m⁻3": "mg/m3",
		"#/m^3": "{#}/m3", "ppb": "[ppb]", "PPM": "[ppm]", "ppmv": "umol/mol", "mph": "[mi_i]/h", "deg": "deg", "-": "1", "mbar": "hPa",
		"吨": "t", "short tons": "[ston_av]", "Gallons": "[gal_us]", "摄氏度": "Cel", "°C": "Cel", "[ppb]": "[ppb]", "纳克/立方米": "ng/m3",
		"mS/cm": "mS/cm", "uS/cm": "uS/cm", "mV": "mV", "%": "%",
	} {
		if u, ok := Parse(text); !ok || u.Code != want {
			t.Errorf("Parse(%q) = %q, %v; want %q", text, u.Code, ok, want)
		}
	}
	for _, text := range []string{"", " ", "mg", "mg/", "/", "furlong", "mg//kg", "m g/kg", "mgkg", "mg/l/l", "\x00", "毫克"} {
		u, ok := Parse(text)
		if known := text == "mg" || text == "毫克"; ok != known {
			t.Errorf("Parse(%q) = %q, %v", text, u.Code, ok)
		}
	}
}

func TestTableHasOneMeaningForEachCode(t *testing.T) {
	for code, u := range byCode {
		if got, ok := Parse(code); !ok || got != u || u.per.Sign() <= 0 || u.per.Valid() != nil {
			t.Errorf("%s parses to %+v, %v", code, got, ok)
		}
	}
	if len(byCode) != len(table) {
		t.Errorf("%d codes in %d rows", len(byCode), len(table))
	}
	for _, r := range table {
		for _, text := range strings.Fields(r.spellings) {
			text = strings.ReplaceAll(text, "_", " ")
			if got, ok := Parse(text); !ok || got.Code != r.code {
				t.Errorf("%q stands with %s, parses to %q, %v", text, r.code, got.Code, ok)
			}
		}
	}
}

func TestConvert(t *testing.T) {
	cases := []struct {
		v, from, to, want string
		exact             bool
	}{
		{"1.50", "ug/g", "mg/kg", "1.50", true},
		{"1.5", "ng/g", "mg/kg", "0.0015", true},
		{"5", "mg/L", "ug/L", "5000", true},
		{"5000", "ug/L", "mg/L", "5", true},
		{"480", "gal", "L", "1816.99765632", true},
		{"1", "short ton", "kg", "907.18474", true},
		{"3", "t", "kg", "3000", true},
		{"1", "kg", "lb", "2.204622621849", false},
		{"1", "m3/s", "L/s", "1000", true},
		{"36", "km/h", "m/s", "10", true},
		{"10", "mph", "m/s", "4.4704", true},
		{"1013.25", "mbar", "kPa", "101.325", true},
	}
	for _, c := range cases {
		v, _ := decimal.Parse(c.v)
		from, _ := Parse(c.from)
		to, _ := Parse(c.to)
		got, exact, err := Convert(v, from, to)
		if err != nil || got.String() != c.want || exact != c.exact {
			t.Errorf("%s %s in %s = %s, %v, %v; want %s, %v", c.v, c.from, c.to, got, exact, err, c.want, c.exact)
		}
	}
	one := decimal.FromInt(1)
	for _, pair := range [][2]string{{"mg/L", "mg/kg"}, {"ppm", "mg/kg"}, {"ppm", "ppmv"}, {"°C", "°F"}, {"kg", "L"}, {"t", "m3"}} {
		from, _ := Parse(pair[0])
		to, _ := Parse(pair[1])
		if _, _, err := Convert(one, from, to); !errors.Is(err, ErrKind) {
			t.Errorf("%s in %s: %v, want ErrKind", pair[0], pair[1], err)
		}
	}
	if _, _, err := Convert(one, Unit{}, Unit{}); !errors.Is(err, ErrKind) {
		t.Errorf("no units: %v, want ErrKind", err)
	}
	t1, _ := ByCode("t")
	mg, _ := ByCode("mg")
	if _, _, err := Convert(decimal.FromInt(1e12), t1, mg); !errors.Is(err, decimal.ErrOverflow) {
		t.Errorf("a million million tonnes in mg: %v, want ErrOverflow", err)
	}
}

func TestConvertThereAndBack(t *testing.T) {
	var codes []string
	for _, r := range table {
		codes = append(codes, r.code)
	}
	rapid.Check(t, func(t *rapid.T) {
		from := byCode[rapid.SampledFrom(codes).Draw(t, "from")]
		to := byCode[rapid.SampledFrom(codes).Draw(t, "to")]
		v := decimal.Decimal{N: rapid.Int64Range(-1e9, 1e9).Draw(t, "n"), S: rapid.Uint8Range(0, 6).Draw(t, "s")}
		there, exact, err := Convert(v, from, to)
		if (from.Kind == to.Kind) == errors.Is(err, ErrKind) {
			t.Fatalf("%s to %s: %v", from.Code, to.Code, err)
		}
		if err != nil || !exact {
			return
		}
		back, exact, err := Convert(there, to, from)
		if err != nil || !exact || back.Cmp(v) != 0 {
			t.Fatalf("%s %s → %s %s → %s, %v, %v", v, from.Code, there, to.Code, back, exact, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"MG/KG", "µg/m³", "毫克／升", "", "  ", "%(w/w)", "[ppb]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, ok := Parse(text)
		if again, found := ByCode(u.Code); ok != found || ok && again != u {
			t.Fatalf("%q parsed to %+v, %v", text, u, ok)
		}
	})
}
