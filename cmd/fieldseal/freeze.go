package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/store"

	"github.com/spf13/cobra"
)

func freezeCommand() *cobra.Command {
	var reason string
	var lost bool
	c := &cobra.Command{
		Use: "freeze", Short: "End the log for ever, and print its last checkpoint", Args: cobra.NoArgs,
		Long: "End the log for ever, and print its last checkpoint. Nothing is appended to it any more, by no process and after no restore; what it holds is still served, proven and bundled, and witnesses go on to cosign its last checkpoint. " +
			"Run it again later to print that checkpoint with the cosignatures that have come in. A successor begins with it: fieldseal successor.\n\n" +
			"Where the database is lost or older than what was acknowledged, and recovery is impossible (fieldseal recover), --lost freezes the log at the last checkpoint that the guard knows.",
		Example: "  fieldseal freeze --data /var/lib/fieldseal --reason \"moving to the provincial server\" >last-checkpoint.txt",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			end, err := freeze(c.Context(), cfg, reason, lost)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s is frozen at %d entries since %s: %s\n", cfg.Origin, end.state.Size, end.state.FrozenAt.Format(time.RFC3339), end.state.Why)
			if end.cosigned < 2 {
				fmt.Fprintln(c.ErrOrStderr(), "no witness has cosigned the last checkpoint yet")
			}
			_, err = c.OutOrStdout().Write(end.note)
			return err
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "`why` it ends; it is kept and shown, and goes on the successor's ledger")
	c.Flags().BoolVar(&lost, "lost", false, "freeze at what was acknowledged, although the database lacks some of it")
	return c
}

// ending is the end of a frozen log.
type ending struct {
	state guard.State
	// note is the last checkpoint with the most signatures that are known, cosigned their number.
	note     []byte
	cosigned int
}

func freeze(ctx context.Context, cfg Config, reason string, lost bool) (end ending, err error) {
	g, err := guard.Open(ctx, cfg.path(cfg.Guard))
	if err != nil {
		return end, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	state, known, err := g.State(ctx, cfg.Origin)
	if err != nil {
		return end, err
	}
	if known && !state.Frozen() {
		if reason == "" {
			return end, errors.New("a log is frozen for ever: say why with --reason")
		}
		if err := freezeNow(ctx, cfg, g, state, reason, lost); err != nil {
			return end, err
		}
	}
	return lastOf(ctx, cfg, g)
}

// freezeNow freezes a whole log in the database and the guard, a lost one in the guard alone.
func freezeNow(ctx context.Context, cfg Config, g *guard.Guard, state guard.State, reason string, lost bool) error {
	h, err := openHouse(ctx, cfg.dir, nil)
	if err == nil {
		_, err = h.engine.Freeze(ctx, reason)
		return errors.Join(err, h.close())
	}
	if !errors.As(err, new(*guard.RollbackError)) || state.Size == 0 {
		return err
	}
	if !lost {
		return fmt.Errorf("%w. To freeze the log at what was acknowledged, which gives up the recovery of what is missing: fieldseal freeze --lost", err)
	}
	return g.Freeze(ctx, ledger.Checkpoint{Origin: state.Origin, Size: state.Size, Root: state.Root}, reason)
}

// lastOf gives the last checkpoint of a frozen log with the cosignatures that the database has.
func lastOf(ctx context.Context, cfg Config, g *guard.Guard) (end ending, err error) {
	var known bool
	if end.state, known, err = g.State(ctx, cfg.Origin); err != nil {
		return end, err
	}
	if !known || !end.state.Frozen() {
		return end, fmt.Errorf("the log %s is not frozen; freeze it first: fieldseal freeze --data %s --reason …", cfg.Origin, cfg.dir)
	}
	end.note, end.cosigned = end.state.Note, 1
	s, err := store.Open(ctx, cfg.store())
	if err != nil {
		return end, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return end, s.Read(ctx, func(tx *store.Tx) error {
		return tx.EachCosigned(func(_ event.Digest, size int64, text string, err error) error {
			if err != nil || size != int64(end.state.Size) {
				return err
			}
			c, sigs, err := ledger.ParseUnverifiedCheckpoint([]byte(text))
			if err == nil && c.Root == end.state.Root && len(sigs) > end.cosigned {
				end.note, end.cosigned = []byte(text), len(sigs)
			}
			return err
		})
	})
}
