// Package servers judges a server of the mobile contract: it enrols devices of its
// own with one-time codes, plays scenarios to it over HTTP, and checks every answer
// against what it computes itself. It leaves its events in the server's log for
// ever, as any device does: give it a server that is there to be tried.
//
// Every rule stands alone as far as it can: each begins chains or goes on with them
// from what the server has accepted, so that one broken rule does not break those
// behind it. Where enrolment itself fails, nothing else can be tried.
package servers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"fieldseal/mobile-contract/conformance"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// minCodes is the codes that a run needs: two devices, so that one can be tried beside the other.
const minCodes = 2

// Options are what a run needs.
type Options struct {
	// Server is the address, such as https://custody.example.
	Server string
	// Codes are unused one-time codes, two or more; those of one organisation let more be tried.
	Codes []string
	// HTTP is the client to use; nil for one of its own.
	HTTP *http.Client
	// Revoke, where set, has the key of a device revoked and returns when that is done;
	// it lets the rules about revoked devices be tried, with a third code.
	Revoke func(ctx context.Context, device event.UUID, key seal.KeyID) error
	// Only, where not empty, tries the rules alone whose names begin with one of these,
	// and those that the others stand on.
	Only []string
	// Progress, where set, is told each finding as it is made.
	Progress func(conformance.Finding)
}

// ErrOptions is wrapped by errors about options that no run can begin with.
var ErrOptions = errors.New("the run cannot begin")

// base is the rules that the others stand on.
var base = []string{"enrol.answer", "enrol.ed25519", "auth.device", "batch.accepted"}

func (o *Options) wants(rule string) bool {
	begins := func(prefix string) bool { return strings.HasPrefix(rule, prefix) }
	return len(o.Only) == 0 || slices.Contains(base, rule) || slices.ContainsFunc(o.Only, begins)
}

// rule is one rule and how to try it.
type rule struct {
	name, says string
	try        func(*run) error
}

// Run judges a server. The error is about the run itself (ErrOptions, a context
// that ended); what the server does wrong is in the report.
func Run(ctx context.Context, o Options) (*conformance.Report, error) {
	u, err := url.Parse(strings.TrimRight(o.Server, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%w: %q is not an address such as https://custody.example", ErrOptions, o.Server)
	}
	if len(o.Codes) < minCodes {
		return nil, fmt.Errorf("%w: %d one-time codes were given, at least %d are needed: one device is tried beside another", ErrOptions, len(o.Codes), minCodes)
	}
	r := newRun(ctx, o, u)
	report := &conformance.Report{Subject: "server " + u.String()}
	for _, group := range [][]rule{enrolling(), signingIn(), batches(), chains(), refusals(), packing(), reading(), proving(), files(), revoking(), form()} {
		for _, x := range group {
			if ctx.Err() != nil {
				return report, ctx.Err()
			}
			if !o.wants(x.name) {
				continue
			}
			f := report.Judge(x.name, x.says, func() error { return x.try(r) })
			if o.Progress != nil {
				o.Progress(f)
			}
		}
	}
	return report, nil
}
