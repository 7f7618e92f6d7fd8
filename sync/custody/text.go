package custody

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
)

// Text is one statement in English and in Chinese.
type Text struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// IsZero reports whether t says nothing.
func (t Text) IsZero() bool { return t == Text{} }

// Arg is one fact of a finding: what a placeholder of its texts stands for.
type Arg struct {
	Name string `json:"name"`
	Text
}

// args are the facts of a finding by placeholder name.
type args map[string]Text

// list gives the facts in alphabetical order of their names.
func (a args) list() []Arg {
	out := make([]Arg, 0, len(a))
	for name, text := range a {
		out = append(out, Arg{Name: name, Text: text})
	}
	slices.SortFunc(out, func(x, y Arg) int { return strings.Compare(x.Name, y.Name) })
	return out
}

// fill replaces each {name} of t by the fact of that name. A placeholder without
// a fact stays visible, which the tests refuse.
func (t Text) fill(a args) Text {
	return Text{EN: fillOne(t.EN, a, func(v Text) string { return v.EN }), ZH: closeUp(fillOne(t.ZH, a, func(v Text) string { return v.ZH }))}
}

func fillOne(s string, a args, pick func(Text) string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(s, '{')
		if open < 0 {
			b.WriteString(s)
			return b.String()
		}
		shut := strings.IndexByte(s[open:], '}')
		if shut < 0 {
			b.WriteString(s)
			return b.String()
		}
		shut += open
		b.WriteString(s[:open])
		if v, ok := a[s[open+1:shut]]; ok {
			b.WriteString(pick(v))
		} else {
			b.WriteString(s[open : shut+1])
		}
		s = s[shut+1:]
	}
}

// closeUp takes out the spaces that templates set round a fact where Chinese
// characters or marks come to stand beside each other.
func closeUp(s string) string {
	runes := []rune(s)
	out := make([]rune, 0, len(runes))
	for i, r := range runes {
		if r == ' ' && i > 0 && i < len(runes)-1 {
			before, after := runes[i-1], runes[i+1]
			if isMark(before) || isMark(after) || unicode.Is(unicode.Han, before) && unicode.Is(unicode.Han, after) {
				continue
			}
		}
		out = append(out, r)
	}
	return string(out)
}

// isMark reports whether r is a full-width punctuation mark.
func isMark(r rune) bool { return strings.ContainsRune("，。；：、（）“”《》", r) }

// placeholders lists the names that s asks for, sorted, each once.
func placeholders(s string) []string {
	var names []string
	for part := range strings.SplitSeq(s, "{") {
		if name, _, ok := strings.Cut(part, "}"); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// str is a fact that reads the same in both languages: a label, a number, a name.
func str(s string) Text {
	if s == "" {
		return Text{EN: "(not recorded)", ZH: "（未记录）"}
	}
	return Text{EN: s, ZH: s}
}

// both is a fact worded in each language.
func both(en, zh string) Text { return Text{EN: en, ZH: zh} }

// count is a whole number.
func count[N ~int | ~int64](n N) Text { return str(strconv.FormatInt(int64(n), 10)) }

// num is a measured figure with its unit, or that there is none.
func num(d *decimal.Decimal, unit string) Text {
	if d == nil {
		return str("")
	}
	return str(strings.TrimSpace(d.String() + " " + unit))
}

// when is a time as somebody's clock showed it, with its offset.
func when(s event.Stamp) Text {
	if s == "" {
		return str("")
	}
	return clock(s.Time())
}

// clock is a time to the second with its offset.
func clock(t time.Time) Text {
	if t.IsZero() {
		return str("")
	}
	return str(t.Format("2006-01-02 15:04:05 -07:00"))
}

// span is a length of time, always positive, in the two largest units that matter.
func span(d time.Duration) Text {
	d = d.Abs().Round(time.Second)
	days, hours := int64(d/(24*time.Hour)), int64(d%(24*time.Hour)/time.Hour)
	mins, secs := int64(d%time.Hour/time.Minute), int64(d%time.Minute/time.Second)
	switch {
	case days > 0 && hours > 0:
		return both(fmt.Sprintf("%d d %d h", days, hours), fmt.Sprintf("%d 天 %d 小时", days, hours))
	case days > 0:
		return both(fmt.Sprintf("%d d", days), fmt.Sprintf("%d 天", days))
	case hours > 0 && mins > 0:
		return both(fmt.Sprintf("%d h %d min", hours, mins), fmt.Sprintf("%d 小时 %d 分", hours, mins))
	case hours > 0:
		return both(fmt.Sprintf("%d h", hours), fmt.Sprintf("%d 小时", hours))
	case mins > 0 && secs > 0:
		return both(fmt.Sprintf("%d min %d s", mins, secs), fmt.Sprintf("%d 分 %d 秒", mins, secs))
	case mins > 0:
		return both(fmt.Sprintf("%d min", mins), fmt.Sprintf("%d 分", mins))
	}
	return both(fmt.Sprintf("%d s", secs), fmt.Sprintf("%d 秒", secs))
}

// listed joins texts; an empty list says so.
func listed(parts []string) Text {
	if len(parts) == 0 {
		return both("none", "无")
	}
	return both(strings.Join(parts, ", "), strings.Join(parts, "、"))
}

// listedTexts joins texts of two languages.
func listedTexts(parts []Text) Text {
	if len(parts) == 0 {
		return both("none", "无")
	}
	var en, zh []string
	for _, p := range parts {
		en, zh = append(en, p.EN), append(zh, p.ZH)
	}
	return both(strings.Join(en, ", "), strings.Join(zh, "、"))
}

// mostListed is how many things a sentence can list and still be read; a defect
// carries every reference beside its text.
const mostListed = 8

// someOf lists the first of some texts and says how many more there are.
func someOf(parts []string) Text { return andMore(parts[:min(len(parts), mostListed)], len(parts)) }

// andMore lists some texts of a number in all.
func andMore(parts []string, all int) Text {
	text := listed(parts)
	if more := all - len(parts); more > 0 {
		text = both(text.EN+" and "+count(more).EN+" more", text.ZH+"等，另有 "+count(more).ZH+" 项")
	}
	return text
}

// appendNew appends s where it is not in the list.
func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}
