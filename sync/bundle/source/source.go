package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"fieldseal/schema"
	"fieldseal/sync/blob"
	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/rules"
	"fieldseal/sync/store"
)

// cachedTiles bounds the memory for tiles: 2 MiB, which holds the upper levels of any log.
const cachedTiles = 256

// Source implements bundle.Source. It is not safe for concurrent use.
type Source struct {
	engine  *ingest.Engine
	store   *store.Store
	files   blob.Store
	tiles   ledger.TileReader
	plan    *plan
	leaves  map[ledger.Index]ledger.Leaf
	uploads map[event.Digest]int64 // bytes here of files that have not arrived whole
	note    []byte                 // the checkpoint that Checkpoint gave first
}

var _ bundle.Source = (*Source)(nil)

// New makes the source of one bundle.
func New(engine *ingest.Engine, s *store.Store, files blob.Store) *Source {
	return &Source{engine: engine, store: s, files: files, tiles: ledger.NewTileCache(store.Tiles{Store: s}, cachedTiles), leaves: map[ledger.Index]ledger.Leaf{}}
}

// NewAt is New for what is made of a checkpoint of this log that the caller chose, a
// witnessed one; nil is the newest.
func NewAt(engine *ingest.Engine, s *store.Store, files blob.Store, note []byte) *Source {
	src := New(engine, s, files)
	src.note = bytes.Clone(note)
	return src
}

// Export prepares a bundle and records in the log that it was made, of what and
// by whom, before a byte of it can leave; a log that has ended can record nothing
// more, and what it shows cannot change. The caller writes and closes it. stamp,
// where it is not nil, has the checkpoint time-stamped first; it is given the
// exact note, and what it cannot get the bundle is made without. note, where it is
// not nil, is the checkpoint of this log that the bundle is made of, a witnessed one;
// otherwise it is the newest.
func Export(ctx context.Context, engine *ingest.Engine, s *store.Store, files blob.Store, actor event.UUID, o bundle.Options, note []byte, stamp func(context.Context, []byte)) (*bundle.Prepared, ingest.Result, error) {
	src := NewAt(engine, s, files, note)
	if stamp != nil {
		note, err := src.Checkpoint(ctx)
		if err != nil {
			return nil, ingest.Result{}, err
		}
		stamp(ctx, note)
	}
	p, err := bundle.Prepare(ctx, src, o)
	if err != nil {
		return nil, ingest.Result{}, err
	}
	sum := p.Summary()
	if _, frozen, err := engine.Frozen(ctx); err != nil || frozen {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
		return p, ingest.Result{}, err
	}
	results, err := engine.Author(ctx, ingest.Draft{Case: o.Case, Actor: actor, Body: &event.BundleExported{Bundle: sum.Bundle, ManifestSHA256: sum.ManifestSHA256,
		Shown: sum.Shown, Hidden: sum.Hidden, CheckpointSize: int64(sum.Checkpoint), Purpose: o.Purpose}})
	if err != nil {
		return nil, ingest.Result{}, errors.Join(err, p.Close())
	}
	return p, results[0], nil
}

// Checkpoint implements bundle.Source. Of the notes with the newest size it
// gives the one that the most witnesses have signed, and the same every time.
func (s *Source) Checkpoint(ctx context.Context) (note []byte, err error) {
	if s.note == nil {
		s.note, err = Newest(ctx, s.engine, s.store)
	}
	return bytes.Clone(s.note), err
}

// Newest gives the note that a bundle made now would be judged against.
func Newest(ctx context.Context, engine *ingest.Engine, st *store.Store) ([]byte, error) {
	signed, err := engine.Signed(ctx)
	if err != nil {
		return nil, err
	}
	if signed == nil {
		return nil, fmt.Errorf("%w: the log is empty", bundle.ErrOptions)
	}
	note := signed.Note()
	err = st.Read(ctx, func(tx *store.Tx) error {
		kept, err := mostCosigned(tx, signed.Checkpoint)
		if kept != nil {
			note = kept
		}
		return err
	})
	return note, err
}

// looked is how many notes of one size are compared from either end: while a ledger
// rests it is cosigned every minute, perhaps for months.
const looked = 200

// mostCosigned gives, of the notes of a checkpoint, the earliest of those that the
// most witnesses have signed; nil where there is none.
func mostCosigned(tx *store.Tx, want ledger.Checkpoint) (note []byte, err error) {
	most := 1
	for _, order := range []string{"at", "at DESC"} {
		var later [][]byte
		err := tx.Each("SELECT note FROM cosigned WHERE size = $1 ORDER BY "+order+" LIMIT $2", store.Args(int64(want.Size), looked), func(scan func(...any) error) error {
			var text string
			if err := scan(&text); err != nil {
				return err
			}
			later = append(later, []byte(text))
			return nil
		})
		if err != nil {
			return nil, err
		}
		if order != "at" {
			slices.Reverse(later)
		}
		for _, text := range later {
			c, sigs, err := ledger.ParseUnverifiedCheckpoint(text)
			if err != nil {
				return nil, fmt.Errorf("%w: a stored checkpoint: %w", bundle.ErrSource, err)
			}
			if c == want && len(sigs) > most {
				note, most = text, len(sigs)
			}
		}
	}
	return note, nil
}

