package browsertest_test

import (
	"strings"
	"testing"

	"fieldseal/api/console/browsertest"
	"fieldseal/api/server/servertest"
	"fieldseal/sync/event"
)

const doorPassword = "a password of a test 26"

// The way in and out, in both languages, on a telephone and on a large screen: a
// wrong password, the right one, the first page, an address of nothing, signing out.
func TestFrontDoor(t *testing.T) {
	s := servertest.Start(t)
	who, _ := s.Person("Chen Jing 陈静", s.Org, event.RoleAnalyst, event.RoleSupervisor)
	if err := s.Book.SetPassword(t.Context(), who, doorPassword); err != nil {
		t.Fatal(err)
	}
	for lang, v := range map[string]struct {
		accept, wrong, hello, nothing string
		width, height                 int64
	}{
		"en": {"en", "not right", "Hello, Chen Jing 陈静", "nothing here", 1280, 800},
		"zh": {"zh-CN", "不正确", "您好", "没有您有权查看的内容", 360, 740},
	} {
		t.Run(lang, func(t *testing.T) {
			p := browsertest.Open(t, s.URL)
			p.Size(v.width, v.height)
			p.Language(v.accept)
			p.Go("/desk/")
			if !strings.HasPrefix(p.Path(), "/desk/login") {
				t.Fatalf("a stranger is at %s", p.Path())
			}
			p.Audit()
			p.Shot("login." + lang)
			p.Expect("401") // what the browser's console says of a refused form
			p.Fill("input[name=login]", "login-"+who.String()[24:])
			p.Fill("input[name=password]", "wrong")
			p.Click("main form button")
			p.SeeText("[role=alert]", v.wrong)
			p.Audit()
			p.Fill("input[name=password]", doorPassword)
			p.Click("main form button")
			p.SeeText("h1", v.hello)
			p.Audit()
			p.Shot("home." + lang)
			p.Expect("404")
			p.Go("/desk/nothing")
			p.SeeText("main", v.nothing)
			p.Audit()
			p.Click(".menu summary")
			p.Click(".menu form button:not([name])")
			p.See("input[name=password]")
			p.Go("/desk/")
			p.See("input[name=password]")
		})
	}
}
