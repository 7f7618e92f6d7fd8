package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/console/checker"
	"fieldseal/sync/blob"
	"fieldseal/sync/certificate"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/ledger/keyfile"
	"fieldseal/sync/stamp/collector"
	"fieldseal/sync/store"
	"fieldseal/sync/witness/collect"

	"github.com/spf13/cobra"
)

// house is an open data directory.
type house struct {
	cfg    Config
	store  *store.Store
	guard  *guard.Guard
	engine *ingest.Engine
	blobs  *blob.Files
	book   *access.Book
	stamps *collector.Collector // once stamper has made it
	// witnesses and what wakes it are there once watch has made them.
	witnesses *collect.Collector
	grown     *ingest.Subscription
	log       *slog.Logger
	// fonts and verifier are what the desks give out, once openDesks has read them.
	fonts    *certificate.Fonts
	verifier *checker.Files
}

func dataDir(c *cobra.Command) string {
	dir, _ := c.Flags().GetString("data")
	return dir
}

// openHouse opens everything that a command needs. It may run beside a server on
// the same data: the database's lock orders what both append.
func openHouse(ctx context.Context, dir string, log *slog.Logger) (h *house, err error) {
	cfg, err := loadConfig(dir)
	if err != nil {
		return nil, err
	}
	if err := cfg.mediaThere(); err != nil {
		return nil, err
	}
	return openWith(ctx, cfg, log, ingest.Config{})
}

func openWith(ctx context.Context, cfg Config, log *slog.Logger, ic ingest.Config) (h *house, err error) {
	h = &house{cfg: cfg, log: log}
	if h.log == nil {
		h.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if ic.AuthorityKey, err = loadAuthorityKey(cfg.path(cfg.Keys)); err != nil {
		return h, err
	}
	if ic.LogKey, err = keyfile.Load(filepath.Join(cfg.path(cfg.Keys), logKeyFile), cfg.Origin); err != nil {
		return h, err
	}
	if h.store, err = store.Open(ctx, cfg.store()); err != nil {
		return h, err
	}
	if h.guard, err = guard.Open(ctx, cfg.path(cfg.Guard)); err != nil {
		return h, err
	}
	if h.blobs, err = blob.OpenFiles(blob.FilesConfig{Dir: cfg.path(cfg.Media)}); err != nil {
		return h, err
	}
	hasher, err := access.NewHasher()
	if err != nil {
		return h, err
	}
	h.book = &access.Book{Store: h.store, Hasher: hasher}
	ic.Store, ic.Guard, ic.Logger = h.store, h.guard, h.log
	h.engine, err = ingest.Open(ctx, ic)
	return h, err
}

// closeWait bounds the end of what is being committed.
const closeWait = 20 * time.Second

func (h *house) close() error {
	var faults []error
	if h.engine != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeWait)
		defer cancel()
		faults = append(faults, h.engine.Close(ctx))
	}
	if h.guard != nil {
		faults = append(faults, h.guard.Close())
	}
	if h.store != nil {
		faults = append(faults, h.store.Close())
	}
	return errors.Join(faults...)
}

// within runs fn with the data directory of a command open.
func within(c *cobra.Command, fn func(context.Context, *house) error) error {
	h, err := openHouse(c.Context(), dataDir(c), nil)
	if err != nil {
		return err
	}
	return errors.Join(fn(c.Context(), h), h.close())
}

func initCommand() *cobra.Command {
	var name, nameZH, origin, listen, url, database, last, reason string
	c := &cobra.Command{
		Use:     "init",
		Short:   "Make a data directory: keys, configuration and the log's first entry",
		Example: "  fieldseal init --data /var/lib/fieldseal --name \"City Environment Bureau\" --name-zh 市生态环境局 --origin custody.example.cn/log",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg := defaults(dataDir(c))
			cfg.Origin, cfg.Database = origin, database
			if listen != "" {
				cfg.Listen, cfg.PublicURL = listen, "http://"+listen
			}
			if url != "" {
				cfg.PublicURL = url
			}
			old, err := predecessor(last, reason)
			if err != nil {
				return err
			}
			if old != nil && old.Origin == origin {
				return fmt.Errorf("%s is a checkpoint of %s itself; a successor has a name of its own", last, origin)
			}
			return begin(c, cfg, ingest.Config{Name: name, NameZH: nameZH, Predecessor: old})
		},
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "the authority's `name`")
	f.StringVar(&nameZH, "name-zh", "", "the authority's Chinese `name`")
	f.StringVar(&origin, "origin", "", "the ledger's `name`, such as custody.example.cn/log; it can never change")
	f.StringVar(&listen, "listen", "", "the `address` to serve on (127.0.0.1:8080)")
	f.StringVar(&url, "public-url", "", "how devices reach the server")
	f.StringVar(&database, "database", "", "a postgres:// `address`; the embedded SQLite without it")
	f.StringVar(&last, "predecessor", "", "a `file` with the last checkpoint of a frozen log that this one continues (fieldseal guard show)")
	f.StringVar(&reason, "reason", "the log that this one continues was frozen", "`why` it was frozen; it goes on the ledger")
	_ = c.MarkFlagRequired("name")
	_ = c.MarkFlagRequired("origin")
	return c
}

func begin(c *cobra.Command, cfg Config, ic ingest.Config) error {
	if err := layOut(cfg); err != nil {
		return err
	}
	h, err := openWith(c.Context(), cfg, nil, ic)
	if err != nil {
		return err
	}
	if err := cfg.save(); err != nil { // last: a directory without it is not one yet
		return errors.Join(err, h.close())
	}
	ready(c, h)
	return h.close()
}

// layOut makes the directories and the keys of a new data directory.
func layOut(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(cfg.dir, configName)); err == nil {
		return fmt.Errorf("%s is a data directory already; nothing was changed", cfg.dir)
	}
	keys := cfg.path(cfg.Keys)
	if _, err := os.Stat(filepath.Join(keys, authorityKeyFile)); err == nil {
		return fmt.Errorf("%s has keys and no %s: it is left from a command that was cut short. Remove it, and run the command again; nothing was changed", cfg.dir, configName)
	}
	for _, dir := range []string{cfg.dir, keys, filepath.Dir(cfg.path(cfg.Guard)), cfg.path(cfg.Media), cfg.path(cfg.Derivatives)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if _, err := createAuthorityKey(keys); err != nil {
		return err
	}
	_, _, err := keyfile.LoadOrCreate(filepath.Join(keys, logKeyFile), cfg.Origin)
	return err
}

// ready says what a new data directory is.
func ready(c *cobra.Command, h *house) {
	fmt.Fprintf(c.OutOrStdout(), "%s is ready.\nledger     %s\nlog key    %s\nauthority  key %s\nKeep a copy of %s apart from every backup of the database; whoever has it can sign in the authority's name.\n",
		h.cfg.dir, h.cfg.Origin, h.engine.LogKey(), h.engine.AuthorityKey().ID(), h.cfg.path(h.cfg.Keys))
}

func backupCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "backup FILE",
		Short:   "Write a consistent copy of the database, also while the server runs",
		Long:    "Write a consistent copy of the embedded database, also while the server runs. Files of the media directory are named by their content and never change: copy them with any tool. The guard's database is never copied: it is what tells an old copy from the newest.",
		Example: "  fieldseal backup --data /var/lib/fieldseal /backup/fieldseal-2026-11-24.sqlite",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				if err := h.store.Backup(ctx, args[0]); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "wrote %s\n", args[0])
				return nil
			})
		},
	}
}
