package console

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/projection"

	"github.com/gofiber/fiber/v2"
)

// A zone that a cookie names is taken from who is signed in and where it is one;
// strangers cannot have the pages made anew for each of six hundred.
func TestZoneCookie(t *testing.T) {
	for _, v := range []struct {
		cookie, signedIn, stranger string
	}{
		{"Asia/Shanghai", "Asia/Shanghai", "UTC"}, {"America/St_Johns", "America/St_Johns", "UTC"}, {"", "UTC", "UTC"}, {"Local", "UTC", "UTC"},
		{"../../etc/passwd", "UTC", "UTC"}, {"/etc/localtime", "UTC", "UTC"}, {"Asia/../../../etc/localtime", "UTC", "UTC"}, {"zone.tab", "UTC", "UTC"}, {"Asia", "UTC", "UTC"},
		{`Asia\Shanghai`, "UTC", "UTC"}, {"<script>", "UTC", "UTC"},
	} {
		var got [2]string
		app := fiber.New()
		app.Get("/", func(c *fiber.Ctx) error {
			got[1] = zoneOf(c).String()
			c.Locals(keyPerson, projection.Person{ID: event.UUID{1}})
			got[0] = zoneOf(c).String()
			return nil
		})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Cookie", zoneCookie+"="+v.cookie)
		res, err := app.Test(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got != [2]string{v.signedIn, v.stranger} {
			t.Errorf("%q: %q", v.cookie, got)
		}
	}
}
