package server_test

import (
	"net/http"
	"strings"
	"testing"

	"fieldseal/api/server"
	"fieldseal/api/server/servertest"
)

// Behind a reverse proxy one client must not use up the sign-ins of all others, nor
// get more of its own by writing into the header that names it.
func TestSignInsAreBoundedByClient(t *testing.T) {
	ask := func(s *servertest.Server, forwarded string) int {
		req, err := http.NewRequest(http.MethodPost, s.URL+"/v1/auth/challenge", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Forwarded-For", forwarded)
		res, err := plain.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	for _, proxied := range []bool{true, false} {
		s := servertest.StartWith(t, servertest.Options{Proxied: proxied})
		for i := range server.SignInsPerMinute {
			if got := ask(s, "198.51.100."+string(rune('0'+i%10))+", 203.0.113.7"); got != http.StatusOK {
				t.Fatalf("proxied %v: sign-in %d is answered %d", proxied, i+1, got)
			}
		}
		if got := ask(s, "198.51.100.99, 203.0.113.7"); got != http.StatusTooManyRequests {
			t.Errorf("proxied %v: one client asked too often and is answered %d", proxied, got)
		}
		want := http.StatusOK
		if !proxied {
			want = http.StatusTooManyRequests // the header says nothing of a client that is here itself
		}
		if got := ask(s, "203.0.113.7, 203.0.113.8"); got != want {
			t.Errorf("proxied %v: another client is answered %d, want %d", proxied, got, want)
		}
		for _, nonsense := range []string{"", "unknown", "203.0.113.9, ", "999.1.1.1"} {
			if got := ask(s, nonsense); got != http.StatusOK && got != http.StatusTooManyRequests {
				t.Errorf("X-Forwarded-For %q is answered %d", nonsense, got)
			}
		}
	}
}
