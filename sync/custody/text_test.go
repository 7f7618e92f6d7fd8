package custody

import (
	"testing"
	"time"

	"fieldseal/sync/event"
)

func TestFill(t *testing.T) {
	a := args{"x": both("one", "一"), "y": str("2")}
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"plain", "plain"}, {"{x}", "one"}, {"a {x} b {y}{x}", "a one b 2one"},
		{"{z} stays", "{z} stays"}, {"open {x", "open {x"}, {"{x} {", "one {"}, {"} {y}", "} 2"},
	} {
		if got := (Text{EN: c.in}).fill(a).EN; got != c.want {
			t.Errorf("%q became %q, want %q", c.in, got, c.want)
		}
	}
	if got := (Text{ZH: "（{x}）"}).fill(a).ZH; got != "（一）" {
		t.Errorf("Chinese: %q", got)
	}
	if got := (Text{ZH: "{o} 的 {p} 于 {t} 接收（{o}） {p}。"}).fill(args{"o": str("青山公安分局"), "p": str("Wu"), "t": str("2026")}).ZH; got != "青山公安分局的 Wu 于 2026 接收（青山公安分局）Wu。" {
		t.Errorf("Chinese is set as %q", got)
	}
	// A fact that looks like a placeholder is a fact, not a placeholder.
	if got := (Text{EN: "{x}{y}"}).fill(args{"x": str("{y}"), "y": str("2")}).EN; got != "{y}2" {
		t.Errorf("a fact was filled in again: %q", got)
	}
}

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		in     time.Duration
		en, zh string
	}{
		{0, "0 s", "0 秒"}, {59 * time.Second, "59 s", "59 秒"}, {15*time.Minute + time.Second, "15 min 1 s", "15 分 1 秒"},
		{time.Hour, "1 h", "1 小时"}, {3*time.Hour + 12*time.Minute + 50*time.Second, "3 h 12 min", "3 小时 12 分"},
		{72 * time.Hour, "3 d", "3 天"}, {50 * time.Hour, "2 d 2 h", "2 天 2 小时"}, {-time.Minute, "1 min", "1 分"},
		{999 * time.Millisecond, "1 s", "1 秒"},
	} {
		if got := span(c.in); got.EN != c.en || got.ZH != c.zh {
			t.Errorf("%s: %+v, want %s, %s", c.in, got, c.en, c.zh)
		}
	}
}

func TestTimesKeepTheirOffset(t *testing.T) {
	if got := when("2026-03-02T14:00:00.250+08:00").EN; got != "2026-03-02 14:00:00 +08:00" {
		t.Errorf("shown as %s", got)
	}
	if got := when(event.Stamp("")); got.EN != "(not recorded)" || got.ZH != "（未记录）" {
		t.Errorf("an absent time is shown as %+v", got)
	}
}

func TestSomeOf(t *testing.T) {
	if got := someOf([]string{"a", "b"}); got.EN != "a, b" || got.ZH != "a、b" {
		t.Errorf("%+v", got)
	}
	if got := someOf([]string{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}); got.EN != "1, 2, 3, 4, 5, 6, 7, 8 and 2 more" || got.ZH != "1、2、3、4、5、6、7、8等，另有 2 项" {
		t.Errorf("%+v", got)
	}
	if got := someOf(nil); got.EN != "none" {
		t.Errorf("%+v", got)
	}
}
