package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"sync"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/collect"
)

// evidenceDir is the folder, within a data directory, for what shows another
// history of the ledger. It is not in the database, which may be the one that is wrong.
const evidenceDir = "witness-evidence"

// WitnessConfig is a witness (C2SP tlog-witness) that cosigns checkpoints.
type WitnessConfig struct {
	// Name is what people here call it.
	Name string `yaml:"name"`
	// Key is its verifier key (vkey), had from its operator by a way that nobody else controls.
	Key string `yaml:"key"`
	// URL is its submission prefix: https, or http on this machine.
	URL string `yaml:"url"`
	// CA is a PEM file with the certificates that its own leads to; the system's where it is left out.
	CA string `yaml:"ca,omitempty"`
}

// witnessQuorum is how many witnesses must cosign.
func (c Config) witnessQuorum() int {
	if c.Quorum == 0 {
		return witness.Majority(len(c.Witnesses))
	}
	return c.Quorum
}

// witnessFaults are the faults of the configuration, as far as they show without reading files.
func (c Config) witnessFaults() (faults []error) {
	if len(c.Witnesses) == 0 {
		if c.Quorum != 0 {
			faults = append(faults, fmt.Errorf("quorum is %d, and no witnesses are configured", c.Quorum))
		}
		return faults
	}
	var list []collect.Witness
	for _, w := range c.Witnesses {
		v, err := witness.ParseVerifier(w.Key)
		if err != nil {
			faults = append(faults, fmt.Errorf("witnesses: %s: key: %w", w.Name, err))
			continue
		}
		list = append(list, collect.Witness{Name: w.Name, Key: v, URL: w.URL})
	}
	if len(faults) > 0 {
		return faults
	}
	if err := collect.CheckQuorum(list, c.witnessQuorum()); err != nil {
		faults = append(faults, fmt.Errorf("witnesses: %w", err))
	}
	return faults
}

// witnesses are the configured ones, with their clients.
func (c Config) witnesses() (list []collect.Witness, err error) {
	for _, w := range c.Witnesses {
		v, err := witness.ParseVerifier(w.Key)
		if err != nil {
			return nil, fmt.Errorf("witnesses: %s: key: %w", w.Name, err)
		}
		client, err := c.witnessClient(w)
		if err != nil {
			return nil, err
		}
		list = append(list, collect.Witness{Name: w.Name, Key: v, URL: w.URL, Client: client})
	}
	return list, nil
}

func (c Config) witnessClient(w WitnessConfig) (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if w.CA == "" {
		return &http.Client{Transport: t}, nil
	}
	pem, err := os.ReadFile(c.path(w.CA))
	if err != nil {
		return nil, fmt.Errorf("witnesses: %s: ca: %w", w.Name, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("witnesses: %s: %s has no certificate in PEM", w.Name, c.path(w.CA))
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return &http.Client{Transport: t}, nil
}

// watch makes what collects the cosignatures of the witnesses, where any are
// configured. keepWitnessing runs it.
func (h *house) watch(ctx context.Context) error {
	if len(h.cfg.Witnesses) == 0 {
		return nil
	}
	list, err := h.cfg.witnesses()
	if err != nil {
		return err
	}
	logKey, err := ledger.ParseVerifier(h.engine.LogKey())
	if err != nil {
		return err
	}
	h.grown = h.engine.Subscribe()
	h.witnesses, err = collect.Open(ctx, collect.Config{Log: h.engine, LogKey: logKey, Store: h.store, Grown: h.grown.C, Witnesses: list,
		Quorum: h.cfg.witnessQuorum(), Evidence: h.cfg.path(evidenceDir), Logger: h.log})
	if err != nil {
		h.grown.Close()
	}
	return err
}

// keepWitnessing collects until the function that it gives is called.
func (h *house) keepWitnessing(ctx context.Context) (stop func()) {
	if h.witnesses == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { h.witnesses.Run(ctx) })
	return func() {
		cancel()
		wg.Wait()
		h.grown.Close()
	}
}

// witnessed says what the cosignatures of a bundle's checkpoint come to.
func (h *house) witnessed(cosignatures int64) string {
	n, quorum := len(h.cfg.Witnesses), h.cfg.witnessQuorum()
	if cosignatures < int64(quorum) {
		return fmt.Sprintf("NOT WITNESSED: %d of %d witnesses have cosigned its checkpoint, %d are needed; make it again when they answer", cosignatures, n, quorum)
	}
	return fmt.Sprintf("cosigned by %d of %d witnesses", cosignatures, n)
}
