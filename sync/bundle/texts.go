package bundle

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"io"
	"text/template"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/report"
	"fieldseal/sync/seal"
)

//go:embed text
var textFiles embed.FS

// judge judges what is shown, as the verifier will.
func (mk *maker) judge() (*custody.Record, time.Time, error) {
	err := mk.restoreBodies()
	if err == nil && mk.former != nil {
		err = mk.former.RestoreBodies()
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	own := custody.CheckpointTime{Size: int64(mk.cp.Size), Root: event.Root(mk.cp.Root), Note: sha256.Sum256(mk.cp.Note()),
		Signed: mk.leaves[ledger.Index(mk.cp.Size-1)].Leaf.Received.Time(), Tokens: mk.ownTimes}
	return mk.asm.Record(mk.rules, own, mk.m.Disclosure.Scope == bag.Exhibits), own.Signed, nil
}

// addReport writes what the judgement comes to for people.
func (mk *maker) addReport() error {
	record, judged, err := mk.judge()
	if err != nil {
		return err
	}
	v := verify.Announce(&mk.m, judged, mk.stamped, len(mk.cp.Signatures())-1)
	v.Record, v.Quarantine = record, mk.kept
	if mk.former != nil {
		v.Ledgers, v.ProvenBy = mk.former.Ledgers(&mk.m, mk.asm)
	}
	for _, m := range mk.listed {
		v.Media = append(v.Media, verify.Media{MediaLine: m})
	}
	for _, page := range []struct {
		path, other string
		lang        bag.Language
	}{{bag.PathReport, "index.zh.html", bag.English}, {bag.PathReportZH, "index.html", bag.Chinese}} {
		w, err := mk.spool.create(page.path, true)
		if err != nil {
			return err
		}
		if err := report.Render(w, v, report.Options{Language: page.lang, Other: page.other}); err != nil {
			return err
		}
		if err := mk.done(w); err != nil {
			return err
		}
	}
	return nil
}

// restoreBodies gives the judgement the raw bodies of the events that were amended.
func (mk *maker) restoreBodies() error {
	need := mk.asm.Amended()
	if len(need) == 0 {
		return nil
	}
	for ev, err := range mk.src.Events(mk.ctx, mk.o.Case, mk.cp.Size) {
		if err != nil {
			return err
		}
		kept := need[event.ID(ev.Leaf.Event)]
		if kept == nil {
			continue
		}
		env, err := seal.ParseEnvelope(ev.Line)
		if err != nil {
			return broken("an accepted event cannot be read: %w", err)
		}
		p, err := event.Parse(env.Payload)
		if err != nil {
			return broken("an accepted event cannot be read: %w", err)
		}
		kept.Body = bytes.Clone(p.Body)
	}
	return nil
}

// example is what the pages for strangers are filled with: places in this very bundle.
type example struct {
	Folder, Bundle, Case, Made, Purpose, Authority string
	AuthorityKey, LogKey                           string
	Size                                           int64
	// Event is an event to check by hand: its line in events.ndjson, its id, its
	// ledger index, the line of its leaf, and the key that sealed it.
	EventLine, LeafLine, Index int64
	EventID, KeyID             string
	// Tile is the file of its tile, Offset where its hash begins there.
	Tile   string
	Offset int64
	// Former is the ledger that this one continues, where its bundle is in this one.
	Former string
	// Tokens are the time-stamps, of the bundle's checkpoint and earlier ones.
	Tokens []stampedTime
}

// addTexts writes the pages that say how to check the bundle without us.
func (mk *maker) addTexts() error {
	x := mk.example()
	plain, err := template.ParseFS(textFiles, "text/*.md")
	if err != nil {
		return fmt.Errorf("the pages of a bundle: %w", err)
	}
	html, err := htmltemplate.ParseFS(textFiles, "text/*.html")
	if err != nil {
		return fmt.Errorf("the pages of a bundle: %w", err)
	}
	for _, page := range []struct {
		path, name string
		write      func(io.Writer, string, any) error
	}{{bag.PathReadme, "README.html", html.ExecuteTemplate}, {bag.PathVerify, "VERIFY.md", plain.ExecuteTemplate}, {bag.PathVerifyZH, "VERIFY.zh.md", plain.ExecuteTemplate}} {
		var b bytes.Buffer
		if err := page.write(&b, page.name, x); err != nil {
			return fmt.Errorf("the page %s of a bundle: %w", page.name, err)
		}
		if err := mk.add(page.path, b.Bytes(), true); err != nil {
			return err
		}
	}
	return nil
}

// example picks the last event that a device sealed.
func (mk *maker) example() *example {
	a := &mk.m.Authority
	x := &example{Folder: bag.Folder(mk.m.Bundle), Bundle: mk.m.Bundle.String(), Case: mk.m.Case.String(), Made: string(mk.m.Made),
		Purpose: mk.m.Purpose, Authority: a.Name, AuthorityKey: a.Key.ID.String(), LogKey: a.LogKey, Size: int64(mk.cp.Size), Tokens: mk.stampedTimes}
	if mk.former != nil {
		x.Former = mk.former.Origin()
	}
	var events int64
	for i, index := range mk.order {
		l := mk.leaves[index]
		if l.Role != bag.RoleEvent {
			continue
		}
		events++
		if l.Leaf.Kind != ledger.KindEvent && x.EventLine > 0 {
			continue
		}
		id := ledger.TileID{N: int64(index) >> ledger.TileHeight}
		x.EventLine, x.LeafLine, x.Index = events, int64(i+1), int64(index)
		x.EventID, x.KeyID = event.ID(l.Leaf.Event).String(), event.Digest(l.Leaf.Key).String()
		x.Tile, x.Offset = bag.TilePath(id, id.Width(mk.cp.Size)), int64(index&(ledger.TileWidth-1))*ledger.HashSize
	}
	return x
}
