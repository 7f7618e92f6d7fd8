package report

import (
	"bytes"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
)

// fill gives every member of a value something that shows: one element, a text
// that would be markup, a number, a time.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth < 12 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth+1)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte("bytes"))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth+1)
	case reflect.Map:
		k, e := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(k, depth+1)
		fill(e, depth+1)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(k, e)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), depth+1)
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[event.Stamp]() {
			v.SetString("2026-11-24T09:30:00+08:00")
			return
		}
		v.SetString("<script>markup</script>")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(3)
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(3)
	}
}

func render(t *testing.T, v *verify.Verdict, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, v, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestEveryMember renders a verdict in which everything is filled in: each branch
// of the page is passed, and no text of people becomes markup.
func TestEveryMember(t *testing.T) {
	v := &verify.Verdict{}
	fill(reflect.ValueOf(v).Elem(), 0)
	digital := v.Record.Items[0]
	digital.Kind, digital.Ref = custody.Digital, event.Ref{Kind: "photo", ID: event.UUID{9}}
	derivedItem := digital
	derivedItem.Hashes = []custody.HashStep{{What: "derived"}}
	v.Record.Items[0].Kind = custody.Physical
	v.Record.Items = append(v.Record.Items, digital, derivedItem)
	for _, lang := range []bag.Language{bag.English, bag.Chinese} {
		page := render(t, v, Options{Language: lang, Other: "other.html"})
		if strings.Contains(page, "<script") {
			t.Error("a text of people became markup")
		}
		if n := strings.Count(page, "&lt;script&gt;"); n < 60 {
			t.Errorf("only %d texts are shown", n)
		}
		for _, none := range []string{"ZgotmplZ", "<no value>", "%!"} {
			if strings.Contains(page, none) {
				t.Errorf("the page contains %s", none)
			}
		}
	}
}

// TestNothing renders a verdict that has nothing: every section is there and says so.
func TestNothing(t *testing.T) {
	v := &verify.Verdict{Bundle: &verify.About{}, Record: &custody.Record{}}
	for lang, none := range map[bag.Language]string{bag.English: "none recorded", bag.Chinese: "未记录"} {
		page := render(t, v, Options{Language: lang})
		if n := strings.Count(page, none); n < 15 {
			t.Errorf("%s: only %d sections say that they are empty", lang, n)
		}
	}
	if page := render(t, &verify.Verdict{}, Options{Language: bag.English}); !strings.Contains(page, "What a pass does not prove") {
		t.Error("a verdict without record and bundle")
	}
}

func TestOneExhibit(t *testing.T) {
	one, two := event.Ref{Kind: "sample", ID: event.UUID{1}}, event.Ref{Kind: "sample", ID: event.UUID{2}}
	v := &verify.Verdict{Record: &custody.Record{Items: []custody.Item{{Ref: one, Kind: custody.Physical, Label: "FIRST-1"}, {Ref: two, Kind: custody.Physical, Label: "SECOND-2"}}}}
	page := render(t, v, Options{Language: bag.English, Item: &one})
	if !strings.Contains(page, "FIRST-1") || strings.Contains(page, "SECOND-2") {
		t.Error("the page is not limited to one exhibit")
	}
}

// TestDefectsStandByTheirExhibit: a defect about an exhibit stands with it, one
// about no exhibit with the case; none is lost.
func TestDefectsStandByTheirExhibit(t *testing.T) {
	one := event.Ref{Kind: "sample", ID: event.UUID{1}}
	site := event.Ref{Kind: "site", ID: event.UUID{2}}
	text := func(s string) custody.Text { return custody.Text{EN: s, ZH: s} }
	v := &verify.Verdict{Record: &custody.Record{
		Items: []custody.Item{{Ref: one, Kind: custody.Physical, Label: "S-1"}},
		Defects: []custody.Defect{
			{ID: "a", Code: "A", Severity: "F", Item: &one, Explanation: text("about the item")},
			{ID: "b", Code: "B", Severity: "C", Item: &site, Explanation: text("about the site")},
			{ID: "c", Code: "C", Severity: "W", Explanation: text("about nothing")},
			{ID: "d", Code: "D", Severity: "W", Item: &site, Also: []event.Ref{one}, Explanation: text("about both")},
		}}}
	page := render(t, v, Options{Language: bag.English})
	for s, n := range map[string]int{"about the item": 2, "about the site": 2, "about nothing": 2, "about both": 2} {
		if got := strings.Count(page, s); got != n {
			t.Errorf("%q stands %d times, want %d (in the list, and in its place)", s, got, n)
		}
	}
	i, j, k := strings.Index(page, "Physical exhibits"), strings.LastIndex(page, "about the item"), strings.LastIndex(page, "about the site")
	if !(i < j && j < k) {
		t.Error("the defects are not in their places")
	}
}

// TestWords: every word of the page is there in both languages, and every word
// that the template or the record can ask for is in the list.
func TestWords(t *testing.T) {
	for k, w := range words {
		if w[0] == "" || w[1] == "" {
			t.Errorf("%s lacks a language", k)
		}
		if regexp.MustCompile(`\p{Han}`).MatchString(w[0]) && k != "other" {
			t.Errorf("%s: %q is not English", k, w[0])
		}
	}
	for _, m := range regexp.MustCompile(`t "([a-z.]+)"`).FindAllStringSubmatch(pageText, -1) {
		if _, ok := words[m[1]]; !ok {
			t.Errorf("the page asks for %q", m[1])
		}
	}
	for prefix, list := range map[string][]string{
		"seal.": event.SealState("").Words(), "decision.": event.Decision("").Words(), "mode.": event.Mode("").Words(),
		"signer.": event.Signer("").Words(), "dossier.": event.DossierStep("").Words(), "ref.": event.RefKind("").Words(), "tier.": event.Tier("").Words(),
		"media.": {string(bag.MediaPresent), string(bag.MediaMissing), string(bag.MediaMismatch), string(bag.MediaWithheld)},
		"scope.": {string(bag.WholeCase), string(bag.Exhibits)},
		"": {string(verify.Authentic), string(verify.AuthenticWithDefects), string(verify.NotAuthentic),
			string(verify.Passed), string(verify.Failed), string(verify.NotReached), string(verify.NotAsked)},
		"state.": {string(custody.StateHeld), string(custody.StateOffered), string(custody.StateTransit), string(custody.StateRejected),
			string(custody.StateDisposed), string(custody.StateConsumed), string(custody.HoldingMet), string(custody.HoldingExceeded),
			string(custody.HoldingRunning), string(custody.HoldingPassed), string(custody.HoldingUnknown)},
		"step.": {string(custody.StepCollected), string(custody.StepSealed), string(custody.StepRelinquished), string(custody.StepReceived), string(custody.StepMissing),
			string(custody.StepConcluded), string(custody.StepDeclined), string(custody.StepStored), string(custody.StepAccessioned),
			string(custody.StepRejected), string(custody.StepSubsampled), string(custody.StepAnalysed), string(custody.StepHeldBack),
			string(custody.StepHoldReleased), string(custody.StepDisposed), string(custody.StepPhotographed), string(custody.StepAmended), string(custody.StepMentioned)},
	} {
		for _, w := range list {
			if _, ok := words[prefix+w]; !ok {
				t.Errorf("the record can ask for %q", prefix+w)
			}
		}
	}
}

func TestFigures(t *testing.T) {
	p := &page{}
	for d, want := range map[time.Duration]string{0: "—", 90 * time.Second: "1 min 30 s", 5 * time.Hour: "5 h 0 min", 75 * time.Hour: "3 d 3 h"} {
		if got := p.span(d); got != want {
			t.Errorf("span of %v is %q, want %q", d, got, want)
		}
	}
	for e7, want := range map[int64]string{0: "0.00000°", 311234567: "31.12345°", -1: "-0.00000°", -1217654321: "-121.76543°"} {
		if got := degrees(e7); got != want {
			t.Errorf("%d is %q, want %q", e7, got, want)
		}
	}
}
