package fieldcli

import (
	"errors"
	"fmt"

	"fieldseal/mobile-contract/device"

	"github.com/spf13/cobra"
)

// formerView is a former ledger as --json prints it.
type formerView struct {
	Origin   string       `json:"origin"`
	Size     int64        `json:"size"`
	Shown    device.Shown `json:"shown"`
	Endorsed bool         `json:"endorsed"`
	Left     string       `json:"left"`
	Proven   int64        `json:"proven"`
}

func viewFormer(f *device.FormerLog) formerView {
	return formerView{f.Origin, f.Size, f.Shown, f.Endorsed, f.Left, f.Proven}
}

// printSuccession says what the device belongs to now.
func (a *app) printSuccession(id *device.Identity, f *device.FormerLog) error {
	if a.json {
		return a.print(struct {
			Identity *identityView `json:"identity"`
			Former   formerView    `json:"former"`
		}{viewIdentity(id), viewFormer(f)})
	}
	a.say("%s ended with %d entries; this device belongs to %s now", f.Origin, f.Size, id.LogOrigin)
	a.say("authority: %s, fingerprint %s", id.AuthorityName, id.AuthorityKey.ID())
	a.say("%d records stay proven in the former ledger; hand in what is left: fieldkit sync", f.Proven)
	return nil
}

func (a *app) successorCommand() *cobra.Command {
	var server, former, authority string
	var req device.SuccessorRequest
	cmd := &cobra.Command{
		Use: "successor", Short: "Go over to the ledger that continues the one that has ended",
		Long: `Go over to the ledger that continues the one that this device belongs to. The device
keeps its key and its records in one chain. It checks that the new ledger begins with
the last checkpoint of the old one, that the old ledger's authority has named it, and
that it leaves out nothing that this device was shown; otherwise nothing changes, and
of a ledger that leaves something out the evidence is kept (fieldkit anomaly list).

What the old ledger has proven to hold stays proven there. All else goes to the new
one with the next sync.

--authority is needed where the old authority did not name the new one. --unshown is
for a supervisor: it goes over although the old server is gone and nobody can show
what it took in after this device last synced with it.`,
		Example: "  fieldkit successor --server https://ledger-2027.example\n  fieldkit sync",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if req.Client, err = device.NewClient(server, nil); err != nil {
				return err
			}
			if former != "" {
				if req.Former, err = device.NewClient(former, nil); err != nil {
					return err
				}
			}
			if authority != "" {
				if err := req.Authority.UnmarshalText([]byte(authority)); err != nil {
					return fmt.Errorf("--authority: not a fingerprint: %w", err)
				}
				if req.Authority.IsZero() {
					return errors.New("--authority: not a fingerprint: it is all zeros")
				}
			}
			f, err := s.Succeed(cmd.Context(), req)
			if err != nil {
				return err
			}
			id, err := s.Identity(cmd.Context())
			if err != nil {
				return err
			}
			return a.printSuccession(id, f)
		},
	}
	cmd.Flags().StringVar(&server, "server", "", "the new server's `URL`")
	cmd.Flags().StringVar(&former, "former", "", "the old server's `URL`, if it is another one now")
	cmd.Flags().StringVar(&authority, "authority", "", "the new authority's `fingerprint`, 64 hex digits, to be checked")
	cmd.Flags().BoolVar(&req.Unshown, "unshown", false, "go over although the old server cannot show how it ended")
	must(cmd.MarkFlagRequired("server"))
	return cmd
}
