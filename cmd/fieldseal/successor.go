package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fieldseal/api/access"
	"fieldseal/sync/blob"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/ledger/keyfile"
	"fieldseal/sync/store"
	"fieldseal/sync/succession"
	"fieldseal/sync/succession/carry"

	"github.com/spf13/cobra"
)

// successor is one run of the command.
type successor struct {
	c                                *cobra.Command
	old, cfg                         Config
	name, nameZH, reason             string
	shareMedia, unwitnessed, foreign bool

	end  ending
	last ledger.Checkpoint
	from *store.Store
	// archives are those of devices, found what they hold; nil where none are named.
	archives []string
	found    *carry.Found
	// why is why the former database is not the whole of the former log; nil where it is.
	why error
}

func successorCommand() *cobra.Command {
	var s successor
	var old, origin, listen, url, database string
	c := &cobra.Command{
		Use: "successor [ARCHIVE]...", Short: "Open the log that continues a frozen one",
		Long: "Open the log that continues a frozen one: a new data directory with a log of another name and keys of its own. It begins with the last checkpoint of the former log and carries over what work needs to go on: " +
			"organisations, persons and their passwords, rights, rule packs, label blocks, the enrolments of devices, every event that devices sealed, and the files. " +
			"The former authority's key endorses it, so that devices need no word from anybody: fieldkit successor.\n\n" +
			"Keep the former data directory, and serve it as long as devices may come late: it is where the events are proven that it took in, and bundles of cases that lie in both logs are made from both.\n\n" +
			"Where the former database is lost, the archives of devices (fieldkit export archive) tell what it lacks, as far as those devices knew it.\n\n" +
			"If the command was cut short, remove the new data directory and run it again.",
		Example: "  fieldseal successor --old /var/lib/fieldseal --data /var/lib/fieldseal-2027 --origin custody.example.cn/log-2027",
		RunE: func(c *cobra.Command, args []string) (err error) {
			s.c, s.archives = c, args
			if s.old, err = loadConfig(old); err != nil {
				return err
			}
			s.cfg = defaults(dataDir(c))
			s.cfg.Origin, s.cfg.Database = origin, database
			if listen != "" {
				s.cfg.Listen, s.cfg.PublicURL = listen, "http://"+listen
			}
			if url != "" {
				s.cfg.PublicURL = url
			}
			if s.cfg.Former, err = filepath.Abs(old); err != nil {
				return err
			}
			return s.run(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&old, "old", "", "the data `directory` of the frozen log")
	f.StringVar(&origin, "origin", "", "the new ledger's `name`; it can never change")
	f.StringVar(&s.name, "name", "", "the authority's `name`, if it is another one now")
	f.StringVar(&s.nameZH, "name-zh", "", "the authority's Chinese `name`")
	f.StringVar(&listen, "listen", "", "the `address` to serve on (127.0.0.1:8080)")
	f.StringVar(&url, "public-url", "", "how devices reach the new server")
	f.StringVar(&database, "database", "", "a postgres:// `address`; the embedded SQLite without it")
	f.StringVar(&s.reason, "reason", "", "`why` there is a new log, if not for what the old one was frozen for; it goes on the ledger")
	f.BoolVar(&s.shareMedia, "share-media", false, "use the former log's media directory instead of copying the files")
	f.BoolVar(&s.unwitnessed, "unwitnessed", false, "begin with a checkpoint that too few of the former log's witnesses have cosigned")
	f.BoolVar(&s.foreign, "unendorsed", false, "leave out the former authority's endorsement, because its key is lost or in other hands; devices then compare the new fingerprint")
	_ = c.MarkFlagRequired("old")
	_ = c.MarkFlagRequired("origin")
	return c
}

func (s *successor) run(ctx context.Context) (err error) {
	if s.cfg.Origin == s.old.Origin {
		return fmt.Errorf("%s is the name of the former log; a successor has a name of its own", s.cfg.Origin)
	}
	if s.end, err = s.ending(ctx); err != nil {
		return err
	}
	if s.last, _, err = ledger.ParseUnverifiedCheckpoint(s.end.note); err != nil {
		return err
	}
	if need := s.needed(); s.end.cosigned-1 < need && !s.unwitnessed {
		return fmt.Errorf("the last checkpoint of %s has %d cosignatures of witnesses, %d are wanted. Run fieldseal freeze until it has them, or begin without: --unwitnessed", s.old.Origin, s.end.cosigned-1, need)
	}
	if s.from, err = store.Open(ctx, s.old.store()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.from.Close()) }()
	if s.why = carry.Whole(ctx, s.from, s.last); s.why != nil && !errors.Is(s.why, carry.ErrFormer) {
		return s.why
	}
	if err := s.read(); err != nil {
		return err
	}
	if err := s.checked(ctx); err != nil {
		return err
	}
	if s.why != nil {
		s.cfg.Former = "" // no bundle can be made of what is left of it
	}
	if s.shareMedia {
		if s.cfg.Media, err = filepath.Abs(s.old.path(s.old.Media)); err != nil {
			return err
		}
	}
	if err := layOut(s.cfg); err != nil {
		return err
	}
	entry, err := s.entry()
	if err != nil {
		return err
	}
	h, err := openWith(ctx, s.cfg, nil, ingest.Config{Name: s.name, NameZH: s.nameZH, Predecessor: entry})
	if err != nil {
		return err
	}
	return errors.Join(s.fill(ctx, h, len(entry.Endorsement) > 0), h.close())
}

// ending reads how the former log ended.
func (s *successor) ending(ctx context.Context) (end ending, err error) {
	g, err := guard.Open(ctx, s.old.path(s.old.Guard))
	if err != nil {
		return end, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return lastOf(ctx, s.old, g)
}

// needed is how many witnesses must have cosigned the last checkpoint.
func (s *successor) needed() int {
	if len(s.old.Witnesses) == 0 {
		return 0
	}
	return s.old.witnessQuorum()
}

// checked verifies the former database from its exact bytes to its root: what its
// authority stated there is about to be stated in the new authority's name. It takes
// the authority's name from there where none is given.
func (s *successor) checked(ctx context.Context) error {
	g, err := carry.Genesis(ctx, s.from)
	if errors.Is(err, carry.ErrFormer) && s.why != nil { // nothing is left of it
		if s.found != nil && s.name == "" && s.found.Genesis() != nil {
			s.name, s.nameZH = s.found.Genesis().Name, s.found.Genesis().NameZH
		}
		if s.name == "" {
			err = fmt.Errorf("%w; name the authority with --name", err)
		} else {
			err = nil
		}
	}
	if err != nil || g == nil {
		return err
	}
	if s.name == "" {
		s.name, s.nameZH = g.Name, g.NameZH
	}
	key, err := ledger.ParseVerifier(g.LogKey)
	if err == nil {
		_, err = ledger.ParseCheckpoint(s.end.note, key)
	}
	if err != nil {
		return fmt.Errorf("the former database begins with another log than the one that was frozen: %w", err)
	}
	r, err := ingest.Fsck(ctx, s.from, ingest.FsckOptions{LogKey: g.LogKey, Progress: stages(s.c.ErrOrStderr())})
	if err != nil {
		return err
	}
	if !r.OK() {
		say(s.c.ErrOrStderr(), r)
		return fmt.Errorf("the former database is damaged, and nothing was carried over. See fieldseal fsck --data %s, and fieldseal recover", s.old.dir)
	}
	return nil
}

// entry makes the statement that the new log begins with.
func (s *successor) entry() (*event.LogPredecessor, error) {
	if s.reason == "" {
		s.reason = s.end.state.Why
	}
	b := &event.LogPredecessor{Origin: s.last.Origin, Size: int64(s.last.Size), Root: event.Root(s.last.Root), Checkpoint: string(s.end.note), Reason: s.reason}
	if s.foreign {
		return b, nil
	}
	former, err := loadAuthorityKey(s.old.path(s.old.Keys))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w. Where that key is lost for good: --unendorsed", err)
		}
		return nil, err
	}
	own, err := loadAuthorityKey(s.cfg.path(s.cfg.Keys))
	if err != nil {
		return nil, err
	}
	logKey, err := keyfile.Load(filepath.Join(s.cfg.path(s.cfg.Keys), logKeyFile), s.cfg.Origin)
	if err != nil {
		return nil, err
	}
	b.Endorsement, err = succession.Endorse(succession.Statement{Former: succession.EndOf(b),
		Next: succession.Next{Origin: s.cfg.Origin, LogKey: logKey.VerifierText(), Authority: event.Digest(own.Public().ID())}}, former)
	return b, err
}

