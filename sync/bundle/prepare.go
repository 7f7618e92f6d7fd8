package bundle

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
	"slices"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/container"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/rules"
	"fieldseal/sync/seal"

	"golang.org/x/mod/sumdb/note"
)

// Prepared is a bundle that is ready to be written. Close removes its spool.
type Prepared struct {
	src     Source
	spool   *spool
	made    *bag.Manifest
	folder  string
	parts   []*part
	summary Summary
}

// maker is one bundle in the making.
type maker struct {
	ctx    context.Context
	src    Source
	o      Options
	spool  *spool
	logKey note.Verifier
	cp     *ledger.SignedCheckpoint
	m      bag.Manifest
	parts  []*part
	rules  *rules.Pack

	// show are the indices of the case's events to show; nil means all.
	show map[ledger.Index]bool
	// mentioned are the UUIDs that shown events mention, and of the devices that
	// sealed them; nil where everything is shown.
	mentioned map[event.UUID]bool
	wanted    map[event.Digest]bool // files that shown events name, likewise
	asm       *verify.Assembly
	leaves    map[ledger.Index]bag.LeafLine
	order     []ledger.Index // of leaves
	listed    []bag.MediaLine
	kept      []verify.Quarantined
	chains    map[event.UUID]*chain
	keys      map[event.Digest]seal.PublicKey
	media     map[event.Digest]*event.Media
	seen      map[event.Seen]bool
	// genesisBody and predecessor are what the ledger begins with; the second may be nil.
	genesisBody *event.AuthorityGenesis
	predecessor *event.LogPredecessor
	former      *verify.Former // once it is read

	// of the time-stamp tokens: what the pages and custody need, and their certificates
	stamped      []verify.Stamped
	dated        map[ledger.Size]bool  // earlier checkpoints that go along by themselves
	notes        map[event.Digest]bool // notes of checkpoints that go along as seen
	stampedTimes []stampedTime
	ownTimes     []custody.Token
	tokenChain   []*x509.Certificate
}

// chain is what is shown and hidden of a device.
type chain struct {
	key    event.Digest
	shown  []link
	hidden map[int64]bool
}

type link struct {
	seq   int64
	index ledger.Index
}

// Write makes a bundle and writes it to w. After an error the output is useless.
func Write(ctx context.Context, w io.Writer, src Source, o Options) (Summary, error) {
	p, err := Prepare(ctx, src, o)
	if err != nil {
		return Summary{}, err
	}
	_, err = p.WriteTo(w)
	if c := p.Close(); err == nil {
		err = c
	}
	return p.Summary(), err
}

// Prepare makes a bundle up to its last byte, which is then written by
// Prepared.WriteTo. Errors wrap ErrOptions, ErrSource, or are those of the source.
func Prepare(ctx context.Context, src Source, o Options) (*Prepared, error) {
	mk, err := newMaker(ctx, src, o)
	if err != nil {
		return nil, err
	}
	err = mk.pass(mk.checkpoint, mk.rulePack, mk.choose, mk.events, mk.quarantine, mk.addChains, mk.addSeen, mk.addTokens, mk.addWitnesses, mk.addMedia,
		mk.addFormer, mk.addLeaves, mk.addKeys, mk.addReport, mk.addTexts)
	var p *Prepared
	if err == nil {
		p, err = mk.finish()
	}
	if err != nil {
		_ = mk.spool.close() // the first error is the one to know; the file is in a temporary folder
		return nil, err
	}
	return p, nil
}

// Record judges a case as a bundle of the whole of it would be judged, and gives
// the size of the checkpoint that it was judged at. It makes no bundle: nothing
// is sealed, and the files that events name are not read.
func Record(ctx context.Context, src Source, c event.UUID) (r *custody.Record, size ledger.Size, err error) {
	return RecordAfter(ctx, src, c, nil)
}

// RecordAfter is Record with the former ledger's bundle of the case, as Options has it.
func RecordAfter(ctx context.Context, src Source, c event.UUID, former *Former) (r *custody.Record, size ledger.Size, err error) {
	// Nothing of a manifest shows in a record, so that any id and time will do.
	mk, err := newMaker(ctx, src, Options{Bundle: c, Case: c, Made: time.Unix(0, 0), WithoutMedia: true, Former: former})
	if err != nil {
		return nil, 0, err
	}
	err = mk.pass(mk.checkpoint, mk.rulePack, mk.events, mk.quarantine, mk.addChains, mk.addSeen, mk.addTokens, mk.addMedia, mk.addFormer)
	if err == nil {
		r, _, err = mk.judge()
	}
	if rm := mk.spool.close(); err == nil {
		err = rm
	}
	if err != nil {
		return nil, 0, err
	}
	return r, mk.cp.Size, nil
}

