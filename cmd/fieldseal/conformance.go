package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"fieldseal/mobile-contract/conformance"
	"fieldseal/mobile-contract/conformance/clients"
	"fieldseal/mobile-contract/conformance/servers"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/spf13/cobra"
)

func conformanceCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "conformance",
		Short:   "Judge a server, or a client of yours, against the mobile contract",
		Example: "  fieldseal conformance server https://custody.example.cn --code ABCD-EFGH-JKLM --code NPQR-STUV-WXYZ\n  fieldseal conformance client",
	}
	c.AddCommand(conformanceServer(), conformanceClient())
	return c
}

// verdict prints a report; a broken rule is a no.
func verdict(c *cobra.Command, r *conformance.Report, asJSON bool) error {
	write := r.WriteText
	if asJSON {
		write = r.WriteJSON
	}
	if err := write(c.OutOrStdout()); err != nil {
		return err
	}
	if !r.Passed() {
		return errNo
	}
	return nil
}

func conformanceServer() *cobra.Command {
	var o servers.Options
	var revoke string
	var asJSON bool
	c := &cobra.Command{
		Use:   "server URL --code CODE --code CODE",
		Short: "Play devices to a server and check every answer",
		Long: "Play devices to a server and check every answer: identical, parallel, reversed, overlapping and interrupted batches, holes, forks and bad lines, proofs, uploads that break off, limits, error answers. " +
			"The devices' events stay in the server's log for ever, as any device's do: try a server that is there to be tried. " +
			"Each code enrols a device; two are needed, of two people of one organisation at best. With a third and --revoke the rules about revoked devices are tried too.",
		Example: "  fieldseal conformance server http://127.0.0.1:8080 --code ABCD-EFGH-JKLM --code NPQR-STUV-WXYZ\n" +
			"  fieldseal conformance server http://127.0.0.1:8080 --code … --code … --code … --revoke 'fieldseal admin device revoke \"$DEVICE\" --reason trial'",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Server = args[0]
			if revoke != "" {
				o.Revoke = func(ctx context.Context, device event.UUID, key seal.KeyID) error {
					return runRevocation(ctx, revoke, device, key)
				}
			}
			o.Progress = func(f conformance.Finding) {
				fmt.Fprintf(c.ErrOrStderr(), "%-9s %s\n", f.Outcome, f.Rule)
			}
			r, err := servers.Run(c.Context(), o)
			if err != nil {
				return err
			}
			return verdict(c, r, asJSON)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.Codes, "code", nil, "a one-time enrolment `code` that was not used yet; two or more")
	f.StringVar(&revoke, "revoke", "", "a shell `command` that revokes the device in $DEVICE, whose key is $KEY")
	f.StringArrayVar(&o.Only, "only", nil, "try only rules whose names begin with this `prefix`, such as media.")
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return c
}

func runRevocation(ctx context.Context, command string, device event.UUID, key seal.KeyID) error {
	x := exec.CommandContext(ctx, "/bin/sh", "-c", command)
	x.Env = append(os.Environ(), "DEVICE="+device.String(), "KEY="+key.String())
	out, err := x.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

func conformanceClient() *cobra.Command {
	var cfg clients.Config
	var wait time.Duration
	var asJSON bool
	c := &cobra.Command{
		Use:   "client",
		Short: "Be a server to a client of yours that breaks off, delays and lies, and judge what arrived",
		Long: "Start the real server in a directory of its own, behind a go-between that breaks connections, says \"not now\", spoils bytes and tells lies, each a few times, and is honest afterwards. " +
			"Enrol the client with the code, capture, and sync until it says that all is done; when no trouble is left, or you have enough, press Enter. What arrived is judged then. " +
			"The server speaks plain HTTP and is for trials only.",
		Example: "  fieldseal conformance client\n  fieldseal conformance client --listen 192.0.2.7:8080 --clients 2",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if cfg.Dir == "" {
				dir, err := os.MkdirTemp("", "fieldseal-conformance-")
				if err != nil {
					return err
				}
				defer os.RemoveAll(dir) // a leftover of a trial is no harm
				cfg.Dir = filepath.Join(dir, "data")
			}
			return tryClient(c, cfg, wait, asJSON)
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.Dir, "dir", "", "keep the trial's data in this `directory`; a temporary one without it")
	f.StringVar(&cfg.Listen, "listen", "127.0.0.1:0", "the `address` that clients talk to")
	f.StringVar(&cfg.PublicURL, "public-url", "", "how clients reach it, if not by that address")
	f.IntVar(&cfg.Clients, "clients", 1, "how many devices are tried")
	f.BoolVar(&cfg.Verbose, "verbose", false, "name each request")
	f.DurationVar(&wait, "for", 0, "judge after this `time`, instead of at Enter")
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return c
}

func tryClient(c *cobra.Command, cfg clients.Config, wait time.Duration, asJSON bool) (err error) {
	cfg.Tell = func(s string) { fmt.Fprintln(c.ErrOrStderr(), s) }
	t, err := clients.Start(c.Context(), cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	fmt.Fprintf(c.ErrOrStderr(), "server     %s\nauthority  %s\n", t.URL, t.Fingerprint())
	for _, code := range t.Codes {
		fmt.Fprintf(c.ErrOrStderr(), "code       %s\n", code)
	}
	fmt.Fprintln(c.ErrOrStderr(), "Enrol, capture and sync; press Enter when the client says that all is done.")
	waitForEnd(c, wait)
	if left := t.Left(); len(left) > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "Not every trouble was made; capture and sync more to meet: %s\n", strings.Join(left, ", "))
	}
	// The trial was perhaps ended by a signal: the judgement is still wanted.
	r, err := t.Judge(context.WithoutCancel(c.Context()))
	if err != nil {
		return err
	}
	return verdict(c, r, asJSON)
}

// waitForEnd returns at Enter, at a signal, or when the time is over. Where standard
// input ends without an Enter, only the other two count.
func waitForEnd(c *cobra.Command, wait time.Duration) {
	ctx := c.Context()
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
		<-ctx.Done()
		return
	}
	entered := make(chan struct{})
	go func() {
		if _, err := bufio.NewReader(c.InOrStdin()).ReadString('\n'); err == nil {
			close(entered)
		}
	}()
	select {
	case <-entered:
	case <-ctx.Done():
	}
}
