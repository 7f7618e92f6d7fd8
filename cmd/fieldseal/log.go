package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/tiledlog"
	"fieldseal/sync/tiledlog/audit"

	"github.com/spf13/cobra"
)

func logCommand() *cobra.Command {
	c := &cobra.Command{Use: "log", Short: "Publish the ledger as C2SP tlog-tiles, and check a published one", Example: "  fieldseal log export /srv/www/log"}
	c.AddCommand(logExportCommand(), logCheckCommand())
	return c
}

func logExportCommand() *cobra.Command {
	return &cobra.Command{
		Use: "export DIR", Short: "Write the ledger's tiles, entries and checkpoint to files, as serve does under /log", Args: cobra.ExactArgs(1),
		Long: "Write the ledger's tiles, entries and checkpoint to files (C2SP tlog-tiles), the layout that serve answers with under /log: for a web server, a mirror, or to hand over. " +
			"There are digests, ids of keys and times of receipt in it; no name, text or place of any event. It may run beside the server, and be cut off: the next export goes on. " +
			"What is there already is held against the ledger; a file that differs is never overwritten. The checkpoint, the newest with a quorum of cosignatures where witnesses are configured, comes last.",
		Example: "  fieldseal log export --data /var/lib/fieldseal /srv/www/log",
		RunE: func(c *cobra.Command, args []string) error {
			return within(c, func(ctx context.Context, h *house) error { return exportLog(ctx, c, h, args[0]) })
		},
	}
}

func exportLog(ctx context.Context, c *cobra.Command, h *house, dir string) error {
	key, err := ledger.ParseVerifier(h.engine.LogKey())
	if err != nil {
		return err
	}
	signed, err := h.published(ctx)
	if err != nil {
		return err
	}
	s, err := tiledlog.Export(ctx, h.engine, dir, tiledlog.Options{Checkpoint: signed, LogKey: key, Progress: stages(c.ErrOrStderr())})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s has %d entries of %s: %d files written, %d were there and are right, %d partial ones removed\n", dir, s.Size, h.cfg.Origin, s.Written, s.Kept, s.Removed)
	if s.Ahead {
		fmt.Fprintln(c.OutOrStdout(), "the checkpoint that is there is newer than the newest with a quorum of cosignatures, and stays")
	}
	fmt.Fprintf(c.OutOrStdout(), "check it anywhere with: fieldseal log check %s --key %s\n", dir, h.engine.LogKey())
	return nil
}

// published is the checkpoint that is shown to the world: the newest that a quorum
// of the configured witnesses has cosigned, the log's own where there is none.
func (h *house) published(ctx context.Context) (*ledger.SignedCheckpoint, error) {
	if h.witnesses == nil {
		if err := h.watch(ctx); err != nil {
			return nil, err
		}
	}
	if h.witnesses != nil {
		if w, _ := h.witnesses.Witnessed(); w != nil {
			return w, nil
		}
	}
	return h.engine.Signed(ctx)
}

// checkFlags are those of log check.
type checkFlags struct {
	key, earlier, save string
	witnesses          []string
	asJSON             bool
}

func logCheckCommand() *cobra.Command {
	var o checkFlags
	c := &cobra.Command{
		Use: "check DIR|URL", Short: "Verify a published ledger, from the checkpoint's signature to every entry", Args: cobra.ExactArgs(1),
		Long: "Verify a published ledger, from the checkpoint's signature to every entry, by another path than the server's own. It needs no data directory. " +
			"Have the key of the log, and those of witnesses, from somewhere else than the log: the key is what fieldseal init printed. " +
			"With the checkpoint of an earlier check, the ledger must also continue that one. Exit status 0 where all is well, 1 where something is wrong, 2 where it could not be checked.",
		Example: "  fieldseal log check /srv/www/log --key custody.example.cn/log+1ab2c3d4+AbC…\n" +
			"  fieldseal log check https://custody.example.cn/log --key custody.example.cn/log+1ab2c3d4+AbC… --earlier last.txt --save last.txt",
		RunE: func(c *cobra.Command, args []string) error { return checkLog(c, args[0], o) },
	}
	f := c.Flags()
	f.StringVar(&o.key, "key", "", "the log's verifier `key`")
	f.StringArrayVar(&o.witnesses, "witness", nil, "the verifier `key` of a witness that must have cosigned; repeatable")
	f.StringVar(&o.earlier, "earlier", "", "a `file` with an earlier checkpoint, which the ledger must continue")
	f.StringVar(&o.save, "save", "", "where all is well, write the checkpoint to this `file`, for --earlier next time")
	f.BoolVar(&o.asJSON, "json", false, "JSON for scripts")
	_ = c.MarkFlagRequired("key")
	return c
}

// checkTimeout bounds one request to a served log.
const checkTimeout = time.Minute

func openLog(from string) (audit.Source, func() error, error) {
	if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
		w, err := audit.NewWeb(from, &http.Client{Timeout: checkTimeout})
		return w, func() error { return nil }, err
	}
	d, err := audit.OpenDirectory(from)
	return d, d.Close, err
}

func checkLog(c *cobra.Command, from string, f checkFlags) error {
	o := audit.Options{Key: f.key, Witnesses: f.witnesses, Progress: stages(c.ErrOrStderr())}
	if f.earlier != "" {
		var err error
		if o.Earlier, err = os.ReadFile(f.earlier); err != nil {
			return err
		}
	}
	source, done, err := openLog(from)
	if err != nil {
		return err
	}
	r, err := audit.Check(c.Context(), source, o)
	if err = errors.Join(err, done()); err != nil {
		return fmt.Errorf("%s could not be checked: %w", from, err)
	}
	if f.asJSON {
		err = printJSON(c.OutOrStdout(), r)
	} else {
		sayLog(c.OutOrStdout(), r)
	}
	switch {
	case err != nil:
		return err
	case !r.OK():
		return errNo
	case f.save != "":
		return replaceFile(f.save, r.Checkpoint)
	}
	return nil
}

// replaceFile puts a whole file in the place of another, or of none.
func replaceFile(name string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".save-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

func sayLog(w io.Writer, r *audit.Report) {
	for _, f := range r.Faults {
		fmt.Fprintf(w, "WRONG  %s: %s\n", f.Path, f.Reason)
	}
	if r.GaveUp {
		fmt.Fprintln(w, "… and more: the rest was not looked at")
	}
	if r.Unchecked > 0 {
		fmt.Fprintf(w, "note   %d files could not be checked, since what stands above them is wrong\n", r.Unchecked)
	}
	if r.Unknown > 0 {
		fmt.Fprintf(w, "note   %d signature lines are by other keys, of witnesses perhaps, and say nothing; name those keys with --witness\n", r.Unknown)
	}
	for _, path := range r.Strays {
		fmt.Fprintf(w, "note   %s is not of this checkpoint's tree and was not checked; an export that was cut off leaves such files\n", path)
	}
	if r.Origin != "" {
		fmt.Fprintf(w, "%s: %d entries, %d tiles, %d signatures verified; root %s\n", r.Origin, r.Entries, r.Tiles, r.Signatures, r.Root)
	}
	switch {
	case !r.OK():
		fmt.Fprintln(w, "something is wrong: keep a copy of what was checked, and ask for another copy of the log")
	case r.EarlierSize >= 0:
		fmt.Fprintf(w, "all is well, and it continues the earlier checkpoint of %d entries\n", r.EarlierSize)
	default:
		fmt.Fprintln(w, "all is well in itself; that nothing was rewritten since an earlier time shows only with --earlier")
	}
}