func newMaker(ctx context.Context, src Source, o Options) (*maker, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s, err := newSpool(o.TempDir)
	if err != nil {
		return nil, err
	}
	mk := &maker{ctx: ctx, src: src, o: o, spool: s, leaves: map[ledger.Index]bag.LeafLine{},
		chains: map[event.UUID]*chain{}, keys: map[event.Digest]seal.PublicKey{}, media: map[event.Digest]*event.Media{}, seen: map[event.Seen]bool{},
		dated: map[ledger.Size]bool{}, notes: map[event.Digest]bool{}}
	mk.m = bag.Manifest{V: bag.Version, Bundle: o.Bundle, Case: o.Case, Purpose: o.Purpose, Language: o.Language, Made: bag.MadeStamp(o.Made)}
	mk.m.Disclosure.Scope, mk.m.Disclosure.Exhibits = bag.WholeCase, o.Exhibits
	if len(o.Exhibits) > 0 {
		mk.m.Disclosure.Scope = bag.Exhibits
	}
	return mk, nil
}

// pass passes steps in order until one fails.
func (mk *maker) pass(steps ...func() error) error {
	for _, step := range steps {
		if err := mk.ctx.Err(); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrSource}, args...)...)
}

// checkpoint takes up the newest checkpoint, and the authority whose genesis says
// by which key it must be signed.
func (mk *maker) checkpoint() error {
	text, err := mk.src.Checkpoint(mk.ctx)
	if err != nil {
		return err
	}
	claimed, _, err := ledger.ParseUnverifiedCheckpoint(text)
	if err != nil {
		return broken("the newest checkpoint: %w", err)
	}
	if err := mk.genesis(claimed.Size); err != nil {
		return err
	}
	if mk.cp, err = ledger.ParseCheckpoint(text, mk.logKey); err != nil {
		return broken("the newest checkpoint: %w", err)
	}
	mk.asm = verify.NewAssembly(mk.o.Case, mk.m.Authority.Origin)
	mk.m.Checkpoint = bag.Tree{Size: mk.cp.Size, Root: event.Root(mk.cp.Root)}
	if err := mk.add(bag.PathCheckpoint, mk.cp.Note(), false); err != nil {
		return err
	}
	return mk.add(bag.PathLogKey, []byte(mk.m.Authority.LogKey+"\n"), false)
}

func (mk *maker) genesis(size ledger.Size) error {
	for ev, err := range mk.src.Events(mk.ctx, mk.o.Case, size) {
		if err != nil {
			return err
		}
		p, body, err := parse(&ev)
		if err != nil {
			return err
		}
		if b, ok := body.(*event.AuthorityGenesis); ok {
			mk.m.Authority = bag.Authority{Name: b.Name, NameZH: b.NameZH, Device: p.Device, Key: b.Key, Genesis: ev.Index, Origin: b.LogOrigin, LogKey: b.LogKey}
			if mk.logKey, err = ledger.ParseVerifier(b.LogKey); err != nil {
				return broken("the authority's genesis: %w", err)
			}
			return nil
		}
	}
	return broken("the authority's genesis is not among its events")
}

// parse reads an accepted event, which must be that of its leaf. Its signature
// was checked when it was accepted, and is when the bundle is verified.
func parse(ev *Event) (event.Payload, event.Body, error) {
	bad := func(err error) (event.Payload, event.Body, error) {
		return event.Payload{}, nil, broken("the accepted event at entry %d cannot be read: %w", ev.Index, err)
	}
	env, err := seal.ParseEnvelope(ev.Line)
	if err != nil {
		return bad(err)
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		return bad(err)
	}
	body, err := event.ParseBody(p.Type, p.Body)
	if err != nil {
		return bad(err)
	}
	if id := seal.IDOf(env.Payload); id != event.ID(ev.Leaf.Event) {
		return bad(fmt.Errorf("it is event %s, its leaf says %s", id, event.ID(ev.Leaf.Event)))
	}
	return p, body, nil
}

func (mk *maker) rulePack() error {
	text, err := mk.src.Rules(mk.ctx)
	if err != nil {
		return err
	}
	if mk.rules, err = rules.Parse(text); err != nil {
		return broken("the rule pack: %w", err)
	}
	mk.m.Rules = sha256.Sum256(text)
	return mk.add(bag.RulesPath(mk.m.Rules), text, true)
}