// fill carries everything over and, at the end, makes the directory one.
func (s *successor) fill(ctx context.Context, h *house, endorsed bool) error {
	sum, err := s.carry(ctx, h)
	if err != nil {
		return fmt.Errorf("%w\nThe new data directory %s is not complete: remove it before you try again", err, s.cfg.dir)
	}
	passwords, err := access.Carried(ctx, s.from, h.store)
	if err != nil {
		return err
	}
	if err := s.cfg.save(); err != nil {
		return err
	}
	ready(s.c, h)
	s.tell(sum, passwords, endorsed)
	return nil
}

func (s *successor) carry(ctx context.Context, h *house) (*carry.Summary, error) {
	var files *blob.Files
	if err := s.old.mediaThere(); err == nil {
		if files, err = blob.OpenFiles(blob.FilesConfig{Dir: s.old.path(s.old.Media)}); err != nil {
			return nil, err
		}
	} else if s.why == nil {
		return nil, err // of a whole log: its volume is not mounted
	}
	var bar func(done, total int64)
	if show := stages(s.c.ErrOrStderr()); show != nil {
		bar = func(done, total int64) { show("carrying over", done, total) }
	}
	cfg := carry.Config{From: s.from, To: h.engine, Store: h.store, Progress: bar, Held: func(ctx context.Context, d event.Digest) (bool, error) {
		if files == nil {
			return false, nil
		}
		return takeFile(ctx, files, h.blobs, d)
	}}
	sum, err := carry.Over(ctx, cfg)
	if err == nil && s.found != nil {
		err = carry.Further(ctx, cfg, sum, s.found)
	}
	return sum, err
}

