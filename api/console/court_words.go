package console

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/report"
)

// recordFuncs are what templates say of a custody record: in the words of the
// report that goes into bundles, so that screen, bundle and certificate call
// things by the same names.
func recordFuncs(lang string) template.FuncMap {
	say := func(key string) (string, bool) { return report.Word(bag.Language(lang), key) }
	return template.FuncMap{
		// word is one of the report's words; there must be one.
		"word": func(key string) (string, error) {
			w, ok := say(key)
			if !ok {
				return "", fmt.Errorf("console: the report has no word %q", key)
			}
			return w, nil
		},
		// value is the word for a value of the record; one without a word stays as it is.
		"value": func(prefix string, value any) string {
			v := fmt.Sprint(value)
			if w, ok := say(prefix + v); ok {
				return w
			}
			return strings.ReplaceAll(v, "_", " ")
		},
		"said": func(t custody.Text) string {
			if lang == "zh" {
				return t.ZH
			}
			return t.EN
		},
		"lasting": func(ms int64) string { return lasting(lang, time.Duration(ms)*time.Millisecond) },
		"place": func(v any) (string, error) {
			switch v := v.(type) {
			case *event.Place:
				return placeText(v), nil
			case event.Place:
				return placeText(&v), nil
			}
			return "", fmt.Errorf("console: %T is not a place", v)
		},
	}
}

// lasting writes a length of time in the two largest units that matter.
func lasting(lang string, d time.Duration) string {
	d = d.Abs().Round(time.Second)
	days, hours, mins, secs := int64(d/(24*time.Hour)), int64(d%(24*time.Hour)/time.Hour), int64(d%time.Hour/time.Minute), int64(d%time.Minute/time.Second)
	pick := func(en, zh string, a, b int64) string {
		if lang == "zh" {
			return fmt.Sprintf(zh, a, b)
		}
		return fmt.Sprintf(en, a, b)
	}
	switch {
	case d == 0 && lang == "zh":
		return "不足 1 秒"
	case d == 0:
		return "less than 1 s"
	case days > 0:
		return pick("%d d %d h", "%d 天 %d 小时", days, hours)
	case hours > 0:
		return pick("%d h %d min", "%d 小时 %d 分", hours, mins)
	case mins == 0:
		return pick("%[2]d s", "%[2]d 秒", 0, secs)
	}
	return pick("%d min %d s", "%d 分 %d 秒", mins, secs)
}

// placeText writes a fix with its datum and accuracy.
func placeText(pl *event.Place) string {
	if pl == nil {
		return ""
	}
	s := degreesText(pl.LatE7) + ", " + degreesText(pl.LonE7) + " (" + string(pl.Datum)
	if pl.AccuracyMM > 0 {
		s += fmt.Sprintf(", ±%d.%d m", pl.AccuracyMM/1000, pl.AccuracyMM%1000/100)
	}
	return s + ", " + string(pl.Source) + ")"
}

// degreesText writes an angle of 1e-7 degree to six decimals, about a decimetre.
func degreesText(e7 int64) string {
	sign := ""
	if e7 < 0 {
		sign, e7 = "−", -e7
	}
	return fmt.Sprintf("%s%d.%06d°", sign, e7/1e7, e7%1e7/10)
}