// add spools a file that is in memory.
func (mk *maker) add(path string, data []byte, deflate bool) error {
	p, err := mk.spool.whole(path, data, deflate)
	if err == nil {
		mk.parts = append(mk.parts, p)
	}
	return err
}

// finish pins all parts, has the manifest sealed, and makes what follows from it.
func (mk *maker) finish() (*Prepared, error) {
	slices.SortFunc(mk.parts, func(a, b *part) int { return compare(a.Path, b.Path) })
	var text []byte
	list := make([]bag.FileLine, len(mk.parts))
	for i, p := range mk.parts {
		list[i] = p.FileLine
		text = p.FileLine.Append(text)
	}
	files, err := mk.spool.whole(bag.PathFiles, text, false)
	if err != nil {
		return nil, err
	}
	mk.m.Files = files.FileLine
	payload, err := mk.m.Marshal()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	line, err := mk.src.Seal(mk.ctx, bag.PayloadType, payload)
	if err != nil {
		return nil, err
	}
	dsse, err := mk.spool.whole(bag.PathManifest, line, false)
	if err != nil {
		return nil, err
	}
	above := []*part{}
	for _, tag := range bag.MakeTags(&mk.m, dsse.FileLine, list).All() {
		p, err := mk.spool.whole(tag.Path, tag.Data, false)
		if err != nil {
			return nil, err
		}
		above = append(above, p)
	}
	p := &Prepared{src: mk.src, spool: mk.spool, made: &mk.m, folder: bag.Folder(mk.o.Bundle), parts: append(append(above, dsse, files), mk.parts...)}
	entries := make([]container.Entry, len(p.parts))
	p.summary = Summary{Bundle: mk.o.Bundle, ManifestSHA256: dsse.SHA256, Shown: mk.m.Disclosure.Shown, Hidden: mk.m.Disclosure.Hidden, Checkpoint: mk.cp.Size}
	for i, part := range p.parts {
		entries[i] = part.entry(p.folder)
		if part.media {
			p.summary.Media++
		}
	}
	p.summary.Tokens, p.summary.Cosignatures = int64(len(mk.ownTimes)), int64(len(mk.cp.Signatures())-1)
	p.summary.Former = mk.former != nil
	p.summary.MissingMedia = int64(len(mk.media)) - p.summary.Media
	p.summary.Length = container.Length(entries)
	return p, nil
}

// Summary says what the bundle holds.
func (p *Prepared) Summary() Summary { return p.summary }

// Close removes the spool.
func (p *Prepared) Close() error { return p.spool.close() }

// WriteTo writes the bundle, exactly Summary().Length bytes; it can be called
// again. Media that is not what it was in Prepare gives an error that wraps ErrSource.
func (p *Prepared) WriteTo(w io.Writer) (int64, error) {
	return p.WriteContext(context.Background(), w)
}

// WriteContext is WriteTo with a context for the source and to stop by.
func (p *Prepared) WriteContext(ctx context.Context, w io.Writer) (int64, error) {
	n := &counter{w: w, sum: noHash{}}
	out := container.NewWriter(n, p.made.MadeAt())
	for _, part := range p.parts {
		if err := ctx.Err(); err != nil {
			return n.n, err
		}
		if err := p.writePart(ctx, out, part); err != nil {
			return n.n, err
		}
	}
	return n.n, out.Close()
}

func (p *Prepared) writePart(ctx context.Context, out *container.Writer, part *part) error {
	if part.former != nil {
		h := sha256.New()
		err := out.Add(part.entry(p.folder), io.TeeReader(io.NewSectionReader(part.former.Bundle, 0, part.Size), h))
		if err == nil && event.Digest(h.Sum(nil)) != part.SHA256 {
			err = broken("the former ledger's bundle has changed while this one was written")
		}
		return err
	}
	if !part.media {
		r, err := p.spool.open(part)
		if err != nil {
			return err
		}
		return out.Add(part.entry(p.folder), r)
	}
	r, err := p.src.Open(ctx, part.SHA256)
	if err != nil {
		return err
	}
	h := sha256.New()
	err = out.Add(part.entry(p.folder), io.TeeReader(r, h))
	if c := r.Close(); err == nil {
		err = c
	}
	if err == nil && event.Digest(h.Sum(nil)) != part.SHA256 {
		err = broken("the file %s has changed while the bundle was written", part.SHA256)
	}
	return err
}

// noHash is a hash that is not needed.
type noHash struct{}

func (noHash) Write(p []byte) (int, error) { return len(p), nil }
func (noHash) Sum(b []byte) []byte         { return b }
func (noHash) Reset()                      {}
func (noHash) Size() int                   { return 0 }
func (noHash) BlockSize() int              { return 1 }

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
