package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"fieldseal/sync/bundle"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/spf13/cobra"
)

func caseCommand() *cobra.Command {
	c := &cobra.Command{Use: "case", Short: "Look at cases", Example: "  fieldseal case list"}
	var asJSON bool
	list := &cobra.Command{Use: "list", Short: "List cases", Args: cobra.NoArgs, Example: "  fieldseal case list --json", RunE: func(c *cobra.Command, _ []string) error {
		return within(c, func(ctx context.Context, h *house) error {
			return h.store.Read(ctx, func(tx *store.Tx) error {
				cases, err := projection.Cases(tx)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(c.OutOrStdout(), cases)
				}
				return table(c.OutOrStdout(), "NUMBER\tTITLE\tEVENTS\tITEMS\tFILES\tID", func(add func(...any)) {
					for _, k := range cases {
						add(k.Number, k.Title, k.Events, k.Items, k.Media, k.ID)
					}
				})
			})
		})
	}}
	list.Flags().BoolVar(&asJSON, "json", false, "JSON for scripts")
	items := &cobra.Command{Use: "items CASE", Short: "List a case's exhibits", Args: cobra.ExactArgs(1), Example: "  fieldseal case items 2026-HW-017", RunE: func(c *cobra.Command, args []string) error {
		return within(c, func(ctx context.Context, h *house) error {
			return h.store.Read(ctx, func(tx *store.Tx) error {
				k, err := caseNamed(tx, args[0])
				if err != nil {
					return err
				}
				list, err := projection.ItemsOf(tx, k.ID)
				if err != nil {
					return err
				}
				return table(c.OutOrStdout(), "KIND\tLABEL\tID", func(add func(...any)) {
					for _, i := range list {
						add(i.Kind, i.Label, i.ID)
					}
				})
			})
		})
	}}
	c.AddCommand(list, items)
	return c
}

// chosen gives a case by its number or id, and of the exhibits those that are named.
func chosen(ctx context.Context, h *house, number string, items []string) (id event.UUID, refs []event.Ref, err error) {
	err = h.store.Read(ctx, func(tx *store.Tx) error {
		k, err := caseNamed(tx, number)
		if err != nil {
			return err
		}
		id = k.ID
		refs, err = exhibits(tx, k.ID, items)
		return err
	})
	return id, refs, err
}

func bundleCommand() *cobra.Command {
	var number, out, purpose string
	var items []string
	var former string
	var withoutMedia, alone bool
	c := &cobra.Command{
		Use: "bundle", Short: "Make the court bundle of a case or of chosen exhibits", Args: cobra.NoArgs,
		Example: "  fieldseal bundle --case 2026-HW-017 --out case.zip\n  custody-verify case.zip",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				o := bundle.Options{Purpose: purpose, WithoutMedia: withoutMedia}
				var err error
				if o.Case, o.Exhibits, err = chosen(ctx, h, number, items); err != nil {
					return err
				}
				if alone {
					h.cfg.Former = ""
				}
				if former != "" {
					done, err := givenFormer(&o, former)
					if err != nil {
						return err
					}
					return errors.Join(writeBundle(c, h, o, out), done())
				}
				return writeBundle(c, h, o, out)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&number, "case", "", "`number` or id of the case")
	f.StringVar(&out, "out", "", "the `file` to write")
	f.StringArrayVar(&items, "item", nil, "label or `id` of an exhibit to disclose; repeatable; the whole case without it")
	f.StringVar(&purpose, "purpose", "", "`what` the bundle is for; it is stated in it")
	f.BoolVar(&withoutMedia, "without-media", false, "leave the files out; their digests stay")
	f.StringVar(&former, "former", "", "the `file` of the case's bundle by the ledger that this one continues, where that is not on this machine")
	f.BoolVar(&alone, "alone", false, "show what this ledger proves, without the one that it continues")
	c.MarkFlagsMutuallyExclusive("former", "alone")
	_ = c.MarkFlagRequired("case")
	_ = c.MarkFlagRequired("out")
	return c
}

func exhibits(tx *store.Tx, id event.UUID, names []string) (refs []event.Ref, err error) {
	list, err := projection.ItemsOf(tx, id)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		found := false
		for _, i := range list {
			if i.Label == name || i.ID.String() == name {
				refs = append(refs, event.Ref{Kind: i.Kind, ID: i.ID})
				found = true
			}
		}
		if !found {
			return nil, fmt.Errorf("the case has no exhibit %q; see: fieldseal case items", name)
		}
	}
	return refs, nil
}

// writeBundle writes beside the target first: a bundle is there whole or not at all.
func writeBundle(c *cobra.Command, h *house, o bundle.Options, out string) (err error) {
	if err := h.watch(c.Context()); err != nil {
		return err
	}
	defer h.keepWitnessing(c.Context())() // beside the server's own, if one runs
	s, done, err := newServer(h)
	if err != nil {
		return err
	}
	defer done()
	f, err := os.CreateTemp(filepath.Dir(out), ".bundle-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	start := time.Now()
	buf := bufio.NewWriterSize(f, 1<<20)
	made, err := s.Export(c.Context(), buf, o, event.UUID{})
	if err = errors.Join(err, buf.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), out); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "wrote %s: %d events shown, %d not shown, %d files, %d files missing, %.1f MB in %s\n",
		out, made.Shown, made.Hidden, made.Media, made.MissingMedia, float64(made.Length)/1e6, time.Since(start).Round(time.Millisecond))
	if h.witnesses != nil {
		fmt.Fprintln(c.OutOrStdout(), h.witnessed(made.Cosignatures))
	}
	if h.stamps != nil {
		fmt.Fprintf(c.OutOrStdout(), "time-stamped by %d of %d authorities\n", made.Tokens, len(h.cfg.Timestamps))
	}
	fmt.Fprintf(c.OutOrStdout(), "verify it anywhere with: custody-verify %s\n", out)
	if made.Former {
		fmt.Fprintln(c.OutOrStdout(), "it holds the former ledger's bundle, too: the reader names a key of each authority with --trust")
	}
	return nil
}
