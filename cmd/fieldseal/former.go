package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/source"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

// formerDir, within the derivatives, keeps the former ledger's bundles of whole cases
// without their files: that ledger has ended, so that they change only where witnesses
// cosign its last checkpoint once more. It can be deleted at any time.
const formerDir = "former"

// formerMaker makes the former ledger's bundle of a case.
type formerMaker = func(context.Context, bundle.Options) (*bundle.Former, func() error, error)

// formerBundle gives what makes them; nil where this log continues none that is here.
func (h *house) formerBundle() formerMaker {
	if h.cfg.Former == "" {
		return nil
	}
	return func(ctx context.Context, o bundle.Options) (*bundle.Former, func() error, error) {
		old, err := openHouse(ctx, h.cfg.Former, h.log)
		if err != nil {
			return nil, nil, fmt.Errorf("the former ledger's data directory %s cannot be opened: %w. Where it is gone, give its bundle of the case (fieldseal bundle --former), or show this ledger alone (--alone), and take former out of %s",
				h.cfg.Former, err, filepath.Join(h.cfg.dir, configName))
		}
		f, file, err := h.former(ctx, old, o)
		if err != nil || f == nil {
			return nil, func() error { return nil }, errors.Join(err, old.close())
		}
		f.Tiles = store.Tiles{Store: old.store}
		return f, func() error { return errors.Join(file.Close(), old.close()) }, nil
	}
}

// former makes the former ledger's bundle, or finds the one that was made before.
func (h *house) former(ctx context.Context, old *house, o bundle.Options) (*bundle.Former, *os.File, error) {
	there, o, err := h.formerOptions(ctx, old, o)
	if err != nil || !there {
		return nil, nil, err
	}
	path := ""
	if o.WithoutMedia && len(o.Exhibits) == 0 {
		note, err := source.Newest(ctx, old.engine, old.store)
		if err != nil {
			return nil, nil, err
		}
		path = filepath.Join(h.cfg.path(h.cfg.Derivatives), formerDir, fmt.Sprintf("%s-%x.zip", o.Case, sha256.Sum256(note)))
		if f, err := os.Open(path); err == nil {
			return asFormer(f)
		}
	}
	dir := h.cfg.path(h.cfg.Derivatives)
	if path != "" {
		dir = filepath.Dir(path)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	f, err := os.CreateTemp(dir, ".former-*")
	if err != nil {
		return nil, nil, err
	}
	fail := func(err error) (*bundle.Former, *os.File, error) {
		return nil, nil, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	s, done, err := newServer(old)
	if err != nil {
		return fail(err)
	}
	_, err = s.Export(ctx, f, o, event.UUID{})
	done()
	switch {
	case err != nil:
		return fail(fmt.Errorf("the former ledger's bundle: %w", err))
	case path != "":
		err = errors.Join(f.Sync(), os.Rename(f.Name(), path))
	default:
		err = os.Remove(f.Name()) // it is gone when it has been read
	}
	if err != nil {
		return fail(err)
	}
	return asFormer(f)
}

// formerOptions says what the former ledger's bundle is to show: the exhibits that it
// knows, and the files only where this ledger lacks one. there is false where it has
// nothing of it.
func (h *house) formerOptions(ctx context.Context, old *house, o bundle.Options) (there bool, _ bundle.Options, err error) {
	out := bundle.Options{Case: o.Case, WithoutMedia: true, TempDir: o.TempDir}
	err = old.store.Read(ctx, func(tx *store.Tx) error {
		if _, there, err = projection.CaseByID(tx, o.Case); err != nil || !there {
			return err
		}
		for _, e := range o.Exhibits {
			i, found, err := projection.ItemByID(tx, e.ID)
			if err != nil {
				return err
			}
			if found && i.Case == o.Case && i.Kind == e.Kind {
				out.Exhibits = append(out.Exhibits, e)
			}
		}
		if o.WithoutMedia {
			return nil
		}
		files, err := projection.MediaOf(tx, o.Case)
		for _, m := range files {
			if err != nil || !out.WithoutMedia {
				break
			}
			out.WithoutMedia, err = h.blobs.Has(ctx, m.SHA256)
		}
		return err
	})
	there = there && (len(o.Exhibits) == 0 || len(out.Exhibits) > 0)
	return there, out, err
}

func asFormer(f *os.File) (*bundle.Former, *os.File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return &bundle.Former{Bundle: f, Size: info.Size()}, f, nil
}

// givenFormer has a bundle that somebody has made of the former ledger put into the next.
func givenFormer(o *bundle.Options, path string) (done func() error, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if o.Former, f, err = asFormer(f); err != nil {
		return nil, err
	}
	return f.Close, nil
}