// read takes up the archives of devices.
func (s *successor) read() error {
	if len(s.archives) == 0 {
		return nil
	}
	if s.why == nil {
		return errors.New("the former database is whole: everything is carried over from there, and archives of devices are not needed")
	}
	key, err := loadAuthorityKey(s.old.path(s.old.Keys))
	if err != nil {
		return fmt.Errorf("what archives hold is believed by the former authority's key alone: %w", err)
	}
	s.found = carry.NewFound(key.Public())
	for _, path := range s.archives {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err == nil {
			err = s.found.AddArchive(f, info.Size())
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// takeFile copies a file that has arrived, once, and checks its digest on the way.
func takeFile(ctx context.Context, from, to *blob.Files, d event.Digest) (held bool, err error) {
	if held, err = to.Has(ctx, d); held || err != nil {
		return held, err
	}
	r, err := from.Open(ctx, d)
	if errors.Is(err, blob.ErrNotHeld) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	got, _, err := to.Put(ctx, r)
	if err = errors.Join(err, r.Close()); err == nil && got != d {
		err = fmt.Errorf("the file %s of the former log has the digest %s: it has changed on its disk. Find it with fieldseal fsck --media", d, got)
	}
	return err == nil, err
}

// tell says what the new log has, and what people must do.
func (s *successor) tell(sum *carry.Summary, passwords int64, endorsed bool) {
	line := func(format string, args ...any) { fmt.Fprintf(s.c.OutOrStdout(), format+"\n", args...) }
	n := sum.Statements
	line("\nIt continues %s, which ended at %d entries: %s", s.last.Origin, s.last.Size, s.end.state.Why)
	line("carried over: %d organisations, %d statements about persons, %d passwords, %d devices, %d rights, %d label blocks, %d rule packs, %d events of devices, %d files",
		n[event.TypeOrgRegistered], n[event.TypePersonRegistered], passwords, n[event.TypeDeviceEnrolled], n[event.TypeCaseGranted], n[event.TypeLabelBlock],
		n[event.TypeRulePack], sum.Lines, sum.Files)
	line("only in the former log: %d statements of its authority, %d lines in quarantine", sum.Left, sum.Quarantined)
	if len(sum.Missing) > 0 {
		line("%d files that had arrived are not in the former media directory; devices that still have them send them again. The first is %s", len(sum.Missing), sum.Missing[0])
	}
	line("\nWhat to do now")
	if s.why != nil {
		s.tellLost(line, sum)
	}
	line("  serve the former log, too, as long as devices may come late: fieldseal serve --data %s --listen ANOTHER-ADDRESS", s.old.dir)
	line("  on each device: fieldkit successor --server %s", s.cfg.PublicURL)
	if !endorsed {
		line("  the former authority does not vouch for the new one: have people compare its fingerprint, fieldkit successor --authority (above)")
	}
	line("  in %s: the witnesses and time-stamping authorities of the new log; its key must be told to each witness", filepath.Join(s.cfg.dir, configName))
	line("  codes for enrolment that were open have ended; issue new ones: fieldseal admin code")
	if s.why == nil {
		line("  a case's bundle shows both logs: fieldseal bundle --data %s", s.cfg.dir)
	} else {
		line("  a case's bundle shows the new log alone, unless it is given one that was made of the former log: fieldseal bundle --former FILE")
	}
}

// tellLost says what nobody carried over, where the database was not whole.
func (s *successor) tellLost(line func(string, ...any), sum *carry.Summary) {
	lacks := int64(s.last.Size) - sum.Entries
	for _, r := range sum.Refused {
		line("  not carried over from an archive: %s", r)
	}
	line("  the former database was not whole: %v", s.why)
	line("  what its missing %d entries said was not carried over and must be made anew, as far as it is not below:", lacks)
	line("    organisations, persons, passwords, rights, label blocks and rule packs that were stated in them: fieldseal admin …")
	line("    revocations of devices, endings of rights and of access that were made in them: look through the lists, or they do not stand")
	line("    give label blocks with another prefix than before: which numbers were given out in them is not known")
	if s.found == nil {
		line("    the archives of devices may have much of that: remove %s, and run the command again with them", s.cfg.dir)
	}
	line("    devices that were enrolled in them: make them an empty store, issue a code; what the old store holds goes into a bundle of evidence by fieldkit export archive")
	line("    events of devices: those devices that are carried over hand in their whole chains by themselves, with their files")
	line("    bundles and certificates that were issued stay valid; they verify against the checkpoint that they name")
}
