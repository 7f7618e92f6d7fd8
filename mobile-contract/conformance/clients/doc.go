// Package clients judges a client of the mobile contract: it starts the real
// server in a directory of its own, behind a go-between that breaks connections,
// answers "not now", spoils bytes, and tells lies, each a limited number of times.
// A client that keeps to the contract gets everything through in the end; what it
// believed on the way shows in what arrived.
//
// The lies are receipts for batches that never reached the server: a client that
// believes one has lost its events. Afterwards the go-between is honest for good, so
// that a client which asks again can come to its end.
//
// Nothing here knows the client: it may be a phone, an emulator or a command line.
package clients

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"fieldseal/sync/event"
)

const (
	// codeLife is how long the codes of a trial live: a working day of trying.
	codeLife = 12 * time.Hour
	// closeWait bounds the end of a trial.
	closeWait = 20 * time.Second
)

// Config is what a trial needs.
type Config struct {
	// Dir is an empty or new directory for the server's data.
	Dir string
	// Listen is the address that clients talk to; "127.0.0.1:0" where empty.
	Listen string
	// PublicURL is how clients reach it; made from the address where empty.
	PublicURL string
	// Clients is how many devices are tried; 1 where zero. All are of one organisation.
	Clients int
	// Tell, where set, is told each trouble as it is made, and each request if Verbose.
	Tell    func(string)
	Verbose bool
}

// Trial is a running trial.
type Trial struct {
	// URL and Codes are what the client needs to enrol: one code for each device.
	URL   string
	Codes []string

	house  *house
	proxy  *proxy
	served sync.WaitGroup
	server *http.Server
	failed error
}

// Start begins a trial. Close ends it.
func Start(ctx context.Context, cfg Config) (t *Trial, err error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Clients == 0 {
		cfg.Clients = 1
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("the trial cannot listen on %s: %w", cfg.Listen, err)
	}
	t = &Trial{URL: cfg.PublicURL}
	if t.URL == "" {
		t.URL = "http://" + l.Addr().String()
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close(), t.Close())
		}
	}()
	if t.house, err = openHouse(ctx, cfg.Dir, t.URL); err != nil {
		return t, err
	}
	for i := range cfg.Clients {
		code, err := t.house.person(ctx, fmt.Sprintf("Inspector %d", i+1))
		if err != nil {
			return t, err
		}
		t.Codes = append(t.Codes, code)
	}
	if t.proxy, err = newProxy(t.house, cfg); err != nil {
		return t, err
	}
	t.server = &http.Server{Handler: t.proxy, ReadHeaderTimeout: time.Minute}
	t.served.Go(func() {
		if err := t.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.failed = err
		}
	})
	return t, nil
}

// Left names the troubles that are still to come; a trial is complete without them.
func (t *Trial) Left() []string { return t.proxy.left() }

// Fingerprint is the authority's key id, as a person would be told it by other means.
func (t *Trial) Fingerprint() event.Digest {
	return event.Digest(t.house.engine.AuthorityKey().ID())
}

// Close ends the trial; the data directory stays.
func (t *Trial) Close() error {
	var faults []error
	if t.server != nil {
		faults = append(faults, t.server.Close())
		t.served.Wait()
		faults = append(faults, t.failed)
	}
	if t.house != nil {
		faults = append(faults, t.house.close())
	}
	return errors.Join(faults...)
}
