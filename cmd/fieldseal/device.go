package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"

	"github.com/spf13/cobra"
)

func codeCommand() *cobra.Command {
	var login string
	var life time.Duration
	c := &cobra.Command{
		Use: "code", Short: "Issue a one-time code with which a person enrols a device", Args: cobra.NoArgs,
		Example: "  fieldseal admin code --login liwei",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				var p projection.Person
				err := h.store.Read(ctx, func(tx *store.Tx) (err error) { p, err = personNamed(tx, login); return err })
				if err != nil {
					return err
				}
				code, until, err := h.book.IssueCode(ctx, p.ID, event.UUID{}, life)
				if err != nil {
					return err
				}
				fmt.Fprintln(c.OutOrStdout(), code)
				fmt.Fprintf(c.ErrOrStderr(), "for %s, good once until %s\n", p.Name, until.Local().Format(time.DateTime))
				return nil
			})
		},
	}
	c.Flags().StringVar(&login, "login", "", "`login` of the person")
	c.Flags().DurationVar(&life, "valid", 0, "how long the code is good (72h)")
	return c
}

func deviceCommand() *cobra.Command {
	c := &cobra.Command{Use: "device", Short: "Devices", Example: "  fieldseal admin device list"}
	list := &cobra.Command{Use: "list", Short: "List devices", Args: cobra.NoArgs, Example: "  fieldseal admin device list", RunE: func(c *cobra.Command, _ []string) error {
		return within(c, func(ctx context.Context, h *house) error {
			return h.store.Read(ctx, func(tx *store.Tx) error {
				devices, err := projection.Devices(tx)
				if err != nil {
					return err
				}
				people := map[event.UUID]string{}
				list, err := projection.Persons(tx)
				for _, p := range list {
					people[p.ID] = p.Name
				}
				if err != nil {
					return err
				}
				return table(c.OutOrStdout(), "ID\tPERSON\tMODEL\tENROLLED\tSTATE", func(add func(...any)) {
					for _, d := range devices {
						state := "good"
						if !d.Good() {
							state = "revoked: " + d.RevokedCause
						}
						who := people[d.Person]
						if d.Authority() {
							who = "(the authority)"
						}
						add(d.ID, who, d.Model, d.Enrolled.Local().Format(time.DateTime), state)
					}
				})
			})
		})
	}}
	var reason string
	revoke := &cobra.Command{Use: "revoke ID", Short: "Revoke a device's key; events that arrive later are quarantined", Args: cobra.ExactArgs(1),
		Example: "  fieldseal admin device revoke 4f0c…  --reason \"lost on 24 November\"",
		RunE: func(c *cobra.Command, args []string) error {
			id, err := event.ParseUUID(args[0])
			if err != nil {
				return err
			}
			return within(c, func(ctx context.Context, h *house) error {
				var d projection.Device
				err := h.store.Read(ctx, func(tx *store.Tx) error {
					var found bool
					var err error
					if d, found, err = projection.DeviceByID(tx, id); err == nil && !found {
						err = fmt.Errorf("there is no device %s; see: fieldseal admin device list", id)
					}
					return err
				})
				if err != nil {
					return err
				}
				err = author(ctx, h, ingest.Draft{Body: &event.DeviceRevoked{Device: id, Key: event.Digest(d.Key.ID()), Reason: reason}})
				if err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "revoked. What the device still holds can be handed in; it goes to quarantine\n")
				return h.book.EndDevice(ctx, id)
			})
		}}
	revoke.Flags().StringVar(&reason, "reason", "", "`why`; it goes on the ledger")
	_ = revoke.MarkFlagRequired("reason")
	c.AddCommand(list, revoke)
	return c
}

