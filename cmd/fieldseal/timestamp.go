package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"fieldseal/sync/bundle/source"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/stamp"
	"fieldseal/sync/stamp/authority"
	"fieldseal/sync/stamp/collector"
	"fieldseal/sync/store"

	"github.com/spf13/cobra"
)

// TimestampConfig is a time-stamping authority (RFC 3161) that stamps checkpoints.
type TimestampConfig struct {
	// Name is how it is called in bundles and messages: a-z, 0-9 and -.
	Name string `yaml:"name"`
	// URL is where it answers, http or https; its answers are signed either way.
	URL string `yaml:"url"`
	// Roots is a PEM file with the root certificate that its own must lead to, and
	// whatever its tokens leave out in between.
	Roots string `yaml:"roots"`
	// Policies are the accepted policies in dots; none means any.
	Policies []string `yaml:"policies,omitempty"`
	// Timeout bounds a request; none means 15s.
	Timeout time.Duration `yaml:"timeout,omitempty"`
}

func (t TimestampConfig) authority(r *stamp.Roots) authority.Config {
	return authority.Config{Name: t.Name, URL: t.URL, Roots: r, Policies: t.Policies, Timeout: t.Timeout}
}

// timestampFaults are the faults of the configuration, as far as they show without reading files.
func (c Config) timestampFaults() (faults []error) {
	seen := map[string]bool{}
	for _, t := range c.Timestamps {
		if err := t.authority(&stamp.Roots{}).Validate(); err != nil {
			faults = append(faults, fmt.Errorf("timestamps: %w", err))
		}
		if seen[t.Name] {
			faults = append(faults, fmt.Errorf("timestamps: two authorities are named %s", t.Name))
		}
		seen[t.Name] = true
		if t.Roots == "" {
			faults = append(faults, fmt.Errorf("timestamps: %s: roots is missing; name a PEM file with the authority's root certificate", t.Name))
		}
	}
	if c.TimestampEvery != 0 && c.TimestampEvery < collector.MinEvery {
		faults = append(faults, fmt.Errorf("timestamp_every %s is below %s", c.TimestampEvery, collector.MinEvery))
	}
	return faults
}

// stamper has checkpoints time-stamped; nil where no authority is configured.
func (h *house) stamper() (*collector.Collector, error) {
	if len(h.cfg.Timestamps) == 0 || h.stamps != nil {
		return h.stamps, nil
	}
	var list []*authority.Authority
	for _, t := range h.cfg.Timestamps {
		text, err := os.ReadFile(h.cfg.path(t.Roots))
		if err != nil {
			return nil, fmt.Errorf("timestamps: %s: %w", t.Name, err)
		}
		roots, err := stamp.ParseRoots(text)
		if err != nil {
			return nil, fmt.Errorf("timestamps: %s: %s: %w", t.Name, h.cfg.path(t.Roots), err)
		}
		a, err := authority.New(t.authority(roots))
		if err != nil {
			return nil, fmt.Errorf("timestamps: %w", err)
		}
		list = append(list, a)
	}
	var err error
	h.stamps, err = collector.New(collector.Config{Engine: h.engine, Store: h.store, Authorities: list, Every: h.cfg.TimestampEvery, Log: h.log, Note: h.newestNote})
	return h.stamps, err
}

func (h *house) newestNote(ctx context.Context) ([]byte, error) {
	return source.Newest(ctx, h.engine, h.store)
}

// keepStamping stamps on the schedule until the function that it gives is called.
func (h *house) keepStamping(ctx context.Context) (stop func()) {
	if h.stamps == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { h.stamps.Run(ctx) })
	return func() {
		cancel()
		wg.Wait()
	}
}

var errNoTimestamps = errors.New("no time-stamping authority is configured: add one under timestamps in fieldseal.yaml, with name, url and roots")

func timestampCommand() *cobra.Command {
	c := &cobra.Command{Use: "timestamp", Short: "Have the ledger time-stamped (RFC 3161), and look at its time-stamps", Example: "  fieldseal timestamp now"}
	c.AddCommand(&cobra.Command{
		Use: "now", Short: "Have the newest checkpoint stamped by every configured authority", Args: cobra.NoArgs,
		Long:    "Have the newest checkpoint stamped by every configured authority, beside the server's own schedule: to try a configuration, or before something that might cut the line.",
		Example: "  fieldseal timestamp now --data /var/lib/fieldseal",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				k, err := h.stamper()
				if err != nil {
					return err
				}
				if k == nil {
					return errNoTimestamps
				}
				note, err := h.newestNote(ctx)
				if err != nil {
					return err
				}
				if err := k.Stamp(ctx, note); err != nil {
					return err
				}
				checkpoint, _, err := ledger.ParseUnverifiedCheckpoint(note)
				if err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "the checkpoint of %d entries is time-stamped by %d authorities\n", checkpoint.Size, len(h.cfg.Timestamps))
				return nil
			})
		},
	})
	var asJSON bool
	list := &cobra.Command{
		Use: "list", Short: "List the newest time-stamps", Args: cobra.NoArgs, Example: "  fieldseal timestamp list --json",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				rows, err := listTimestamps(ctx, h)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(c.OutOrStdout(), rows)
				}
				return table(c.OutOrStdout(), "ENTRIES\tTIME\tAUTHORITY\tMADE BY\tPOLICY", func(add func(...any)) {
					for _, r := range rows {
						add(r.Size, r.Time.Format(time.RFC3339), r.Authority, r.MadeBy, r.Policy)
					}
				})
			})
		},
	}
	list.Flags().BoolVar(&asJSON, "json", false, "JSON for scripts")
	c.AddCommand(list)
	return c
}

// timestampRow is a kept token. It was verified when it was taken in.
type timestampRow struct {
	Size      int64     `json:"size"`
	Time      time.Time `json:"time"`
	Authority string    `json:"authority"`
	MadeBy    string    `json:"made_by"`
	Policy    string    `json:"policy"`
}

// listedTimestamps is how many are listed: two weeks of one authority by the hour.
const listedTimestamps = 336

func listTimestamps(ctx context.Context, h *house) (rows []timestampRow, err error) {
	var kept []ingest.Token
	err = h.store.Read(ctx, func(tx *store.Tx) error {
		kept, err = ingest.NewestTokens(tx, listedTimestamps)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, k := range kept {
		t, err := stamp.Parse(k.Token)
		if err != nil {
			return nil, fmt.Errorf("the token by %s over %d entries: %w; run fieldseal fsck", k.Authority, k.Size, err)
		}
		rows = append(rows, timestampRow{Size: k.Size, Time: t.Info().Time, Authority: k.Authority, MadeBy: t.Authority(), Policy: t.Info().Policy})
	}
	return rows, nil
}
