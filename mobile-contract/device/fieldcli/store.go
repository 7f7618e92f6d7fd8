package fieldcli

import (
	"errors"
	"fmt"
	"sync"

	"fieldseal/mobile-contract/device"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use: "init", Short: "Make an empty store",
		Long:    "Make an empty store. It can be enrolled later; nothing can be captured before.",
		Example: "  fieldkit --store ~/evidence init",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := device.Create(cmd.Context(), a.storeDir, a.options())
			if err != nil {
				return err
			}
			a.store = s
			if a.json {
				return a.print(map[string]string{"store": s.Dir()})
			}
			a.say("made the store %s", s.Dir())
			return nil
		},
	}
}

// identityView is an identity as --json prints it.
type identityView struct {
	Device               string `json:"device"`
	Key                  string `json:"key"`
	Person               string `json:"person"`
	PersonName           string `json:"person_name"`
	Org                  string `json:"org"`
	OrgName              string `json:"org_name"`
	Server               string `json:"server"`
	Authority            string `json:"authority"`
	AuthorityFingerprint string `json:"authority_fingerprint"`
	LogOrigin            string `json:"log_origin"`
	LogKey               string `json:"log_key"`
}

func viewIdentity(id *device.Identity) *identityView {
	if id == nil {
		return nil
	}
	return &identityView{Device: id.Device.String(), Key: id.Key.ID().String(), Person: id.Person.String(), PersonName: id.PersonName,
		Org: id.Org.String(), OrgName: id.OrgName, Server: id.Server, Authority: id.AuthorityName,
		AuthorityFingerprint: id.AuthorityKey.ID().String(), LogOrigin: id.LogOrigin, LogKey: id.LogKey}
}

func (a *app) enrolCommand() *cobra.Command {
	var server, code, authority string
	cmd := &cobra.Command{
		Use: "enrol", Short: "Enrol this device with a one-time code, and make the store where there is none",
		Long: `Enrol this device. Its key is made here and never leaves the store's directory; a
laptop has no secure element, so the key is as safe as this account and the disk's
encryption. The first answer's authority is pinned; give --authority, as you were
told it by other means, to be sure of it from the start.`,
		Example: "  fieldkit --store ~/evidence enrol --server https://ledger.example --code 7F3K-92QM \\\n    --authority 3f5a…64 hex digits",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if errors.Is(err, device.ErrNoStore) {
				s, err = device.Create(cmd.Context(), a.storeDir, a.options())
				a.store = s
			}
			if err != nil {
				return err
			}
			req := device.EnrolRequest{Code: code}
			if req.Client, err = device.NewClient(server, nil); err != nil {
				return err
			}
			if authority != "" {
				if err := req.Authority.UnmarshalText([]byte(authority)); err != nil {
					return fmt.Errorf("--authority: not a fingerprint: %w", err)
				}
				if req.Authority.IsZero() {
					return errors.New("--authority: not a fingerprint: it is all zeros")
				}
			}
			id, err := s.Enrol(cmd.Context(), req)
			if err != nil {
				return err
			}
			if a.json {
				return a.print(viewIdentity(id))
			}
			a.say("enrolled: device %s for %s (%s)", id.Device, id.PersonName, id.OrgName)
			a.say("authority: %s, fingerprint %s", id.AuthorityName, id.AuthorityKey.ID())
			a.say("ledger:    %s", id.LogKey)
			if authority == "" {
				a.say("This authority is trusted from now on because it answered first. Compare the fingerprint with what you were told.")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&server, "server", "", "the server's `URL`")
	cmd.Flags().StringVar(&code, "code", "", "the one-time `code`")
	cmd.Flags().StringVar(&authority, "authority", "", "the authority's `fingerprint`, 64 hex digits, to be checked")
	must(cmd.MarkFlagRequired("server"))
	must(cmd.MarkFlagRequired("code"))
	return cmd
}

// must is for mistakes in this program's own flag names.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// statusView is a status as --json prints it.
type statusView struct {
	Safe          bool                         `json:"safe"`
	Identity      *identityView                `json:"identity,omitzero"`
	Events        map[device.State]int64       `json:"events"`
	Media         map[string]device.MediaCount `json:"media"`
	Pending       int64                        `json:"pending"`
	Hold          string                       `json:"hold,omitzero"`
	OpenHandovers int64                        `json:"open_handovers"`
	Drafts        int64                        `json:"drafts"`
	LabelsLeft    int64                        `json:"labels_left"`
	Checkpoint    int64                        `json:"checkpoint_size"`
	ClockOffsetMS int64                        `json:"clock_offset_ms"`
	LastSync      *device.SyncRun              `json:"last_sync,omitzero"`
	Anomalies     int                          `json:"anomalies"`
	DiskFree      int64                        `json:"disk_free"`
	Former        []formerView                 `json:"former,omitzero"`
	Lines         []lineView                   `json:"lines"`
}

type lineView struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "What is safe, what waits, and what to do",
		Long:    "What is safe, what waits, and what to do. The exit status is 1 until everything is proven to be in the ledger, with its files.",
		Example: "  fieldkit status --lang zh\n  fieldkit status > /dev/null && echo all safe",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			st, err := s.Status(cmd.Context())
			if err != nil {
				return err
			}
			if err := a.printStatus(st); err != nil {
				return err
			}
			if !st.Safe() {
				return errNo
			}
			return nil
		},
	}
}

