package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func enrolCommand() *cobra.Command {
	var server, code, authority string
	c := &cobra.Command{
		Use: "enrol", Short: "Make this device's key and enrol it with a one-time code", Args: cobra.NoArgs,
		Example: "  fieldkit --store my-device enrol --server https://custody.example.cn --code X4HL-FSKC-J5Q5-RLX2",
		RunE: func(c *cobra.Command, _ []string) error {
			req := device.EnrolRequest{Code: code}
			if authority != "" {
				if err := req.Authority.UnmarshalText([]byte(authority)); err != nil {
					return err
				}
			}
			client, err := device.NewClient(server, nil)
			if err != nil {
				return err
			}
			req.Client = client
			s, err := createOrOpen(c)
			if err != nil {
				return err
			}
			id, err := s.Enrol(c.Context(), req)
			if err = errors.Join(err, s.Close()); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "enrolled for %s, %s\ndevice     %s\nkey        %s\nauthority  %s, key %s\nledger     %s\n", id.PersonName, id.OrgName, id.Device, id.Key.ID(), id.AuthorityName, id.AuthorityKey.ID(), id.LogOrigin)
			if req.Authority == (seal.KeyID{}) {
				fmt.Fprintln(c.OutOrStdout(), "The authority's key was believed as it came. Compare it with what your authority publishes.")
			}
			return nil
		},
	}
	c.Flags().StringVar(&server, "server", "", "the server's `address`")
	c.Flags().StringVar(&code, "code", "", "the one-time `code`")
	c.Flags().StringVar(&authority, "authority", "", "the authority's key `id` as you were told it by other means")
	_ = c.MarkFlagRequired("server")
	_ = c.MarkFlagRequired("code")
	return c
}

// createOrOpen makes the store, or opens one that an interrupted enrolment left.
func createOrOpen(c *cobra.Command) (*device.Store, error) {
	dir, _ := c.Flags().GetString("store")
	s, err := device.Create(c.Context(), dir, device.Options{Model: model(), App: "fieldkit " + version})
	if errors.Is(err, device.ErrExists) {
		return openStore(c)
	}
	return s, err
}

func syncCommand() *cobra.Command {
	var dataOnly bool
	c := &cobra.Command{
		Use: "sync", Short: "Hand in what the server does not have, prove that it has it, and fetch what is new", Args: cobra.NoArgs,
		Example: "  fieldkit --store my-device sync",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(s *device.Store) error { return runSync(c, s, dataOnly) })
		},
	}
	c.Flags().BoolVar(&dataOnly, "data-only", false, "leave files for another time")
	return c
}

func runSync(c *cobra.Command, s *device.Store, dataOnly bool) error {
	r, err := s.Sync(c.Context(), device.SyncOptions{DataOnly: dataOnly, Progress: progress(c.ErrOrStderr())})
	if wantsJSON(c) {
		return errors.Join(printJSON(c.OutOrStdout(), r), err)
	}
	fmt.Fprintf(c.OutOrStdout(), "sent %d, proven %d, quarantined %d, fetched %d, files sent %d\n", r.Sent, r.Proven, r.Quarantined, r.Pulled, r.MediaSent)
	for _, n := range r.Notes {
		fmt.Fprintln(c.OutOrStdout(), "note:", n)
	}
	if err == nil && r.Quarantined > 0 {
		fmt.Fprintln(c.OutOrStdout(), "The server keeps records aside; fieldkit status says which and why.")
		return errNo
	}
	return err
}

// progress draws a bar on a terminal, and nothing elsewhere.
func progress(w io.Writer) func(device.Progress) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	bars := map[string]*progressbar.ProgressBar{}
	return func(p device.Progress) {
		b := bars[p.Stage]
		if b == nil {
			b = progressbar.NewOptions64(p.Total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(p.Stage), progressbar.OptionClearOnFinish())
			bars[p.Stage] = b
		}
		b.ChangeMax64(p.Total)
		_ = b.Set64(p.Done)
	}
}

func statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say in plain words what is safe, what waits and why", Args: cobra.NoArgs,
		Long:    "Say in plain words what is safe, what waits and why. Exit status 0 where everything is proven to be in the ledger, 1 where something waits.",
		Example: "  fieldkit --store my-device status\n  fieldkit --store my-device --lang zh status",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(s *device.Store) error {
				st, err := s.Status(c.Context())
				if err != nil {
					return err
				}
				lang, _ := c.Flags().GetString("lang")
				if wantsJSON(c) {
					err = printJSON(c.OutOrStdout(), map[string]any{"safe": st.Safe(), "events": st.Events, "media": st.Media, "lines": st.Words(device.ParseLang(lang))})
				} else {
					for _, l := range st.Words(device.ParseLang(lang)) {
						fmt.Fprintf(c.OutOrStdout(), "%-4s  %s\n", l.Level, l.Text)
					}
				}
				if err == nil && !st.Safe() {
					err = errNo
				}
				return err
			})
		},
	}
}

func exportCommand() *cobra.Command {
	c := &cobra.Command{Use: "export", Short: "Write a plain archive of everything here, or a diagnostic without secrets", Example: "  fieldkit --store my-device export archive my-device.zip"}
	write := func(name, short string, fn func(*device.Store, context.Context, io.Writer) error) *cobra.Command {
		return &cobra.Command{Use: name + " FILE", Short: short, Args: cobra.ExactArgs(1), Example: "  fieldkit --store my-device export " + name + " my-device.zip",
			RunE: func(c *cobra.Command, args []string) error {
				return within(c, func(s *device.Store) error {
					f, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
					if err != nil {
						return err
					}
					err = errors.Join(fn(s, c.Context(), f), f.Sync(), f.Close())
					if err == nil {
						fmt.Fprintln(c.OutOrStdout(), "wrote", args[0])
					}
					return err
				})
			}}
	}
	c.AddCommand(write("archive", "Exact records and files, to be carried by hand", func(s *device.Store, ctx context.Context, w io.Writer) error { return s.ExportArchive(ctx, w) }),
		write("diagnostics", "What a support person needs", func(s *device.Store, ctx context.Context, w io.Writer) error { return s.Diagnostics(ctx, w) }))
	return c
}

func listCommand() *cobra.Command {
	var number string
	c := &cobra.Command{Use: "list", Short: "List the cases and things that this device knows", Args: cobra.NoArgs, Example: "  fieldkit --store my-device list --case 2026-HW-017",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(s *device.Store) error {
				var f device.ThingFilter
				if number != "" {
					id, err := caseNamed(c, s, number)
					if err != nil {
						return err
					}
					f.Case = id
				}
				cases, err := s.Cases(c.Context())
				if err != nil {
					return err
				}
				list, err := s.Things(c.Context(), f)
				if err != nil {
					return err
				}
				if wantsJSON(c) {
					return printJSON(c.OutOrStdout(), map[string]any{"cases": cases, "things": list})
				}
				for _, k := range cases {
					fmt.Fprintf(c.OutOrStdout(), "case        %-20s %s  %s\n", k.Number, k.Title, k.ID)
				}
				for _, t := range list {
					fmt.Fprintf(c.OutOrStdout(), "%-11s %-20s %s\n", t.Kind, t.Label, t.ID)
				}
				return nil
			})
		}}
	c.Flags().StringVar(&number, "case", "", "only things of this case, by `number` or id")
	return c
}

func showCommand() *cobra.Command {
	return &cobra.Command{Use: "show", Short: "List this device's own records with their state", Args: cobra.NoArgs, Example: "  fieldkit --store my-device show",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(s *device.Store) error {
				list, err := s.Events(c.Context(), device.EventFilter{})
				if err != nil {
					return err
				}
				if wantsJSON(c) {
					return printJSON(c.OutOrStdout(), list)
				}
				for _, e := range list {
					fmt.Fprintf(c.OutOrStdout(), "%5d  %-20s %-11s %s  %s %s\n", e.Seq, e.Type, e.State, e.ID, e.Wall, e.Code)
				}
				return nil
			})
		}}
}

// sumOfIDs is the digest that people sign under a report: over the ids of its parts, in order.
func sumOfIDs(ids []event.ID) event.Digest {
	var all []byte
	for _, id := range ids {
		all = append(all, id[:]...)
	}
	return event.Digest(sha(all))
}
