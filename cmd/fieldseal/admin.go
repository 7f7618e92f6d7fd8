package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/projection"
	"fieldseal/sync/rules"
	"fieldseal/sync/store"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func adminCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "admin",
		Short:   "People, devices, rights, rules: what the authority decides",
		Long:    "Each of these acts is an event that the authority's key seals and the ledger keeps. The commands work on the data directory, beside a running server or without one.",
		Example: "  fieldseal admin person add --org \"City Environment Bureau\" --name \"Li Wei\" --login liwei --role inspector\n  fieldseal admin code --login liwei",
	}
	c.AddCommand(orgCommand(), personCommand(), passwordCommand(), codeCommand(), deviceCommand(), labelsCommand(), grantCommand(), rulesCommand(), quarantineCommand())
	return c
}

func newUUID() event.UUID {
	var r [10]byte
	_, _ = rand.Read(r[:])
	return event.NewUUID(time.Now(), r)
}

// author seals and appends one decision.
func author(ctx context.Context, h *house, d ingest.Draft) error {
	_, err := h.engine.Author(ctx, d)
	return err
}

// printJSON writes v for scripts.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

func table(w io.Writer, head string, rows func(add func(...any))) error {
	t := tabwriter.NewWriter(w, 2, 4, 2, ' ', 0)
	fmt.Fprintln(t, head)
	rows(func(cells ...any) {
		texts := make([]string, len(cells))
		for i, c := range cells {
			texts[i] = fmt.Sprint(c)
		}
		fmt.Fprintln(t, strings.Join(texts, "\t"))
	})
	return t.Flush()
}

// orgNamed finds an organisation by its name or id.
func orgNamed(tx *store.Tx, name string) (o projection.Org, err error) {
	list, err := projection.Orgs(tx)
	if err != nil {
		return o, err
	}
	var names []string
	for _, o := range list {
		if o.Name == name || o.NameZH == name || o.ID.String() == name {
			return o, nil
		}
		names = append(names, o.Name)
	}
	return o, fmt.Errorf("there is no organisation %q; there are: %s. Add one with: fieldseal admin org add", name, strings.Join(names, ", "))
}

func personNamed(tx *store.Tx, login string) (projection.Person, error) {
	p, found, err := projection.PersonByLogin(tx, login)
	if err == nil && !found {
		err = fmt.Errorf("nobody has the login %q; see: fieldseal admin person list", login)
	}
	return p, err
}

func caseNamed(tx *store.Tx, name string) (k projection.Case, err error) {
	id, notID := event.ParseUUID(name)
	found := false
	if notID == nil {
		k, found, err = projection.CaseByID(tx, id)
	} else {
		k, found, err = projection.CaseByNumber(tx, name)
	}
	if err == nil && !found {
		err = fmt.Errorf("there is no case %q; see: fieldseal case list", name)
	}
	return k, err
}

func orgCommand() *cobra.Command {
	c := &cobra.Command{Use: "org", Short: "Organisations", Example: "  fieldseal admin org list"}
	var o event.OrgRegistered
	var acc event.Accreditation
	add := &cobra.Command{
		Use: "add", Short: "Add an organisation", Args: cobra.NoArgs,
		Example: "  fieldseal admin org add --name \"East Laboratory\" --kind lab --accreditation \"CMA 2026-117\" --method \"HJ 700-2014\" --accredited-until 2029-12-31",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				o.Org = newUUID()
				if acc.Number != "" {
					o.Accreditation = &acc
				}
				if err := author(ctx, h, ingest.Draft{Body: &o}); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s\n", o.Org)
				return nil
			})
		},
	}
	f := add.Flags()
	f.StringVar(&o.Name, "name", "", "`name`")
	f.StringVar(&o.NameZH, "name-zh", "", "Chinese `name`")
	f.StringVar((*string)(&o.Kind), "kind", "", "one of "+strings.Join(o.Kind.Words(), ", "))
	f.StringVar(&acc.Number, "accreditation", "", "accreditation `number` of a laboratory")
	f.StringArrayVar(&acc.Methods, "method", nil, "`method` within the accreditation's scope; repeatable")
	f.StringVar((*string)(&acc.ValidFrom), "accredited-from", "", "`day`, YYYY-MM-DD")
	f.StringVar((*string)(&acc.ValidUntil), "accredited-until", "", "`day`, YYYY-MM-DD")
	list := &cobra.Command{Use: "list", Short: "List organisations", Args: cobra.NoArgs, Example: "  fieldseal admin org list",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				return h.store.Read(ctx, func(tx *store.Tx) error {
					orgs, err := projection.Orgs(tx)
					if err != nil {
						return err
					}
					return table(c.OutOrStdout(), "ID\tKIND\tNAME", func(add func(...any)) {
						for _, o := range orgs {
							add(o.ID, o.Kind, o.Name+" "+o.NameZH)
						}
					})
				})
			})
		}}
	c.AddCommand(add, list)
	return c
}

