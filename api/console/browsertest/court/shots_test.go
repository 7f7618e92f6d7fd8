package court_test

import (
	"testing"

	"fieldseal/api/console/browsertest"
)

func (w *world) signIn(login, lang string) *browsertest.Page {
	w.t.Helper()
	p := browsertest.Open(w.t, w.URL)
	p.Language(map[string]string{"en": "en", "zh": "zh-CN,zh"}[lang])
	p.Go("/desk/login")
	p.Fill("input[name=login]", login)
	p.Fill("input[name=password]", password)
	p.Click("main form button")
	p.Until(`document.querySelector('meta[name=person]')`)
	return p
}

func TestShots(t *testing.T) {
	w := newWorld(t)
	for _, lang := range []string{"en", "zh"} {
		p := w.signIn(w.clerkLogin, lang)
		for name, path := range map[string]string{"find": "/desk/court/", "case": "/desk/court/cases/" + w.dirty.String(), "clean": "/desk/court/cases/" + w.clean.String(),
			"item": "/desk/court/cases/" + w.clean.String() + "/items/sample/" + w.sample.String(), "gap": "/desk/court/cases/" + w.dirty.String() + "/items/sample/" + w.gapped.String(),
			"photo": "/desk/court/cases/" + w.dirty.String() + "/items/photo/" + w.photo.String(), "copy": "/desk/court/cases/" + w.dirty.String() + "/items/photo/" + w.copied.String(),
			"event": "/desk/court/cases/" + w.dirty.String() + "/events/" + w.corrected.String(), "verify": "/desk/verify"} {
			p.Size(1280, 900)
			p.Go(path)
			p.Audit()
			p.Shot("court-" + name + "." + lang)
			p.Size(360, 740)
			for _, f := range p.AuditFaults() {
				t.Error(name, lang, 360, f)
			}
			p.Shot("court-" + name + ".360." + lang)
		}
	}
}
