package console

import (
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Both languages say the same: the same keys, with the same arguments, and nothing
// that is empty.
func TestWordsAreComplete(t *testing.T) {
	all, err := readWords()
	if err != nil {
		t.Fatal(err)
	}
	argument := regexp.MustCompile(`\{\d\}`)
	arguments := func(s string) []string {
		return slices.Compact(slices.Sorted(slices.Values(argument.FindAllString(s, -1))))
	}
	en, zh := all["en"], all["zh"]
	if len(en) < 50 {
		t.Fatalf("only %d words", len(en))
	}
	for _, k := range slices.Sorted(maps.Keys(en)) {
		switch {
		case zh[k] == "" || en[k] == "":
			t.Errorf("%s is not said in both languages", k)
		case !slices.Equal(arguments(en[k]), arguments(zh[k])):
			t.Errorf("%s: %q and %q have different arguments", k, en[k], zh[k])
		}
	}
	for k := range zh {
		if _, ok := en[k]; !ok {
			t.Errorf("%s is said in Chinese only", k)
		}
	}
	han := regexp.MustCompile(`\p{Han}`)
	for k, text := range zh {
		if !han.MatchString(text) && regexp.MustCompile(`[a-z]{4}`).MatchString(text) {
			t.Errorf("%s is not Chinese: %q", k, text)
		}
	}
	for k, text := range en {
		if han.MatchString(text) {
			t.Errorf("%s is not English: %q", k, text)
		}
	}
}

// Every key that a page or a script names exists.
func TestWordsThatAreUsedExist(t *testing.T) {
	all, err := readWords()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]string{}
	find := func(files fs.FS, root string, pattern *regexp.Regexp) {
		err := fs.WalkDir(files, root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(name) != ".html" && path.Ext(name) != ".js" {
				return err
			}
			data, err := fs.ReadFile(files, name)
			for _, m := range pattern.FindAllStringSubmatch(string(data), -1) {
				used[m[1]] = name
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	find(pageFiles, "pages", regexp.MustCompile(`[{(]\s*t\s+"([^"%]+)"`))
	find(Static, "static/js", regexp.MustCompile(`\bt\('([^'$]+)'`))
	if len(used) < 30 {
		t.Fatalf("only %d uses found", len(used))
	}
	for k, where := range used {
		if _, ok := all["en"][k]; !ok && !strings.HasSuffix(k, ".") {
			t.Errorf("%s uses %q, which nobody says", where, k)
		}
	}
}