func labelsCommand() *cobra.Command {
	var device, login, prefix string
	var count int64
	c := &cobra.Command{
		Use: "labels", Short: "Reserve a block of label numbers for a device", Args: cobra.NoArgs, Example: "  fieldseal admin labels --login liwei --prefix HZ-2026- --count 500",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				var first int64
				var id event.UUID
				err := h.store.Read(ctx, func(tx *store.Tx) (err error) {
					if first, err = projection.NextLabel(tx, prefix); err != nil {
						return err
					}
					id, err = deviceFor(tx, device, login)
					return err
				})
				if err != nil {
					return err
				}
				err = author(ctx, h, ingest.Draft{Body: &event.LabelBlock{Device: id, Prefix: prefix, First: first, Last: first + count - 1}})
				if err == nil {
					fmt.Fprintf(c.OutOrStdout(), "%s%d to %s%d for device %s\n", prefix, first, prefix, first+count-1, id)
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&device, "device", "", "`id` of the device")
	c.Flags().StringVar(&login, "login", "", "instead: the newest device of this `login`")
	c.Flags().StringVar(&prefix, "prefix", "S-", "`text` before the number")
	c.Flags().Int64Var(&count, "count", 500, "how many")
	return c
}

func deviceFor(tx *store.Tx, device, login string) (event.UUID, error) {
	if device != "" {
		return event.ParseUUID(device)
	}
	p, err := personNamed(tx, login)
	if err != nil {
		return event.UUID{}, err
	}
	list, err := projection.DevicesOf(tx, p.ID)
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Good() {
			return list[i].ID, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%s has no enrolled device; issue a code with: fieldseal admin code --login %s", p.Name, login)
	}
	return event.UUID{}, err
}

func grantCommand() *cobra.Command {
	c := &cobra.Command{Use: "grant", Short: "Rights of other organisations and people in a case", Example: "  fieldseal admin grant add --case 2026-HW-017 --org \"East Laboratory\" --right write --reason \"commissioned for analysis\""}
	var number, org, login, right, reason string
	add := &cobra.Command{Use: "add", Short: "Give a right", Args: cobra.NoArgs, Example: c.Example, RunE: func(c *cobra.Command, _ []string) error {
		return within(c, func(ctx context.Context, h *house) error {
			b := &event.CaseGranted{Grant: newUUID(), Right: event.Right(right), Reason: reason}
			var k projection.Case
			err := h.store.Read(ctx, func(tx *store.Tx) (err error) {
				if k, err = caseNamed(tx, number); err != nil {
					return err
				}
				if org != "" {
					o, err := orgNamed(tx, org)
					b.Org = o.ID
					return err
				}
				p, err := personNamed(tx, login)
				b.Person = p.ID
				return err
			})
			if err != nil {
				return err
			}
			if err := author(ctx, h, ingest.Draft{Case: k.ID, Body: b}); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), b.Grant)
			return nil
		})
	}}
	f := add.Flags()
	f.StringVar(&number, "case", "", "`number` or id of the case")
	f.StringVar(&org, "org", "", "`name` of the organisation")
	f.StringVar(&login, "login", "", "instead: one person's `login`")
	f.StringVar(&right, "right", "write", "read or write")
	f.StringVar(&reason, "reason", "", "`why`; it goes on the ledger")
	list := &cobra.Command{Use: "list CASE", Short: "List a case's grants", Args: cobra.ExactArgs(1), Example: "  fieldseal admin grant list 2026-HW-017", RunE: func(c *cobra.Command, args []string) error {
		return within(c, func(ctx context.Context, h *house) error {
			return h.store.Read(ctx, func(tx *store.Tx) error {
				k, err := caseNamed(tx, args[0])
				if err != nil {
					return err
				}
				grants, err := projection.Grants(tx, k.ID)
				if err != nil {
					return err
				}
				return table(c.OutOrStdout(), "ID\tTO\tRIGHT\tSTATE\tREASON", func(add func(...any)) {
					for _, g := range grants {
						to, state := g.Org, "stands"
						if to.IsZero() {
							to = g.Person
						}
						if !g.Stands(tx.Now()) {
							state = "ended"
						}
						add(g.ID, to, g.Right, state, g.Reason)
					}
				})
			})
		})
	}}
	end := &cobra.Command{Use: "end GRANT REASON", Short: "End a grant", Args: cobra.ExactArgs(2), Example: "  fieldseal admin grant end 0193… \"analysis done\"", RunE: func(c *cobra.Command, args []string) error {
		id, err := event.ParseUUID(args[0])
		if err != nil {
			return err
		}
		return within(c, func(ctx context.Context, h *house) error {
			var g projection.Grant
			err := h.store.Read(ctx, func(tx *store.Tx) error {
				var found bool
				var err error
				if g, found, err = projection.GrantByID(tx, id); err == nil && !found {
					err = fmt.Errorf("there is no grant %s", id)
				}
				return err
			})
			if err != nil {
				return err
			}
			return author(ctx, h, ingest.Draft{Case: g.Case, Body: &event.GrantRevoked{Grant: id, Reason: args[1]}})
		})
	}}
	c.AddCommand(add, list, end)
	return c
}

func quarantineCommand() *cobra.Command {
	return &cobra.Command{Use: "quarantine", Short: "List what was received and not accepted", Args: cobra.NoArgs, Example: "  fieldseal admin quarantine",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				return h.store.Read(ctx, func(tx *store.Tx) error {
					list, err := projection.QuarantineBefore(tx, 1<<53, 500)
					if err != nil {
						return err
					}
					if len(list) == 0 {
						fmt.Fprintln(c.OutOrStdout(), "nothing is in quarantine")
						return nil
					}
					return table(c.OutOrStdout(), "INDEX\tRECEIVED\tCODE\tCLAIMS DEVICE\tSEQ\tWHY", func(add func(...any)) {
						for _, q := range list {
							add(q.Index, q.Received.Local().Format(time.DateTime), q.Code, q.Device, q.Seq, strings.TrimSpace(q.Detail))
						}
					})
				})
			})
		}}
}
