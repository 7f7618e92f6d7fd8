package hj212

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/decimal"
)

const vector = "##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&1C80\r\n"

func TestVectorOfTheStandard(t *testing.T) {
	f, err := Parse([]byte(vector))
	if err != nil {
		t.Fatal(err)
	}
	if f.DeclaredLen != 101 || f.CRCComputed != 0x1C80 || f.CRCGiven != "1C80" || len(f.Data) != 101 || len(f.Problems) != 0 {
		t.Errorf("frame %+v", f)
	}
	if f.QN != "20160801085857223" || f.ST != "32" || f.CN != "1062" || f.MN != "010000A8900016F000169DC0" {
		t.Errorf("head %+v", f)
	}
	if f.Flag != 5 || !f.Flag.WantsAck() || f.Flag.Split() || f.Flag.Version() != 1 {
		t.Errorf("flag %d: ack %v, split %v, version %d", f.Flag, f.Flag.WantsAck(), f.Flag.Split(), f.Flag.Version())
	}
	if len(f.Items) != 1 || f.Items[0] != (Item{Name: "RtdInterval", Value: "30"}) {
		t.Errorf("items %+v", f.Items)
	}
	at, ok := f.Time()
	if want := time.Date(2016, 8, 1, 0, 58, 57, 223e6, time.UTC); !ok || !at.Equal(want) {
		t.Errorf("QN is %v, want %v", at, want)
	}
}

// Checks that other stations computed, so that CRC does not only agree with itself.
func TestCRCOfFramesSeenInTheField(t *testing.T) {
	for data, want := range map[string]uint16{
		"ST=32;CN=2011;PW=123456;MN=0873HHMZWSLH02;CP=&&DataTime=20160103133030;060-Rtd=3.0943,060-Flag=N;011-Rtd=18.0412,011-Flag=N;" +
			"001-Rtd=8.2137,001-Flag=N;B01-Rtd=10.9890,B01-Flag=N&&": 0xA9C1,
		"QN=20180914090600630;ST=31;CN=2011;PW=123456;MN=010AQMS01000GD0201804060;Flag=4;CP=&&DataTime=20180914090600;a34001-Rtd=67.04," +
			"a34001-Flag=N;a34004-Rtd=39.60,a34004-Flag=N;a34002-Rtd=53.00,a34002-Flag=N;Leq-Rtd=60.97,Leq-Flag=N;a01007-Rtd=0.0," +
			"a01007-Flag=N;a01008-Rtd=335,a01008-Flag=N;a01006-Rtd=30.4,a01006-Flag=N;B00008-Rtd=51.3,B00008-Flag=N;B00009-Rtd=99.3,B00009-Flag=N&&": 0x2580,
	} {
		if got := CRC([]byte(data)); got != want {
			t.Errorf("CRC %04X, want %04X, of %s", got, want, data)
		}
	}
}

// wrap frames data with a right length and check, whatever data says.
func wrap(data string) string {
	return fmt.Sprintf("##%04d%s%04X\r\n", len(data), data, CRC([]byte(data)))
}

const (
	head = "QN=20240101120000000;ST=31;CN=2011;PW=123456;MN=010000A8900016F000169DC0;Flag=4;"
	area = "CP=&&DataTime=20240101120000;a24088-Rtd=1.20,a24088-Flag=N;a21026-Rtd=-0.5,a21026-Flag=D&&"
)

func TestDataFrame(t *testing.T) {
	f, err := Parse([]byte(wrap(head + area)))
	if err != nil {
		t.Fatal(err)
	}
	want := []Item{
		{0, "DataTime", "20240101120000", "", ""},
		{1, "a24088-Rtd", "1.20", "a24088", "Rtd"},
		{1, "a24088-Flag", "N", "a24088", "Flag"},
		{2, "a21026-Rtd", "-0.5", "a21026", "Rtd"},
		{2, "a21026-Flag", "D", "a21026", "Flag"},
	}
	if fmt.Sprint(f.Items) != fmt.Sprint(want) {
		t.Errorf("items %+v", f.Items)
	}
	if d, ok := f.Items[1].Number(); !ok || d != (decimal.Decimal{N: 120, S: 2}) || !f.Items[1].Measured() || f.Items[2].Measured() {
		t.Errorf("a24088-Rtd is %v, %v", d, ok)
	}
	at, ok := f.DataTime()
	if !ok || !at.Equal(time.Date(2024, 1, 1, 4, 0, 0, 0, time.UTC)) {
		t.Errorf("DataTime %v", at)
	}
}

