package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"fieldseal/cmd/settings"
	"fieldseal/sync/witness/keeper"

	"github.com/spf13/cobra"
)

// drain is how long a stopping witness waits for requests that run: one takes
// milliseconds, and the lock of another process at most ten seconds.
const drain = 15 * time.Second

func serveCommand() *cobra.Command {
	var listen, logFormat string
	c := &cobra.Command{
		Use:     "serve",
		Short:   "Answer add-checkpoint until told to stop",
		Example: "  custody-witness serve --data /var/lib/custody-witness",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			if listen != "" {
				cfg.Listen = listen
				if err := cfg.Validate(); err != nil {
					return err
				}
			}
			return serve(c.Context(), cfg, settings.Logger(c.ErrOrStderr(), cfg.Log, logFormat))
		},
	}
	c.Flags().StringVar(&listen, "listen", "", "serve on this `address` instead of the configured one")
	c.Flags().StringVar(&logFormat, "log-format", "text", "text or json")
	return c
}

func serve(ctx context.Context, cfg Config, log *slog.Logger) (err error) {
	key, err := cfg.signer()
	if err != nil {
		return err
	}
	logs, err := cfg.logs()
	if err != nil {
		return err
	}
	k, err := keeper.Open(ctx, cfg.files())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	l, err := cfg.listening().Open("http/1.1")
	if err != nil {
		return err
	}
	if len(logs) == 0 {
		log.Warn("no ledger is witnessed; name their keys in logs", "file", configName)
	}
	log.Info("witnessing", "address", l.Addr().String(), "prefix", cfg.Prefix, "witness", key.Text(), "ledgers", len(logs))
	var h http.Handler = &keeper.Handler{Keeper: k, Key: key, Logs: logs, Log: log}
	if cfg.Prefix != "" {
		h = http.StripPrefix(cfg.Prefix, h)
	}
	s := keeper.NewServer(h, log)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err = <-ended: // it never ends by itself but for a fault
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := s.Shutdown(stop); err != nil {
		return fmt.Errorf("requests were cut short: %w", errors.Join(err, s.Close()))
	}
	log.Info("stopped")
	return nil
}