// Cosigned implements bundle.Source.
func (s *Source) Cosigned(ctx context.Context, size ledger.Size) (list []ledger.Size, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		return tx.Each("SELECT DISTINCT size FROM cosigned WHERE size <= $1 ORDER BY size", store.Args(int64(size)), func(scan func(...any) error) error {
			var n int64
			err := scan(&n)
			list = append(list, ledger.Size(n))
			return err
		})
	})
	return list, err
}

// CosignedNote implements bundle.Source.
func (s *Source) CosignedNote(ctx context.Context, size ledger.Size) (note []byte, err error) {
	root, err := s.engine.RootAt(ctx, int64(size))
	if err != nil {
		return nil, err
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		note, err = mostCosigned(tx, ledger.Checkpoint{Origin: s.engine.Origin(), Size: size, Root: root})
		return err
	})
	return note, err
}

// Tiles implements bundle.Source.
func (s *Source) Tiles() ledger.TileReader { return s.tiles }

// Rules implements bundle.Source: the newest pack of the default name that the
// authority has published, else the one that comes with the program.
func (s *Source) Rules(ctx context.Context) (text []byte, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		var index int64
		found, err := tx.Get("SELECT idx FROM rule_packs WHERE pack = $1 ORDER BY effective DESC, idx DESC LIMIT 1", store.Args(rules.DefaultID), &index)
		if err != nil || !found {
			return err
		}
		row, found, err := tx.EventAt(index)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("%w: the rule pack at entry %d is not there", bundle.ErrSource, index)
		}
		_, body, err := parse(row.Line)
		if b, ok := body.(*event.RulePack); ok {
			text = []byte(b.Content)
		}
		return err
	})
	if err != nil || text != nil {
		return text, err
	}
	return embedded()
}

// embedded is the exact text of the default pack.
func embedded() ([]byte, error) {
	names, err := fs.Glob(schema.Rules, "rules/*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(schema.Rules, name)
		if err != nil {
			return nil, err
		}
		p, err := rules.Parse(text)
		if err != nil {
			return nil, err
		}
		if d := rules.Default(); p.ID == d.ID && p.Version == d.Version {
			return text, nil
		}
	}
	return nil, errors.New("the program carries no default rule pack")
}

// Leaf implements bundle.Source.
func (s *Source) Leaf(ctx context.Context, index ledger.Index) (ledger.Leaf, error) {
	if l, ok := s.leaves[index]; ok {
		return l, nil
	}
	return s.engine.LeafAt(ctx, int64(index))
}

// Find implements bundle.Source.
func (s *Source) Find(ctx context.Context, device event.UUID, seq int64, size ledger.Size) (index ledger.Index, ok bool, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		d, found, err := projection.DeviceByID(tx, device)
		if err != nil || !found {
			return err
		}
		row, found, err := projection.EventBySeq(tx, d.N, seq)
		index, ok = ledger.Index(row.Index), found && row.Index < int64(size)
		return err
	})
	return index, ok, err
}

// Chain implements bundle.Source.
func (s *Source) Chain(ctx context.Context, device event.UUID, size ledger.Size) (head int64, missing [][2]int64, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		d, found, err := projection.DeviceByID(tx, device)
		if err != nil || !found {
			return err
		}
		var count int64
		if _, err := tx.Get("SELECT COALESCE(max(seq), 0), count(*) FROM events WHERE dev = $1 AND idx < $2", store.Args(d.N, int64(size)), &head, &count); err != nil {
			return err
		}
		if head == count {
			return nil
		}
		var last int64
		return tx.Each("SELECT seq FROM events WHERE dev = $1 AND idx < $2 ORDER BY seq", store.Args(d.N, int64(size)), func(scan func(...any) error) error {
			var seq int64
			if err := scan(&seq); err != nil {
				return err
			}
			if seq > last+1 {
				missing = append(missing, [2]int64{last + 1, seq - 1})
			}
			last = seq
			return nil
		})
	})
	return head, missing, err
}

// Note implements bundle.Source.
func (s *Source) Note(ctx context.Context, size ledger.Size, digest event.Digest) (note []byte, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		var text string
		found, err := tx.Get("SELECT note FROM cosigned WHERE sha = $1 AND size = $2", store.Args(digest[:], int64(size)), &text)
		if err != nil {
			return err
		}
		if !found {
			c, _, err := tx.CheckpointAt(int64(size))
			if err != nil {
				return err
			}
			text = c.Note // empty for a size at which nothing was signed, or not written yet
		}
		if text != "" {
			note = []byte(text)
		}
		return nil
	})
	return note, err
}

