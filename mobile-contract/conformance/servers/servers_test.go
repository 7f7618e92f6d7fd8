package servers_test

import (
	"context"
	"testing"

	"fieldseal/api/server/servertest"
	"fieldseal/mobile-contract/conformance"
	"fieldseal/mobile-contract/conformance/servers"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// options are those of a run against a server with codes for three people of one organisation.
func options(t *testing.T, s *servertest.Server, url string) servers.Options {
	t.Helper()
	o := servers.Options{Server: url}
	for _, name := range []string{"Li Wei", "Zhao Min", "Sun Hao"} {
		_, code := s.Person(name, s.Org)
		o.Codes = append(o.Codes, code)
	}
	o.Revoke = func(_ context.Context, device event.UUID, key seal.KeyID) error {
		s.Revoke(device, event.Digest(key), "tried by a conformance run")
		return nil
	}
	return o
}

func run(t *testing.T, o servers.Options) *conformance.Report {
	t.Helper()
	report, err := servers.Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestOurServer(t *testing.T) {
	s := servertest.Start(t)
	report := run(t, options(t, s, s.URL))
	for _, f := range report.Findings {
		if f.Outcome != conformance.Pass {
			t.Errorf("%s: %s: %s", f.Rule, f.Outcome, f.Reason)
		}
	}
	for _, f := range s.Fsck().Findings {
		t.Error(f)
	}
}
