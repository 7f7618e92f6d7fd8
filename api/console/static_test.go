package console

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// maxScript is what the scripts of one page may weigh, unpacked: slow machines read them too.
const maxScript = 150 << 10

// Each page's scripts, with everything they import, exist and stay below the bound;
// pages and scripts ask for nothing elsewhere and need nothing that the policy forbids.
func TestScriptsOfPages(t *testing.T) {
	source := regexp.MustCompile(`<script[^>]*src="\{\{asset "([^"]+)"\}\}"`)
	imported := regexp.MustCompile(`(?m)(?:^import\s[^;]*?from\s+|^import\s+|^export\s[^;]*?from\s+|\bimport\()'(\.[^']+)'`)
	elsewhere := regexp.MustCompile(`(?i)(?:src|href|action)="(?:https?:)?//`)
	var weigh func(name string, seen map[string]bool) int
	weigh = func(name string, seen map[string]bool) int {
		if seen[name] {
			return 0
		}
		seen[name] = true
		data, err := Static.ReadFile(path.Join("static", name))
		if err != nil {
			t.Errorf("a page or script wants %s: %v", name, err)
			return 0
		}
		n := len(data)
		for _, m := range imported.FindAllStringSubmatch(string(data), -1) {
			n += weigh(path.Join(path.Dir(name), m[1]), seen)
		}
		return n
	}
	pages, heaviest, where := 0, 0, ""
	err := fs.WalkDir(pageFiles, "pages", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".html" {
			return err
		}
		data, err := pageFiles.ReadFile(name)
		text := string(data)
		if elsewhere.MatchString(text) || strings.Contains(text, " style=") || regexp.MustCompile(`\son[a-z]+=`).MatchString(text) || strings.Contains(text, "<style") || strings.Contains(text, "javascript:") {
			t.Errorf("%s has what the policy forbids", name)
		}
		seen := map[string]bool{}
		n := weigh("js/desk.js", seen)
		for _, m := range source.FindAllStringSubmatch(text, -1) {
			n += weigh(m[1], seen)
		}
		if n > maxScript {
			t.Errorf("%s has %d bytes of script, at most %d are taken: %v", name, n, maxScript, seen)
		}
		if n > heaviest {
			heaviest, where = n, name
		}
		pages++
		return err
	})
	if err != nil || pages < 6 {
		t.Errorf("%d pages: %v", pages, err)
	}
	t.Logf("the heaviest of %d pages is %s with %d bytes of script", pages, where, heaviest)
}