// Stamped implements bundle.Source.
func (s *Source) Stamped(ctx context.Context, size ledger.Size) (list []ledger.Size, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		return tx.Each("SELECT DISTINCT size FROM tokens WHERE size <= $1 ORDER BY size", store.Args(int64(size)), func(scan func(...any) error) error {
			var n int64
			err := scan(&n)
			list = append(list, ledger.Size(n))
			return err
		})
	})
	return list, err
}

// Tokens implements bundle.Source. A token over a note that is not kept any more,
// such as the log's own of a size at which the server stopped short, is left out:
// there is nothing that it could be checked against.
func (s *Source) Tokens(ctx context.Context, size ledger.Size) (list []bundle.Token, err error) {
	var rows []ingest.Token
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		rows, err = ingest.Tokens(tx, int64(size), int64(size))
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		note, err := s.noteOf(ctx, size, r.Note)
		if err != nil {
			return nil, err
		}
		if note == nil {
			continue
		}
		chain, err := x509.ParseCertificates(r.Chain)
		if err != nil {
			return nil, fmt.Errorf("%w: the certificates kept with a token by %s over %d entries: %w", bundle.ErrSource, r.Authority, size, err)
		}
		list = append(list, bundle.Token{Note: note, Authority: r.Authority, Response: r.Token, Chain: chain})
	}
	return list, nil
}

// noteOf gives the very note with a digest; nil where it is not kept.
func (s *Source) noteOf(ctx context.Context, size ledger.Size, digest event.Digest) ([]byte, error) {
	kept, err := s.Note(ctx, size, digest)
	if err != nil {
		return nil, err
	}
	signed, err := s.engine.Signed(ctx) // whose note may not be written to its row yet
	if err != nil {
		return nil, err
	}
	for _, note := range [][]byte{s.note, kept, signed.Note()} {
		if sha256.Sum256(note) == digest {
			return note, nil
		}
	}
	return nil, nil
}

// Media implements bundle.Source.
func (s *Source) Media(ctx context.Context, d event.Digest) (bundle.Media, error) {
	size, err := s.files.Stat(ctx, d)
	if err == nil {
		return bundle.Media{State: bag.MediaPresent, Have: size}, nil
	}
	if !errors.Is(err, blob.ErrNotHeld) {
		return bundle.Media{}, err
	}
	m, bad, err := s.stated(ctx, d)
	switch {
	case err != nil:
		return bundle.Media{}, err
	case m.Here():
		return bundle.Media{}, fmt.Errorf("%w: the file %s arrived at entry %d, and the media store does not have it; run fsck", bundle.ErrSource, d, m.ArrivedIndex)
	case bad != nil:
		return bundle.Media{State: bag.MediaMismatch, Have: bad.Size, Got: bad.Got}, nil
	}
	if s.uploads == nil {
		if s.uploads, err = s.partial(ctx); err != nil {
			return bundle.Media{}, err
		}
	}
	return bundle.Media{State: bag.MediaMissing, Have: s.uploads[d]}, nil
}

// stated is what the log says of a file, and the newest statement that other
// bytes came in its place.
func (s *Source) stated(ctx context.Context, d event.Digest) (m projection.Media, bad *event.MediaQuarantined, err error) {
	m.ArrivedIndex = -1
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		row, found, err := projection.MediaByDigest(tx, d)
		if err != nil || !found {
			return err
		}
		if m = row; m.Here() || m.Bad == 0 {
			return nil
		}
		ev, found, err := tx.EventAt(m.BadIndex)
		if err != nil || !found {
			return err
		}
		_, body, err := parse(ev.Line)
		bad, _ = body.(*event.MediaQuarantined)
		return err
	})
	return m, bad, err
}

// partial adds up, for each file that is on its way, the bytes of the upload that has come farthest.
func (s *Source) partial(ctx context.Context) (map[event.Digest]int64, error) {
	have := map[event.Digest]int64{}
	err := s.files.Uploads(ctx, func(u blob.Upload) error {
		if u.State == blob.Open {
			have[u.Wanted] = max(have[u.Wanted], u.Offset)
		}
		return nil
	})
	var damaged *blob.DamagedError
	if errors.As(err, &damaged) {
		err = nil // an upload that cannot be read has nothing to show; fsck names it
	}
	return have, err
}

// Open implements bundle.Source.
func (s *Source) Open(ctx context.Context, d event.Digest) (io.ReadCloser, error) {
	return s.files.Open(ctx, d)
}

// Seal implements bundle.Source.
func (s *Source) Seal(_ context.Context, payloadType string, payload []byte) ([]byte, error) {
	return s.engine.Seal(payloadType, payload)
}
