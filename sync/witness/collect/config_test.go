package collect

import (
	"errors"
	"fmt"
	"testing"

	"fieldseal/sync/witness"
	"fieldseal/sync/witness/witnesstest"
)

func TestConfig(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://court.example.cn/witness": true, "https://court.example.cn": true, "http://127.0.0.1:8100": true, "http://localhost:8100/w": true, "http://[::1]:8100": true,
		"http://court.example.cn": false, "http://10.0.0.5:8100": false, "ftp://court.example.cn": false, "court.example.cn": false, "": false, "https://": false,
		"https://u:p@court.example.cn": false, "https://court.example.cn/?a=b": false, "https://court.example.cn/#x": false, "http://127.0.0.1.example.cn": false, "://": false,
	} {
		if err := CheckURL(url); (err == nil) != ok || err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", url, err)
		}
	}
	w := func(name, url string) Witness {
		return Witness{Name: name, Key: witnessKey(name).Verifier, URL: url}
	}
	a, b := w("a.example/w", "https://a.example"), w("b.example/w", "https://b.example")
	renamed := Witness{Name: "c", Key: must(witness.NewKey("c.example/w", witnesstest.Seed("a.example/w"))).Verifier, URL: "https://c.example"}
	for what, x := range map[string]struct {
		list   []Witness
		quorum int
		ok     bool
	}{
		"two":                     {[]Witness{a, b}, 2, true},
		"one of two":              {[]Witness{a, b}, 1, true},
		"a quorum of none":        {[]Witness{a, b}, 0, false},
		"a quorum of too many":    {[]Witness{a, b}, 3, false},
		"nobody":                  {nil, 1, false},
		"one twice":               {[]Witness{a, a}, 1, false},
		"one key under two names": {[]Witness{a, renamed}, 1, false},
		"one address twice":       {[]Witness{a, w("b.example/w", a.URL)}, 1, false},
		"without TLS":             {[]Witness{w("a.example/w", "http://a.example")}, 1, false},
		"too many": {func() (l []Witness) {
			for i := range MaxWitnesses + 1 {
				l = append(l, w(fmt.Sprintf("w%d.example/w", i), fmt.Sprintf("https://w%d.example", i)))
			}
			return l
		}(), 5, false},
	} {
		if err := CheckQuorum(x.list, x.quorum); (err == nil) != x.ok || err != nil && !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for n, want := range []int{0, 1, 2, 2, 3, 3} {
		if got := witness.Majority(n); got != want {
			t.Errorf("the majority of %d is %d", n, got)
		}
	}
}
