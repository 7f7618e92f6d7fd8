package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/ledger/keyfile"
	"fieldseal/sync/store"

	"github.com/spf13/cobra"
)

func guardCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "guard", Short: "The guard: the newest checkpoint that was ever acknowledged", Example: "  fieldseal guard show --data /var/lib/fieldseal",
	}
	c.AddCommand(guardShowCommand(), guardAdoptCommand())
	return c
}

func guardShowCommand() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Print the newest checkpoint that was acknowledged", Args: cobra.NoArgs,
		Long:    "Print the newest checkpoint that was acknowledged, a signed note. A log that had to be frozen is continued by fieldseal successor; where the data directory is gone, by fieldseal init --predecessor with this checkpoint.",
		Example: "  fieldseal guard show --data /var/lib/fieldseal >last-checkpoint.txt",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			g, err := guard.Open(c.Context(), cfg.path(cfg.Guard))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, g.Close()) }()
			s, found, err := g.State(c.Context(), cfg.Origin)
			if err != nil {
				return err
			}
			if !found || s.Size == 0 {
				return fmt.Errorf("%s knows no checkpoint of the log %s", g.Path(), cfg.Origin)
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s: %d entries, acknowledged %s\n", s.Origin, s.Size, s.At.Format(time.RFC3339))
			_, err = c.OutOrStdout().Write(s.Note)
			return err
		},
	}
}

func guardAdoptCommand() *cobra.Command {
	var size int64
	c := &cobra.Command{
		Use: "adopt", Short: "After the guard was lost: take the database as it is for whole", Args: cobra.NoArgs,
		Long: "After the guard was lost: take the database as it is for whole. Whatever was acknowledged beyond it is given up and will not be missed by anybody. " +
			"First compare the number of entries with the newest checkpoint that any device (fieldkit status), witness or bundle holds: the database must have at least as many. " +
			"Name that number with --size, so that nobody adopts another state than the one that was looked at. Where the guard knows the log, nothing is adopted: this is no way round a database that is too old.",
		Example: "  fieldseal guard adopt --data /var/lib/fieldseal --size 48213",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			if err := adopt(c.Context(), cfg, size); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "the guard takes the %d entries of %s for all that was acknowledged; run fieldseal fsck --media before you serve\n", size, cfg.Origin)
			return nil
		},
	}
	c.Flags().Int64Var(&size, "size", 0, "the `number` of entries that the database has")
	_ = c.MarkFlagRequired("size")
	return c
}

func adopt(ctx context.Context, cfg Config, size int64) (err error) {
	key, err := keyfile.Load(filepath.Join(cfg.path(cfg.Keys), logKeyFile), cfg.Origin)
	if err != nil {
		return err
	}
	s, err := store.Open(ctx, cfg.store())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	var last store.CheckpointRow
	if err := s.Read(ctx, func(tx *store.Tx) error { last, _, err = tx.LastCheckpoint(); return err }); err != nil {
		return err
	}
	if last.Size != size || size == 0 {
		return fmt.Errorf("the database has %d entries, not %d; nothing was adopted", last.Size, size)
	}
	rootAt := func(ctx context.Context, size ledger.Size) (ledger.Hash, error) {
		return ledger.RootAt(ctx, store.Tiles{Store: s}, size)
	}
	signed, err := ledger.Sign(ledger.Checkpoint{Origin: cfg.Origin, Size: ledger.Size(size), Root: ledger.Hash(last.Root)}, key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(cfg.path(cfg.Guard)), 0o700); err != nil {
		return err
	}
	g, err := guard.Open(ctx, cfg.path(cfg.Guard))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return g.Adopt(ctx, signed, rootAt)
}

// predecessor reads the last checkpoint of the log that a new one continues; the
// name of no file: there is none.
func predecessor(file, reason string) (*event.LogPredecessor, error) {
	if file == "" {
		return nil, nil
	}
	note, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c, _, err := ledger.ParseUnverifiedCheckpoint(note)
	if err != nil {
		return nil, fmt.Errorf("%s is not a checkpoint: %w", file, err)
	}
	return &event.LogPredecessor{Origin: c.Origin, Size: int64(c.Size), Root: event.Root(c.Root), Checkpoint: string(note), Reason: reason}, nil
}
