package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"fieldseal/sync/ledger/keyfile"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/keeper"

	"github.com/spf13/cobra"
)

func initCommand() *cobra.Command {
	var cfg Config
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a data directory: a new key, the memory of what is cosigned, and the configuration",
		Long: "Make a data directory: a new key, the memory of what is cosigned, and the configuration. A witness whose memory was lost is not made anew: " +
			"its key may have cosigned something. See custody-witness reseed.",
		Example: "  custody-witness init --data /var/lib/custody-witness --name court.example.cn/witness \\\n" +
			"    --log custody.example.cn/log+1f3a5b7c+AQ… --marks /srv/other-disk/witness-marks.sqlite",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg.dir = dataDir(c)
			for name, path := range map[string]*string{"marks": &cfg.Marks, "tls-certificate": &cfg.TLS.Certificate, "tls-key": &cfg.TLS.Key} {
				if !c.Flags().Changed(name) {
					continue
				}
				abs, err := filepath.Abs(*path)
				if err != nil {
					return err
				}
				*path = abs // what a person names is relative to where they stand
			}
			return begin(c.Context(), c.OutOrStdout(), cfg)
		},
	}
	cfg = defaults("")
	f := c.Flags()
	f.StringVar(&cfg.Name, "name", "", "the witness's `name`, a URL without a scheme; it can never change")
	f.StringArrayVar(&cfg.Logs, "log", []string{}, "the verifier `key` of a ledger to witness; may be given several times, and added to the configuration later")
	f.StringVar(&cfg.Listen, "listen", cfg.Listen, "the `address` to serve on")
	f.StringVar(&cfg.Marks, "marks", cfg.Marks, "the `file` that tells whether the memory is the newest; on another disk if there is one")
	f.StringVar(&cfg.TLS.Certificate, "tls-certificate", "", "a PEM `file`")
	f.StringVar(&cfg.TLS.Key, "tls-key", "", "a PEM `file`")
	f.BoolVar(&cfg.BehindProxy, "behind-proxy", false, "a reverse proxy on a trusted network adds TLS")
	_ = c.MarkFlagRequired("name")
	return c
}

// begin makes the files, then the key, and the configuration last: a directory
// without configuration is not one yet, and one with a key is never given new files.
func begin(ctx context.Context, out io.Writer, cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	for _, path := range []string{filepath.Join(cfg.dir, configName), cfg.path(cfg.Key)} {
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			return errors.Join(fmt.Errorf("%s is there already; nothing was changed. A witness that has lost its memory goes on with: custody-witness reseed", path), err)
		}
	}
	for _, dir := range []string{cfg.dir, filepath.Dir(cfg.path(cfg.Key)), filepath.Dir(cfg.path(cfg.State)), filepath.Dir(cfg.path(cfg.Marks))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	key, err := witness.GenerateKey(cfg.Name)
	if err != nil {
		return err
	}
	if err := keeper.Create(ctx, cfg.files()); err != nil {
		return err
	}
	if err := keyfile.Create(cfg.path(cfg.Key), key.SecretText()); err != nil {
		return err
	}
	if err := cfg.save(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s is ready.\nwitness   %s\nkey       %s\nledgers   %d\nGive the key to the operators of the ledgers and to everyone who verifies bundles, by a way that the ledgers' operators do not control. "+
		"In a ledger's fieldseal.yaml:\n\nwitnesses:\n  - name: %s\n    key: %s\n    url: https://…\n", cfg.dir, cfg.Name, key.Text(), len(cfg.Logs), cfg.Name, key.Text())
	return err
}
