package main

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/server"
	"fieldseal/cmd/settings"
	"fieldseal/schema"
	"fieldseal/sync/ingest"
	"fieldseal/sync/rules"
	"fieldseal/sync/thumbnail"

	"github.com/spf13/cobra"
)

func serveCommand() *cobra.Command {
	var listen, logFormat string
	var mediaLost bool
	c := &cobra.Command{
		Use:     "serve",
		Short:   "Run the server until it is told to stop",
		Example: "  fieldseal serve --data /var/lib/fieldseal",
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
			if err := cfg.mediaThere(); err != nil && !mediaLost {
				return err
			}
			return serve(c.Context(), cfg, logFormat)
		},
	}
	c.Flags().StringVar(&listen, "listen", "", "serve on this `address` instead of the configured one")
	c.Flags().BoolVar(&mediaLost, "media-lost", false, "begin an empty media directory in the place of one that was lost")
	c.Flags().StringVar(&logFormat, "log-format", "text", "text or json")
	return c
}

func serve(ctx context.Context, cfg Config, logFormat string) error {
	log := settings.Logger(os.Stderr, cfg.Log, logFormat)
	h, err := openWith(ctx, cfg, log, ingest.Config{})
	if err != nil {
		return err
	}
	if err := h.watch(ctx); err != nil {
		return errors.Join(err, h.close())
	}
	if err := h.openDesks(); err != nil {
		return errors.Join(err, h.close())
	}
	s, done, err := newServer(h)
	if err != nil {
		return errors.Join(err, h.close())
	}
	l, err := cfg.listening().Open()
	if err != nil {
		done()
		return errors.Join(err, h.close())
	}
	log.Info("serving", "address", l.Addr().String(), "origin", cfg.Origin, "entries", h.engine.Size())
	stop, stopWitnesses := h.keepStamping(ctx), h.keepWitnessing(ctx)
	go debug.FreeOSMemory() // the password hasher's trial and the templates' making held twice what serving needs
	err = s.Serve(ctx, l)
	stop()
	stopWitnesses()
	done()
	return errors.Join(err, h.close())
}

func newServer(h *house) (*server.Server, func(), error) {
	key, err := tokenKey(h.cfg.path(h.cfg.Keys))
	if err != nil {
		return nil, nil, err
	}
	thumbs, err := thumbnail.Open(thumbnail.Config{Dir: h.cfg.path(h.cfg.Derivatives), Content: h.blobs, Failed: func(err error) { h.log.Error("thumbnail failed", "cause", err.Error()) }})
	if err != nil {
		return nil, nil, err
	}
	stamps, err := h.stamper()
	if err != nil {
		thumbs.Close()
		return nil, nil, err
	}
	var stamp func(context.Context, []byte) error
	if stamps != nil {
		stamp = stamps.Stamp
	}
	s, err := server.New(server.Config{Stamp: stamp, Witnesses: h.witnesses, Audience: h.cfg.PublicURL, Version: version, Proxied: h.cfg.BehindProxy, Former: h.formerBundle(), Fonts: h.fonts, Verifier: h.verifier, Guarded: func(ctx context.Context) error {
		_, _, err := h.guard.State(ctx, h.cfg.Origin)
		return err
	}}, server.Parts{Engine: h.engine, Store: h.store, Blobs: h.blobs, Thumbnails: thumbs, Book: h.book,
		Minter: access.NewMinter(key, h.cfg.PublicURL, time.Now), Log: h.log, Now: time.Now})
	return s, thumbs.Close, err
}

// defaultPack is the exact text of the newest rule pack that comes with the program.
func defaultPack() ([]byte, error) {
	p := rules.Default()
	return schema.Rules.ReadFile("rules/" + p.ID + "-" + p.Version + ".json")
}
