package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"fieldseal/api/access"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/ledger/keyfile"
	"fieldseal/sync/projection"
	"fieldseal/sync/replay"
	"fieldseal/sync/store"

	"github.com/spf13/cobra"
)

// dbEndings are those of the files of a SQLite database.
var dbEndings = []string{"", "-wal", "-shm"}

func recoverCommand() *cobra.Command {
	var backup string
	var check bool
	c := &cobra.Command{
		Use: "recover [SOURCE]...", Short: "Rebuild what a backup lacks from what devices, bundles and exports hold",
		Long: "Rebuild what a backup lacks from what devices, bundles and exports hold, when the guard refuses the database because it is older than what was acknowledged.\n\n" +
			"A source is the archive of a device (fieldkit export archive), a court bundle, the directory of an export of the log (fieldseal log export), a file of envelopes, or a directory with any of these. " +
			"Nothing in a source is believed: the result is taken only if it gives exactly the root that was acknowledged, and then verified from the exact bytes on. If anything is missing, it says which entries, what is known of them and who may have them.\n\n" +
			"The work is done in a new database beside the old one, which takes its place at the end; the old one is kept under another name. The server must not be running. " +
			"Everybody has to sign in anew afterwards, open enrolment codes end, and passwords are those of the backup.",
		Example: "  fieldseal recover --data /var/lib/fieldseal --backup /backup/fieldseal-2026-11-24.sqlite archives/ log-export/ case-17.zip",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := loadConfig(dataDir(c))
			if err != nil {
				return err
			}
			r := recovery{cfg: cfg, backup: backup, sources: args, check: check, out: c.OutOrStdout(), errs: c.ErrOrStderr()}
			return r.run(c.Context())
		},
	}
	c.Flags().StringVar(&backup, "backup", "", "the `file` of the backup; without it the database that is in place, or nothing where there is none")
	c.Flags().BoolVar(&check, "check", false, "only say whether everything is there, and what is missing")
	return c
}

// recovery is one run of recover.
type recovery struct {
	cfg       Config
	backup    string
	sources   []string
	check     bool
	out, errs io.Writer

	key   *ledger.Key
	guard *guard.Guard
	state guard.State
	work  string // the new database
}

func (r *recovery) run(ctx context.Context) (err error) {
	sc := r.cfg.store()
	if sc.Driver != store.SQLite {
		return errors.New("this server uses PostgreSQL: restore a base backup and the write-ahead log with its own tools; replay from devices is for the embedded database")
	}
	if r.key, err = keyfile.Load(filepath.Join(r.cfg.path(r.cfg.Keys), logKeyFile), r.cfg.Origin); err != nil {
		return err
	}
	if r.guard, err = guard.Open(ctx, r.cfg.path(r.cfg.Guard)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.guard.Close()) }()
	var known bool
	if r.state, known, err = r.guard.State(ctx, r.cfg.Origin); err != nil {
		return err
	}
	if !known || r.state.Size == 0 {
		return fmt.Errorf("the guard %s knows no checkpoint of %s, so there is no root to reach", r.guard.Path(), r.cfg.Origin)
	}
	if !r.check && r.backup != "" && r.whole(ctx, sc) {
		return fmt.Errorf("the database in place, %s, has all that was acknowledged; nothing was changed. If it is damaged (fieldseal fsck), stop the server and move it away first, with its -wal and -shm files", sc.Path)
	}
	r.work = sc.Path + ".recovering"
	defer func() { err = errors.Join(err, removeDB(r.work)) }()
	if err := r.copyBackup(sc.Path); err != nil {
		return err
	}
	found, err := r.find(ctx)
	if err != nil || r.check {
		return err
	}
	if err := r.rebuild(ctx, found); err != nil {
		return err
	}
	return r.swap(sc.Path)
}

// whole reports whether the database in place has what the guard knows: then it
// must not be replaced, and a server may be running on it. One that cannot be
// read is not whole.
func (r *recovery) whole(ctx context.Context, sc store.Config) bool {
	if _, err := os.Stat(sc.Path); err != nil {
		return false
	}
	s, err := store.Open(ctx, sc)
	if err != nil {
		return false
	}
	var have ledger.Hash
	err = s.Read(ctx, func(tx *store.Tx) (err error) {
		have, err = ledger.RootAt(ctx, tx, r.state.Size)
		return err
	})
	return errors.Join(err, s.Close()) == nil && have == r.state.Root
}

