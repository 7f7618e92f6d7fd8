package court_test

import (
	"fmt"
	"net/http"
	"testing"
)

func TestSmoke(t *testing.T) {
	w := newWorld(t)
	b := newBrowser(t, w, w.clerkLogin)
	for _, path := range []string{"/desk/court/", "/desk/court/cases/" + w.clean.String(), "/desk/court/cases/" + w.dirty.String(),
		"/desk/court/cases/" + w.clean.String() + "/items/sample/" + w.sample.String(), "/desk/court/cases/" + w.dirty.String() + "/items/sample/" + w.gapped.String(),
		"/desk/court/cases/" + w.dirty.String() + "/items/photo/" + w.photo.String(), "/desk/court/cases/" + w.dirty.String() + "/events/" + w.corrected.String(), "/desk/verify"} {
		res, page := b.get(path)
		if res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d\n%s", path, res.StatusCode, page)
		}
		fmt.Println(path, res.StatusCode, len(page))
	}
}
