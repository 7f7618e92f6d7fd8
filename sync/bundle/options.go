package bundle

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
)

// ErrOptions is wrapped by every error about Options.
var ErrOptions = errors.New("the bundle cannot be made as asked")

// Options say what bundle to make.
type Options struct {
	// Bundle is the bundle's own UUID, Case the case that it is of.
	Bundle, Case event.UUID
	// Exhibits are the things to disclose; none means the whole case.
	Exhibits []event.Ref
	// Purpose is said in the manifest and the report: at most bag.MaxPurpose bytes, one line.
	Purpose string
	// Language is that of the people it goes to; empty means English. The report is in both.
	Language bag.Language
	// Made is the time of making; required.
	Made time.Time
	// WithoutMedia withholds the files that events name; their digests stay.
	WithoutMedia bool
	// Former is the bundle of the case by the ledger that this one continues, where that
	// has the case; nil where it has not, or the bundle is to show this ledger alone.
	Former *Former
	// TempDir is where the spool goes; empty means the system's.
	TempDir string
}

func (o *Options) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrOptions}, args...)...)
	}
	switch {
	case o.Bundle.IsZero() || o.Case.IsZero() || o.Made.IsZero():
		return bad("bundle, case and time must be given")
	case len(o.Exhibits) > bag.MaxExhibits:
		return bad("%d exhibits, at most %d can be chosen; leave them out for the whole case", len(o.Exhibits), bag.MaxExhibits)
	}
	if o.Language == "" {
		o.Language = bag.English
	}
	o.Exhibits = slices.Clone(o.Exhibits)
	slices.SortFunc(o.Exhibits, bag.CompareRefs)
	o.Exhibits = slices.Compact(o.Exhibits)
	return nil
}

// Summary is what the authority's own record of the export needs.
type Summary struct {
	Bundle event.UUID
	// ManifestSHA256 is the digest of data/manifest.dsse.
	ManifestSHA256 event.Digest
	// Shown and Hidden count events of the case; Checkpoint is the size judged against.
	Shown, Hidden int64
	Checkpoint    ledger.Size
	// Media counts the files in the bundle, MissingMedia those named and not in it.
	Media, MissingMedia int64
	// Tokens counts the time-stamps over the bundle's own checkpoint.
	Tokens int64
	// Cosignatures counts those on the bundle's checkpoint, whoever made them.
	Cosignatures int64
	// Former says that the former ledger's bundle is in it.
	Former bool
	// Length is the bundle's length in bytes.
	Length int64
}