func TestLogTextKeepsItsSeparators(t *testing.T) {
	f, err := Parse([]byte(wrap(head + "CP=&&DataTime=20240101120000;i11001-Info=//启动;range=3,ok=1//;a24088-Rtd=1&&")))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Items) != 3 || f.Items[1].Value != "//启动;range=3,ok=1//" || f.Items[2].Name != "a24088-Rtd" {
		t.Errorf("items %+v", f.Items)
	}
}

func TestProblems(t *testing.T) {
	good := wrap(head + area)
	data := head + area
	crc := CRC([]byte(data))
	m := modbusCRC([]byte(data))
	long := head + "CP=&&DataTime=20240101120000;" + strings.TrimSuffix(strings.Repeat("a24088-Rtd=1.20;", 70), ";") + "&&"
	cases := []struct {
		name, raw string
		want      []Code
	}{
		{"good", good, nil},
		{"lower case", fmt.Sprintf("##%04d%s%04x\r\n", len(data), data, crc), []Code{LowercaseCRC}},
		{"modbus", fmt.Sprintf("##%04d%s%04X\r\n", len(data), data, m), []Code{ModbusCRC}},
		{"modbus swapped", fmt.Sprintf("##%04d%s%04X\r\n", len(data), data, m<<8|m>>8), []Code{ModbusCRC}},
		{"wrong check", fmt.Sprintf("##%04d%s%04X\r\n", len(data), data, crc^1), []Code{BadCRC}},
		{"no check", fmt.Sprintf("##%04d%s\r\n", len(data), data), []Code{BadCRC}},
		{"length too small", fmt.Sprintf("##%04d%s%04X\r\n", len(data)-3, data, crc), []Code{BadLen}},
		{"length counts the check", fmt.Sprintf("##%04d%s%04X\r\n", len(data)+4, data, crc), []Code{BadLen}},
		{"length off by two", fmt.Sprintf("##%04d%s%04X\r\n", len(data)+2, data, crc), []Code{BadLen}},
		{"length not digits", fmt.Sprintf("##01x1%s%04X\r\n", data, crc), []Code{BadLen}},
		{"length of three digits", fmt.Sprintf("##%d%s%04X\r\n", len(data), data, crc), []Code{BadLen}},
		{"line feed alone", strings.TrimSuffix(good, "\r\n") + "\n", []Code{BadTerminator}},
		{"no end", strings.TrimSuffix(good, "\r\n"), []Code{MissingTerminator}},
		{"over-long", wrap(long), []Code{Overlong}},
		{"no QN", wrap(strings.Replace(data, "QN=20240101120000000;", "", 1)), []Code{MissingQN}},
		{"QN of no day", wrap(strings.Replace(data, "QN=20240101", "QN=20240230", 1)), []Code{BadQN}},
		{"QN too short", wrap(strings.Replace(data, "QN=20240101120000000", "QN=20240101120000", 1)), []Code{BadQN}},
		{"no ST", wrap(strings.Replace(data, "ST=31;", "", 1)), []Code{MissingST}},
		{"no CN", wrap(strings.Replace(data, "CN=2011;", "", 1)), []Code{MissingCN}},
		{"no PW", wrap(strings.Replace(data, "PW=123456;", "", 1)), []Code{MissingPW}},
		{"no MN", wrap(strings.Replace(data, "MN=010000A8900016F000169DC0;", "", 1)), []Code{MissingMN}},
		{"short MN", wrap(strings.Replace(data, "MN=010000A8900016F000169DC0;", "MN=ZLDSZ20210127;", 1)), []Code{MNFormat}},
		{"no Flag", wrap(strings.Replace(data, "Flag=4;", "", 1)), []Code{MissingFlag}},
		{"Flag 256", wrap(strings.Replace(data, "Flag=4;", "Flag=256;", 1)), []Code{BadFlag}},
		{"split without numbers", wrap(strings.Replace(data, "Flag=4;", "Flag=6;", 1)), []Code{BadPacketNumber}},
		{"packet 3 of 2", wrap(strings.Replace(data, "Flag=4;", "Flag=6;PNUM=2;PNO=3;", 1)), []Code{BadPacketNumber}},
		{"packet 0", wrap(strings.Replace(data, "Flag=4;", "Flag=6;PNUM=2;PNO=0;", 1)), []Code{BadPacketNumber}},
		{"no CP", wrap(strings.TrimSuffix(head, ";")), []Code{MissingCP}},
		{"open CP", wrap(strings.TrimSuffix(data, "&&")), []Code{UnclosedCP}},
		{"after CP", wrap(data + ";x=1"), []Code{TrailingData}},
		{"part without =", wrap(strings.Replace(data, "Flag=4;", "Flag=4;junk;", 1)), []Code{BadField}},
		{"item without =", wrap(strings.Replace(data, ",a24088-Flag=N", ",a24088", 1)), []Code{BadField}},
		{"CN twice", wrap(strings.Replace(data, "CN=2011;", "CN=2011;CN=2061;", 1)), []Code{DuplicateField}},
		{"padded", wrap(strings.Replace(data, "a24088-Rtd=1.20", "a24088-Rtd =1.20", 1)), []Code{PaddedField}},
		{"control character", wrap(strings.Replace(data, "1.20", "1.20\x01", 1)), []Code{ControlCharacter, BadNumber}},
		{"DataTime of no hour", wrap(strings.Replace(data, "DataTime=2024010112", "DataTime=2024010125", 1)), []Code{BadDataTime}},
		{"DataTime with ms", wrap(strings.Replace(data, "DataTime=20240101120000", "DataTime=20240101120000000", 1)), []Code{LongDataTime}},
		{"unknown data flag", wrap(strings.Replace(data, "a24088-Flag=N", "a24088-Flag=Z", 1)), []Code{BadDataFlag}},
		{"not a number", wrap(strings.Replace(data, "1.20", "1.2.0", 1)), []Code{BadNumber}},
		{"2005 code", wrap(strings.Replace(data, "a24088", "011", 2)), []Code{OldCode}},
		{"private code", wrap(strings.Replace(data, "a24088", "zz9999", 2)), []Code{PrivateCode}},
		{"private suffix", wrap(strings.Replace(data, "a24088-Flag=N", "a24088-Class=3", 1)), []Code{PrivateCode}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, ok := Inspect([]byte(c.raw))
			if !ok {
				t.Fatal("not a frame")
			}
			var got []Code
			defects := 0
			for _, p := range f.Problems {
				got = append(got, p.Code)
				if !p.Code.Notice() {
					defects++
				}
				if p.Text == "" {
					t.Errorf("%s says nothing", p.Code)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(c.want) || f.Defects() != defects {
				t.Errorf("problems %v, want %v", f.Problems, c.want)
			}
			_, err := Parse([]byte(c.raw))
			var fe *FrameError
			if (err != nil) != (defects > 0) || err != nil && !errors.As(err, &fe) {
				t.Errorf("Parse: %v with %d defects", err, defects)
			}
		})
	}
}

func TestProblemListIsBounded(t *testing.T) {
	f, _ := Inspect([]byte(wrap(head + "CP=&&" + strings.Repeat("=;", 3000) + "&&")))
	if len(f.Problems) != maxProblems || f.Problems[maxProblems-1].Code != MoreProblems || f.Defects() < 3000 {
		t.Errorf("%d problems listed, %d counted", len(f.Problems), f.Defects())
	}
}

func TestNotAFrame(t *testing.T) {
	for _, raw := range []string{"", "#", "x##0101", strings.Repeat("#", MaxFrame+1)} {
		if _, ok := Inspect([]byte(raw)); ok {
			t.Errorf("Inspect took %.20q for a frame", raw)
		}
		if _, err := Parse([]byte(raw)); err == nil {
			t.Errorf("Parse took %.20q for a frame", raw)
		}
	}
}

func TestFactors(t *testing.T) {
	if n := len(Factors()); n != 379 {
		t.Errorf("%d factors, want 379", n)
	}
	for code, unit := range map[string]string{"a24088": "mg/m3", "a05002": "ng/m3", "a21001": "ng/m3", "w01018": "mg/L", "a01012": "Cel",
		"e10112": "L/s", "i33317": "Cel", "i13007": "", "Leq": "dB"} {
		f := Lookup(code)
		if len(f) != 1 || f[0].Unit != unit {
			t.Errorf("%s: %+v, want unit %q", code, f, unit)
		}
	}
	for _, code := range []string{"", "a99999", "e101ax", "e101x1", "e999xx", "i33a17"} {
		if f := Lookup(code); len(f) != 0 {
			t.Errorf("%s: %+v, want none", code, f)
		}
	}
	if f := Lookup("g11901"); len(f) != 2 {
		t.Errorf("g11901 has two meanings in the table: %+v", f)
	}
	if f := LookupOld("011"); len(f) != 1 || f[0].Code != "w01018" {
		t.Errorf("old 011: %+v", f)
	}
	for _, f := range Factors() {
		if f.NameZH == "" || f.UnitZH != "" && f.Unit == "" && f.UnitZH != "年月日时分秒" {
			t.Errorf("%+v has no name or no UCUM unit", f)
		}
	}
}