func removeDB(path string) (err error) {
	for _, ending := range dbEndings {
		if e := os.Remove(path + ending); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// copyBackup makes the new database a copy of the backup, or leaves it away
// where there is none.
func (r *recovery) copyBackup(db string) error {
	from := r.backup
	if from == "" {
		from = db
		if _, err := os.Stat(db); errors.Is(err, os.ErrNotExist) {
			fmt.Fprintln(r.out, "there is no database and no backup was named: everything is to be found in the sources")
			return removeDB(r.work)
		}
	}
	if err := removeDB(r.work); err != nil {
		return err
	}
	if err := copyFile(from, r.work); err != nil {
		return err
	}
	// What a stopped server had not yet moved into the file itself.
	if _, err := os.Stat(from + "-wal"); err == nil {
		return copyFile(from+"-wal", r.work+"-wal")
	}
	return nil
}

// find looks for the lost entries and says what is missing.
func (r *recovery) find(ctx context.Context) (*replay.Found, error) {
	s, err := store.Open(ctx, store.Config{Driver: store.SQLite, Path: r.work})
	if err != nil {
		return nil, err
	}
	search := replay.Config{LogKey: r.key.Verifier(), To: r.state.Size}
	tree := new(ledger.Tree)
	err = s.Read(ctx, func(tx *store.Tx) error {
		last, there, err := tx.LastCheckpoint()
		if err != nil || !there {
			return err
		}
		search.From = ledger.Size(last.Size)
		if tree, err = ledger.LoadTree(ctx, tx, search.From); err != nil {
			return err
		}
		if event.Root(tree.Root()) != last.Root {
			return fmt.Errorf("the backup is damaged: its tiles give another root than its newest checkpoint; take another backup")
		}
		search.Devices, err = knownDevices(tx)
		return err
	})
	if err = errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	if search.From >= search.To {
		return nil, fmt.Errorf("nothing is lost: the database has %d entries, acknowledged were %d. To put a backup in place use fieldseal restore", search.From, search.To)
	}
	fmt.Fprintf(r.out, "the backup has %d entries, acknowledged were %d (%s): looking for %d\n", search.From, search.To, r.state.At.Format(time.RFC3339), search.To-search.From)
	e := replay.New(search)
	found, err := r.resolve(ctx, e, tree)
	for _, remark := range e.Remarks() {
		fmt.Fprintln(r.errs, "note  ", remark)
	}
	if missing := new(replay.MissingError); errors.As(err, &missing) {
		fmt.Fprintln(r.out, missing)
		fmt.Fprintln(r.out, "Look for these sources and run the same again. If they are lost for good: fieldseal freeze, then fieldseal successor.")
		return nil, errNo
	}
	if wrong := new(replay.RootError); errors.As(err, &wrong) {
		fmt.Fprintln(r.out, wrong)
		return nil, errNo
	}
	if err == nil {
		fmt.Fprintf(r.out, "all %d entries are there and give the acknowledged root %s\n", len(found.Entries), r.state.Root)
	}
	return found, err
}

func (r *recovery) resolve(ctx context.Context, e *replay.Evidence, tree *ledger.Tree) (found *replay.Found, err error) {
	for _, path := range r.sources {
		closeSource, err := e.AddPath(ctx, path)
		defer func() { _ = closeSource() }() // read only
		if err != nil {
			return nil, err
		}
	}
	return e.Resolve(ctx, tree, r.state.Root)
}

// knownDevices lists the devices of the backup.
func knownDevices(tx *store.Tx) (list []replay.Device, err error) {
	devices, err := projection.Devices(tx)
	if err != nil {
		return nil, err
	}
	for _, d := range devices {
		head, err := projection.HeadOf(tx, d.N)
		if err != nil {
			return nil, err
		}
		name := d.Model
		if p, found, err := projection.PersonByID(tx, d.Person); err != nil {
			return nil, err
		} else if found {
			name = p.Name + ", " + d.Model
		}
		list = append(list, replay.Device{ID: d.ID, Key: event.Digest(d.Key.ID()), Name: name, Head: head.Max, Authority: d.Authority()})
	}
	return list, nil
}

// rebuild replays what was found into the new database and verifies all of it.
func (r *recovery) rebuild(ctx context.Context, found *replay.Found) (err error) {
	bar := stages(r.errs)
	cfg := ingest.ReplayConfig{Path: r.work, LogKey: r.key, Notes: found.Checkpoints}
	if bar != nil {
		cfg.Progress = func(done, total int64) { bar("replay", done, total) }
	}
	for _, x := range found.Entries {
		cfg.Entries = append(cfg.Entries, ingest.Lost{Leaf: x.Leaf, Line: x.Line})
	}
	if err := ingest.Replay(ctx, cfg); err != nil {
		return err
	}
	s, err := store.Open(ctx, store.Config{Driver: store.SQLite, Path: r.work})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	report, err := ingest.Fsck(ctx, s, ingest.FsckOptions{LogKey: r.key.VerifierText(), Guard: r.guard, Projections: true, Progress: bar})
	if err != nil {
		return err
	}
	say(r.out, report)
	if !report.OK() {
		return fmt.Errorf("the rebuilt database is not whole, so nothing was changed; the backup itself may be damaged (fieldseal fsck)")
	}
	codes, err := access.Restored(ctx, s)
	if err == nil && codes > 0 {
		fmt.Fprintf(r.out, "%d enrolment codes that were open in the backup were ended; make new ones\n", codes)
	}
	return err
}

// swap puts the new database in the place of the old one, whose files are kept.
// Crash windows: after the old files were moved there is no database, and after
// their log was moved an older one; the guard refuses both, and both names and
// the new database are there to run recover again with.
func (r *recovery) swap(db string) error {
	for _, ending := range dbEndings[1:] { // closed, the new database is one file
		if info, err := os.Stat(r.work + ending); err == nil && info.Size() > 0 {
			return fmt.Errorf("%s is in use by another process; nothing was changed", r.work)
		}
	}
	kept := db + ".before-" + time.Now().UTC().Format("20060102T150405Z")
	moved := false
	for _, ending := range []string{"-wal", "-shm", ""} {
		err := os.Rename(db+ending, kept+ending)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		moved = moved || err == nil
	}
	if err := os.Rename(r.work, db); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(db)); err != nil {
		return err
	}
	if moved {
		fmt.Fprintf(r.out, "the database that was in place is kept as %s\n", kept)
	}
	fmt.Fprintf(r.out, "recovered: %s is whole up to what was acknowledged. Everybody signs in anew, with the password of the backup; run fieldseal fsck --media before you serve\n", db)
	return nil
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
