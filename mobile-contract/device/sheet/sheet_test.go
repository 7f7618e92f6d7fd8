package sheet

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestDecode(t *testing.T) {
	for name, c := range map[string]struct {
		in, enc, body   string
		guessed, broken bool
	}{
		"plain":        {"a,b", UTF8, "a,b", false, false},
		"bom":          {"\xef\xbb\xbf样品", UTF8, "样品", false, false},
		"utf-16 le":    {"\xff\xfea\x00", UTF16, "a", false, false},
		"utf-16 be":    {"\xfe\xff\x00a", UTF16, "a", false, false},
		"gbk":          {"\xd1\xf9\xc6\xb7,1", GB18030, "样品,1", true, false},
		"windows":      {"5 \xb5g/L", CP1252, "5 µg/L", true, false},
		"zero bytes":   {"a\x00b", UTF8, "a\x00b", false, true},
		"half a gbk":   {"\xd1\xf9\xc6", GB18030, "样\uFFFD", true, true},
		"half a utf-8": {"\xef\xbb\xbf\xe6\xa0", UTF8, "\uFFFD", false, true},
	} {
		got, err := Decode([]byte(c.in), "")
		if err != nil || got != (Text{c.body, c.enc, c.guessed, c.broken}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for in, want := range map[string]error{"PK\x03\x04": ErrSpreadsheet, "\xd0\xcf\x11\xe0": ErrSpreadsheet} {
		if _, err := Decode([]byte(in), ""); !errors.Is(err, want) {
			t.Errorf("%q: %v", in, err)
		}
	}
	if _, err := Decode([]byte("a"), "klingon"); !errors.Is(err, ErrEncoding) {
		t.Errorf("unknown encoding: %v", err)
	}
	if got, err := Decode([]byte("\xd1\xf9"), CP1252); err != nil || got.Body != "Ñù" || got.Guessed {
		t.Errorf("the caller's word counts: %+v, %v", got, err)
	}
}

func TestParseDate(t *testing.T) {
	zone := time.FixedZone("", 8*3600)
	for text, want := range map[string]string{
		"2024-04-03": "2024-04-03T00:00:00+08:00", "2024/4/3": "2024-04-03T00:00:00+08:00", "20240403": "2024-04-03T00:00:00+08:00",
		"2024年4月3日": "2024-04-03T00:00:00+08:00", "2024年4月3日 9时15分": "2024-04-03T09:15:00+08:00", "2024年4月3日 9时": "", "2024年4月3日9:15": "2024-04-03T09:15:00+08:00",
		"3-Apr-2024": "2024-04-03T00:00:00+08:00", "2024-04-03T09:15:00Z": "2024-04-03T09:15:00Z", "2018-03-18T04:00:00.000+0000": "2018-03-18T04:00:00Z",
		"2024-04-03 09:15:00 -07:00": "2024-04-03T09:15:00-07:00", "4/4/2024": "2024-04-04T00:00:00+08:00",
		"2024-02-30": "", "1900-01-01": "", "3/4/24": "", "today": "", "": "", "45384": "",
	} {
		m, err := ParseDate(text, OrderUnknown, zone)
		got := ""
		if err == nil {
			got = m.At.Format(time.RFC3339)
		} else if !errors.Is(err, ErrDate) {
			t.Errorf("%q: %v", text, err)
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	if _, err := ParseDate("3/4/2024", OrderUnknown, nil); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("3/4/2024: %v", err)
	}
	m, err := ParseDate("3/4/2024 2:30 pm", MonthFirst, nil)
	if err != nil || m.At.Format(time.DateTime) != "2024-03-04 14:30:00" || !m.HasTime {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := ParseDate("3/4/2024", DayFirst, nil); err != nil || m.At.Month() != time.April {
		t.Errorf("%+v, %v", m, err)
	}
	d, _ := ParseDate("2024-04-03", "", zone)
	if d, ok := d.WithClock("0915"); !ok || d.At.Format(time.RFC3339) != "2024-04-03T09:15:00+08:00" || !d.HasTime {
		t.Errorf("with clock %+v", d)
	}
	if _, ok := d.WithClock("2575"); ok {
		t.Error("25:75 was taken for a time")
	}
	for text, want := range map[string]Order{"13/4/2024": DayFirst, "4/13/2024": MonthFirst, "4/5/2024": OrderUnknown, "13/13/2024": OrderUnknown, "x": OrderUnknown} {
		if got := OrderOf(text); got != want {
			t.Errorf("%s proves %q, want %q", text, got, want)
		}
	}
}

func TestCells(t *testing.T) {
	rec, err := Reader("a;\"b\nc\";5\" pipe\n", ';').Read()
	if err != nil || len(rec) != 3 || rec[1] != "b\nc" || rec[2] != `5" pipe` {
		t.Errorf("%q, %v", rec, err)
	}
	if Swallowed(rec) || !Swallowed([]string{strings.Repeat("\n", 21)}) || !Blank([]string{" ", ""}) || Blank(rec) {
		t.Error("swallowed or blank is wrong")
	}
	for cell, want := range map[string]bool{"": true, " na ": true, "N/A": true, "-": true, "0": false, "ND": false} {
		if Absent(cell) != want {
			t.Errorf("Absent(%q) is %v", cell, !want)
		}
	}
	if Fold("检出限（mg/L）") != "检出限" || Fold("Sys_Sample Code") != "syssamplecode" {
		t.Error("fold is wrong")
	}
}

func FuzzDecodeAndDate(f *testing.F) {
	for _, s := range []string{"", "\xff\xfe\x00", "2024年4月3日 9时", "3/4/2024 25:99", "\xd1\xf9\xc6"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text, err := Decode(b, "")
		if err != nil {
			return
		}
		if strings.ToValidUTF8(text.Body, "?") != text.Body {
			t.Fatalf("%q decodes to %q", b, text.Body)
		}
		if m, err := ParseDate(text.Body, MonthFirst, nil); err == nil && (m.At.Year() < 1949 || m.At.Year() > 2201) {
			t.Fatalf("%q is %v", text.Body, m)
		}
	})
}