func personCommand() *cobra.Command {
	c := &cobra.Command{Use: "person", Short: "People", Example: "  fieldseal admin person list"}
	var p event.PersonRegistered
	var org string
	var roles []string
	add := &cobra.Command{
		Use: "add", Short: "Add a person", Args: cobra.NoArgs,
		Example: "  fieldseal admin person add --org \"City Environment Bureau\" --name \"Li Wei\" --login liwei --role inspector --credential EN-3301-0042",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				p.Person = newUUID()
				for _, r := range roles {
					p.Roles = append(p.Roles, event.Role(r))
				}
				err := h.store.Read(ctx, func(tx *store.Tx) error {
					o, err := orgNamed(tx, org)
					p.Org = o.ID
					return err
				})
				if err != nil {
					return err
				}
				if err := author(ctx, h, ingest.Draft{Body: &p}); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s\n", p.Person)
				return nil
			})
		},
	}
	f := add.Flags()
	f.StringVar(&org, "org", "", "`name` or id of the organisation")
	f.StringVar(&p.Name, "name", "", "`name`")
	f.StringVar(&p.Login, "login", "", "`name` to sign in with")
	f.StringArrayVar(&roles, "role", nil, "one of "+strings.Join(event.RoleAdmin.Words(), ", ")+"; repeatable")
	f.StringVar(&p.CredentialNo, "credential", "", "`number` of the enforcement or professional credential")
	f.StringVar((*string)(&p.CredentialFrom), "credential-from", "", "`day`, YYYY-MM-DD")
	f.StringVar((*string)(&p.CredentialUntil), "credential-until", "", "`day`, YYYY-MM-DD")
	list := &cobra.Command{Use: "list", Short: "List people", Args: cobra.NoArgs, Example: "  fieldseal admin person list", RunE: func(c *cobra.Command, _ []string) error {
		return within(c, func(ctx context.Context, h *house) error {
			return h.store.Read(ctx, func(tx *store.Tx) error {
				people, err := projection.Persons(tx)
				if err != nil {
					return err
				}
				return table(c.OutOrStdout(), "ID\tLOGIN\tNAME\tROLES\tSTATE", func(add func(...any)) {
					for _, p := range people {
						state := "active"
						if p.Disabled {
							state = "disabled"
						}
						add(p.ID, p.Login, p.Name, p.Roles, state)
					}
				})
			})
		})
	}}
	disable := &cobra.Command{Use: "disable LOGIN", Short: "End a person's access", Args: cobra.ExactArgs(1), Example: "  fieldseal admin person disable liwei",
		RunE: func(c *cobra.Command, args []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				var p projection.Person
				err := h.store.Read(ctx, func(tx *store.Tx) (err error) { p, err = personNamed(tx, args[0]); return err })
				if err != nil {
					return err
				}
				err = author(ctx, h, ingest.Draft{Body: &event.PersonRegistered{Person: p.ID, Org: p.Org, Name: p.Name, Login: p.Login, Roles: p.Roles, CredentialNo: p.CredentialNo,
					CredentialFrom: p.CredentialFrom, CredentialUntil: p.CredentialUntil, Disabled: true}})
				if err == nil {
					fmt.Fprintf(c.OutOrStdout(), "%s can no longer sign in; access tokens given out already end within minutes\n", args[0])
				}
				return err
			})
		}}
	c.AddCommand(add, list, disable)
	return c
}

func passwordCommand() *cobra.Command {
	return &cobra.Command{
		Use: "password LOGIN", Short: "Set a person's password, read from the terminal or from standard input", Args: cobra.ExactArgs(1),
		Example: "  fieldseal admin password liwei\n  printf '%s' \"$PASSWORD\" | fieldseal admin password liwei",
		RunE: func(c *cobra.Command, args []string) error {
			password, err := readPassword(c)
			if err != nil {
				return err
			}
			return within(c, func(ctx context.Context, h *house) error {
				var p projection.Person
				err := h.store.Read(ctx, func(tx *store.Tx) (err error) { p, err = personNamed(tx, args[0]); return err })
				if err != nil {
					return err
				}
				if err := h.book.SetPassword(ctx, p.ID, password); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "the password of %s is set; sessions opened with the old one have ended\n", args[0])
				return nil
			})
		},
	}
}

func readPassword(c *cobra.Command) (string, error) {
	if in, ok := c.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		fmt.Fprint(c.ErrOrStderr(), "New password: ")
		b, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(c.ErrOrStderr())
		return string(b), err
	}
	line, err := bufio.NewReader(io.LimitReader(c.InOrStdin(), 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func rulesCommand() *cobra.Command {
	return &cobra.Command{
		Use: "rules", Short: "Publish the newest rule pack that comes with the program, for devices to pull", Args: cobra.NoArgs, Example: "  fieldseal admin rules",
		RunE: func(c *cobra.Command, _ []string) error {
			return within(c, func(ctx context.Context, h *house) error {
				text, err := defaultPack()
				if err != nil {
					return err
				}
				p := rules.Default()
				err = author(ctx, h, ingest.Draft{Body: &event.RulePack{Pack: p.ID, Version: p.Version, Jurisdiction: p.Jurisdiction, Effective: p.Effective, SHA256: sha256.Sum256(text), Content: string(text)}})
				if err == nil {
					fmt.Fprintf(c.OutOrStdout(), "published %s %s\n", p.ID, p.Version)
				}
				return err
			})
		},
	}
}
