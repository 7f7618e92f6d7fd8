package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"fieldseal/api/access"
	"fieldseal/sync/blob"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/ledger/keyfile"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// stages draws a bar for each stage on a terminal, and nothing elsewhere.
func stages(w io.Writer) func(stage string, done, total int64) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	var bar *progressbar.ProgressBar
	var at string
	return func(stage string, done, total int64) {
		if stage != at {
			bar, at = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(stage), progressbar.OptionClearOnFinish()), stage
		}
		_ = bar.Set64(done)
	}
}

func fsckCommand() *cobra.Command {
	var media, models, asJSON bool
	c := &cobra.Command{
		Use: "fsck", Short: "Verify everything anew, from the exact bytes to the root, and name what is wrong", Args: cobra.NoArgs,
		Long:    "Verify everything anew, from the exact bytes to the root, and name what is wrong. Nothing is changed. Exit status 0 where all is well, 1 where something is wrong, 2 where it could not be checked.",
		Example: "  fieldseal fsck --data /var/lib/fieldseal --media --models",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			r, err := fsck(c, cfg, media, models)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(c.OutOrStdout(), r)
			} else {
				say(c.OutOrStdout(), r)
			}
			if err == nil && !r.OK() {
				err = errNo
			}
			return err
		},
	}
	c.Flags().BoolVar(&media, "media", false, "also hash every file anew")
	c.Flags().BoolVar(&models, "models", false, "also compare the read models with a rebuild")
	c.Flags().BoolVar(&asJSON, "json", false, "JSON for scripts")
	return c
}

// fsck opens the parts without the engine, which would refuse a damaged log.
func fsck(c *cobra.Command, cfg Config, media, models bool) (r ingest.Report, err error) {
	ctx := c.Context()
	key, err := keyfile.Load(filepath.Join(cfg.path(cfg.Keys), logKeyFile), cfg.Origin)
	if err != nil {
		return r, err
	}
	s, err := store.Open(ctx, cfg.store())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	g, err := guard.Open(ctx, cfg.path(cfg.Guard))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	o := ingest.FsckOptions{LogKey: key.VerifierText(), Guard: g, Projections: models, Progress: stages(c.ErrOrStderr())}
	if media {
		blobs, err := blob.OpenFiles(blob.FilesConfig{Dir: cfg.path(cfg.Media)})
		if err != nil {
			return r, err
		}
		o.Media = func(ctx context.Context, sha event.Digest, _ int64) error { return blobs.Verify(ctx, blob.Digest(sha)) }
	}
	return ingest.Fsck(ctx, s, o)
}

func say(w io.Writer, r ingest.Report) {
	for _, f := range r.Findings {
		word := "WRONG"
		if f.Advisory {
			word = "note"
		}
		fmt.Fprintf(w, "%-6s %s\n", word, f)
	}
	if r.More {
		fmt.Fprintln(w, "… and more")
	}
	verdict := "all is well"
	if !r.OK() {
		verdict = "something is wrong: keep a copy of the data directory as it is before anything else"
	}
	fmt.Fprintf(w, "%d entries: %d events, %d quarantined lines, %d checkpoints, %d files; root %s\n%s\n", r.Size, r.Events, r.Quarantined, r.Checkpoints, r.Files, r.Root, verdict)
}

func rebuildCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rebuild", Short: "Drop the read models and compute them anew from the ledger", Args: cobra.NoArgs,
		Example: "  fieldseal rebuild --data /var/lib/fieldseal",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			s, err := store.Open(c.Context(), cfg.store())
			if err != nil {
				return err
			}
			var entries int64
			bar := stages(c.ErrOrStderr())
			err = projection.Rebuild(c.Context(), s, func(done, total int64) {
				entries = total
				if bar != nil {
					bar("rebuild", done, total)
				}
			})
			if err = errors.Join(err, s.Close()); err == nil {
				fmt.Fprintf(c.OutOrStdout(), "rebuilt from %d ledger entries\n", entries)
			}
			return err
		},
	}
}

func restoreCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restore FILE", Short: "Put a backup in the place of a lost database, if the guard lets it", Args: cobra.ExactArgs(1),
		Long: "Put a backup in the place of a lost database. The database file must be gone (move a damaged one away; do not delete it). " +
			"The guard compares the backup with the newest checkpoint that was ever acknowledged: a backup that lacks acknowledged evidence is refused, and the refusal says what is missing and what the ways out are.",
		Example: "  mv /var/lib/fieldseal/fieldseal.sqlite /var/lib/fieldseal/damaged.sqlite\n  fieldseal restore --data /var/lib/fieldseal /backup/fieldseal-2026-11-24.sqlite",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			return restore(c, cfg, args[0])
		},
	}
}

func restore(c *cobra.Command, cfg Config, from string) error {
	sc := cfg.store()
	if sc.Driver != store.SQLite {
		return errors.New("this server uses PostgreSQL: restore with its own tools, then start the server; the guard judges the result")
	}
	for _, ending := range []string{"", "-wal", "-shm"} {
		if _, err := os.Lstat(sc.Path + ending); err == nil {
			return fmt.Errorf("%s is there: move it away first, with its -wal and -shm files; nothing was changed", sc.Path+ending)
		}
	}
	if err := copyFile(from, sc.Path); err != nil {
		return err
	}
	h, err := openHouse(c.Context(), cfg.dir, nil)
	if err != nil {
		return errors.Join(err, os.Rename(sc.Path, sc.Path+".refused"))
	}
	codes, err := access.Restored(c.Context(), h.store)
	if err != nil {
		return errors.Join(err, h.close())
	}
	fmt.Fprintf(c.OutOrStdout(), "restored %d ledger entries; everybody signs in anew with the password of the backup, %d open enrolment codes were ended; run fieldseal fsck --media before you serve\n", h.engine.Size(), codes)
	return h.close()
}

// copyFile copies durably to a name that does not exist.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