// marks begin the lines of a status.
var marks = map[string]string{"ok": "✓", "wait": "…", "act": "!"}

func (a *app) printStatus(st *device.Status) error {
	lines := st.Words(device.ParseLang(a.lang))
	if !a.json {
		if id := st.Identity; id != nil {
			a.say("%s · %s · %s", id.PersonName, id.OrgName, id.Device)
		}
		for _, l := range lines {
			a.say("%s %s", marks[l.Level], l.Text)
		}
		return nil
	}
	v := statusView{Safe: st.Safe(), Identity: viewIdentity(st.Identity), Events: st.Events, Media: map[string]device.MediaCount{},
		Pending: st.Pending, Hold: st.Hold, OpenHandovers: st.OpenHandovers, Drafts: st.Drafts, LabelsLeft: st.LabelsLeft,
		Checkpoint: st.CheckpointSize, ClockOffsetMS: st.ClockOffsetMS, LastSync: st.LastSync, Anomalies: len(st.Anomalies), DiskFree: st.DiskFree}
	for state, c := range st.Media {
		v.Media[string(state)] = c
	}
	for i := range st.Former {
		v.Former = append(v.Former, viewFormer(&st.Former[i]))
	}
	for _, l := range lines {
		v.Lines = append(v.Lines, lineView{l.Level, l.Text})
	}
	return a.print(v)
}

// syncView is a sync's report as --json prints it.
type syncView struct {
	Sent        int      `json:"sent"`
	Proven      int      `json:"proven"`
	Quarantined int      `json:"quarantined"`
	Pulled      int      `json:"pulled"`
	MediaSent   int      `json:"media_sent"`
	Pending     int      `json:"pending"`
	OffsetMS    int64    `json:"clock_offset_ms"`
	Revoked     bool     `json:"revoked"`
	Notes       []string `json:"notes"`
	Error       string   `json:"error,omitzero"`
}

func (a *app) syncCommand() *cobra.Command {
	var opts device.SyncOptions
	var server string
	cmd := &cobra.Command{
		Use: "sync", Short: "Hand in, prove, fetch, upload",
		Long: `Hand in what the server does not have yet, prove that it has it, fetch what is new,
and upload files. It can be stopped at any moment and run again. The exit status is
1 where a record went into quarantine, a file was refused, or the server could not be
believed.`,
		Example: "  fieldkit sync\n  fieldkit sync --data-only --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if server != "" {
				if opts.Client, err = device.NewClient(server, nil); err != nil {
					return err
				}
			}
			bars := &bars{app: a}
			if a.Terminal && !a.json {
				opts.Progress = bars.show
			}
			report, err := s.Sync(cmd.Context(), opts)
			bars.done()
			return a.reportSync(report, err)
		},
	}
	cmd.Flags().BoolVar(&opts.DataOnly, "data-only", false, "leave files for another time")
	cmd.Flags().IntVar(&opts.Batch, "batch", 0, "the most records of one batch")
	cmd.Flags().StringVar(&server, "server", "", "another `URL` of the same server")
	return cmd
}

func (a *app) reportSync(r device.SyncReport, err error) error {
	if a.json {
		v := syncView{Sent: r.Sent, Proven: r.Proven, Quarantined: r.Quarantined, Pulled: r.Pulled, MediaSent: r.MediaSent,
			Pending: r.Pending, OffsetMS: r.OffsetMS, Revoked: r.Revoked, Notes: r.Notes}
		if err != nil {
			v.Error = err.Error()
		}
		if perr := a.print(v); perr != nil {
			return errors.Join(err, perr)
		}
	} else {
		a.say("sent %d records, proved %d, fetched %d, sent %d files; clock off by %d ms", r.Sent, r.Proven, r.Pulled, r.MediaSent, r.OffsetMS)
		for _, n := range r.Notes {
			a.say("! %s", n)
		}
		if r.Quarantined > 0 {
			a.say("! %d records went into quarantine: fieldkit status says why", r.Quarantined)
		}
		if r.Revoked {
			a.say("! this device has been revoked: the server keeps what it hands in aside")
		}
	}
	switch {
	case err != nil && a.json:
		var fault *device.ServerFault
		if errors.As(err, &fault) {
			return errNo
		}
		return &toldError{err}
	case err != nil:
		return err
	case r.Quarantined > 0 || r.Revoked || len(r.Notes) > 0:
		return errNo
	}
	return nil
}

// toldError is an error that was printed already.
type toldError struct{ error }

func (e *toldError) Unwrap() error { return e.error }

// bars draw the progress of a sync, stage by stage.
type bars struct {
	*app
	mu    sync.Mutex
	stage string
	bar   *progressbar.ProgressBar
}

func (b *bars) show(p device.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.Stage != b.stage {
		b.finish()
		b.stage = p.Stage
		b.bar = progressbar.NewOptions64(p.Total, progressbar.OptionSetWriter(b.Err), progressbar.OptionSetDescription(p.Stage),
			progressbar.OptionShowBytes(p.Stage == "media"), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
	}
	b.bar.ChangeMax64(max(p.Total, 1))
	_ = b.bar.Set64(min(p.Done, p.Total)) // what cannot be drawn is not missed
}

func (b *bars) finish() {
	if b.bar != nil {
		_ = b.bar.Finish()
		b.bar = nil
	}
}

func (b *bars) done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finish()
}
