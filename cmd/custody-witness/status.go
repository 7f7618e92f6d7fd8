package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
	"fieldseal/sync/witness/keeper"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// status is what the status command tells.
type status struct {
	Witness string      `json:"witness"`
	Key     string      `json:"key"`
	OK      bool        `json:"ok"`
	Lost    string      `json:"lost,omitzero"`
	Logs    []logStatus `json:"logs"`
}

// logStatus is what is known of one ledger.
type logStatus struct {
	Origin string `json:"origin"`
	// Trusted: its key is configured. Size and Root are what was cosigned last.
	Trusted  bool      `json:"trusted"`
	Size     int64     `json:"size"`
	Root     string    `json:"root"`
	Cosigned time.Time `json:"cosigned,omitzero"`
	// Evidence counts the requests that show another history.
	Evidence int `json:"evidence"`
}

func statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "status",
		Short:   "Tell what was cosigned last of each ledger, and whether any has shown another history",
		Long:    "Tell what was cosigned last of each ledger, also while the witness runs. Exit status 0 where all is well, 1 where a ledger has shown another history or the memory was lost, 2 where that could not be told.",
		Example: "  custody-witness status --data /var/lib/custody-witness --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			s, err := look(c, cfg)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(c.OutOrStdout(), s)
			} else {
				err = s.print(c.OutOrStdout())
			}
			if err == nil && !s.OK {
				err = errNo
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func look(c *cobra.Command, cfg Config) (s status, err error) {
	key, err := cfg.signer()
	if err != nil {
		return s, err
	}
	logs, err := cfg.logs()
	if err != nil {
		return s, err
	}
	s = status{Witness: cfg.Name, Key: key.Text(), OK: true, Logs: []logStatus{}}
	k, err := keeper.Open(c.Context(), cfg.files())
	if errors.Is(err, keeper.ErrLost) {
		s.OK, s.Lost = false, err.Error()
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	records, err := k.Records(c.Context())
	if err != nil {
		return s, err
	}
	for origin := range logs {
		if !knows(records, origin) {
			records = append(records, keeper.Record{Origin: origin, Tree: witness.Empty()})
		}
	}
	for _, r := range records {
		list, err := k.Evidence(c.Context(), r.Origin)
		if err != nil {
			return s, err
		}
		s.OK = s.OK && len(list) == 0
		s.Logs = append(s.Logs, logStatus{r.Origin, len(logs[r.Origin]) > 0, int64(r.Size), r.Root.String(), r.At, len(list)})
	}
	return s, nil
}

func knows(records []keeper.Record, origin string) bool {
	for _, r := range records {
		if r.Origin == origin {
			return true
		}
	}
	return false
}

func (s status) print(w io.Writer) error {
	fmt.Fprintf(w, "witness  %s\nkey      %s\n", s.Witness, s.Key)
	if s.Lost != "" {
		fmt.Fprintf(w, "LOST     %s\n", s.Lost)
	}
	for _, l := range s.Logs {
		fmt.Fprintf(w, "\n%s\n", l.Origin)
		switch {
		case !l.Trusted:
			fmt.Fprintf(w, "  its key is not configured any more\n")
		case l.Size == 0:
			fmt.Fprintf(w, "  nothing was cosigned yet\n")
		}
		if l.Size > 0 {
			at := "by an operator's reseed"
			if !l.Cosigned.IsZero() {
				at = l.Cosigned.Format(time.RFC3339)
			}
			fmt.Fprintf(w, "  cosigned  %d entries, root %s, %s\n", l.Size, l.Root, at)
		}
		if l.Evidence > 0 {
			fmt.Fprintf(w, "  ALARM     it has shown another history in %d requests: custody-witness evidence --origin %s --out DIRECTORY\n", l.Evidence, l.Origin)
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

func printJSON(w io.Writer, v any) error {
	data, err := json.Marshal(v, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		return err
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

func reseedCommand() *cobra.Command {
	var origin, checkpoint string
	var nothing, asJSON bool
	c := &cobra.Command{
		Use:   "reseed",
		Short: "Let a witness that has lost its memory go on with a ledger",
		Long: "Let a witness that has lost its memory go on with a ledger. Stop the witness first. Where the marks are there, it goes on from what they say: that is what was cosigned last. " +
			"Where they are gone as well, name a checkpoint file of the ledger that you have from elsewhere and believe, best the newest that bears this witness's own cosignature: " +
			"everything that the ledger shows later must go on from there.",
		Example: "  custody-witness reseed --data /var/lib/custody-witness --origin custody.example.cn/log\n" +
			"  custody-witness reseed --data /var/lib/custody-witness --origin custody.example.cn/log --checkpoint newest.txt",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			seed := keeper.Seed{FromNothing: nothing}
			if checkpoint != "" {
				if seed.Checkpoint, err = believed(cfg, checkpoint); err != nil {
					return err
				}
			}
			r, err := keeper.Reseed(c.Context(), cfg.files(), origin, seed)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), logStatus{Origin: r.Origin, Trusted: true, Size: int64(r.Size), Root: r.Root.String(), Cosigned: r.At})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s goes on from %d entries with root %v\n", r.Origin, r.Size, r.Root)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&origin, "origin", "", "the ledger's `name`")
	f.StringVar(&checkpoint, "checkpoint", "", "a `file` with a signed checkpoint of the ledger, where the marks are lost")
	f.BoolVar(&nothing, "from-nothing", false, "this witness has certainly never cosigned the ledger")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	_ = c.MarkFlagRequired("origin")
	c.MarkFlagsMutuallyExclusive("checkpoint", "from-nothing")
	return c
}

// believed reads a checkpoint that one of the configured ledgers has signed.
func believed(cfg Config, path string) (*ledger.SignedCheckpoint, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, _, err := ledger.ParseUnverifiedCheckpoint(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	logs, err := cfg.logs()
	if err != nil {
		return nil, err
	}
	signed, err := ledger.ParseCheckpoint(text, logs[c.Origin]...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return signed, nil
}

func evidenceCommand() *cobra.Command {
	var origin, out string
	c := &cobra.Command{
		Use:   "evidence",
		Short: "Write the requests that show another history of a ledger to files",
		Long: "Write the requests that show another history of a ledger to files: NNN-request.txt is the body that the ledger posted, NNN-cosigned.txt the note that this witness had cosigned before. " +
			"The ledger's own signature is on both.",
		Example: "  custody-witness evidence --data /var/lib/custody-witness --origin custody.example.cn/log --out evidence",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			k, err := keeper.Open(c.Context(), cfg.files())
			if err != nil {
				return err
			}
			list, err := k.Evidence(c.Context(), origin)
			if err = errors.Join(err, k.Close()); err != nil {
				return err
			}
			if err := writeEvidence(out, list); err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%d requests of %s were written to %s\n", len(list), origin, out)
			return err
		},
	}
	c.Flags().StringVar(&origin, "origin", "", "the ledger's `name`")
	c.Flags().StringVar(&out, "out", "", "the `directory`, which is made")
	_ = c.MarkFlagRequired("origin")
	_ = c.MarkFlagRequired("out")
	return c
}

func writeEvidence(dir string, list []keeper.Evidence) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for i, e := range list {
		for name, data := range map[string][]byte{"request": e.Request, "cosigned": e.Note} {
			if len(data) == 0 {
				continue
			}
			path := filepath.Join(dir, fmt.Sprintf("%03d-%s.txt", i+1, name))
			f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			_, err = f.Write(data)
			if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
				return err
			}
		}
	}
	return nil
}
