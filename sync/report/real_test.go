package report_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/report"
)

// TestRealVerdict renders what a real bundle comes to.
func TestRealVerdict(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	v := s.Verify(s.Bundle(s.Options()), verify.Options{})
	var b bytes.Buffer
	if err := report.Render(&b, v, report.Options{Language: bag.Chinese}); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, w := range []string{"核验结论", "2026-HW-017", "市生态环境局", s.Photo.SHA256.String(), "FORK"} {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not say %q", w)
		}
	}
	if len(v.Limits) == 0 || !slices.ContainsFunc(v.Limits, func(l verify.Limit) bool { return strings.Contains(page, l.Text.ZH[:12]) }) {
		t.Error("the page does not say what a pass does not prove")
	}
}
