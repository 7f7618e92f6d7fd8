package clients

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fieldseal/mobile-contract/conformance"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/projection"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

const (
	// named bounds how many things a reason names.
	named = 5
	// page is how much of the quarantine is read at once.
	page = 500
)

// arrived is what the server holds of the clients at the end.
type arrived struct {
	devices []projection.Device
	heads   map[event.UUID]projection.Head
	events  map[event.UUID][]store.EventRow // by device, in order of sequence
	kept    []projection.Quarantined
	lines   map[event.Digest]bool
}

// Judge says how the clients did, by what arrived. It may be asked at any time; a
// trial is complete when every client says that it is done.
func (t *Trial) Judge(ctx context.Context) (*conformance.Report, error) {
	var a *arrived
	err := t.house.store.Read(ctx, func(tx *store.Tx) (err error) {
		a, err = t.look(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	p := t.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	r := &conformance.Report{Subject: fmt.Sprintf("client (%d devices, %d batches)", len(a.devices), p.batches)}
	r.Judge("client.enrolled", "each code enrolled one device, whose chain begins with its genesis", func() error { return a.enrolled(len(t.Codes)) })
	r.Judge("client.nothing-lost", "every event that was ever handed in is in the log", func() error { return a.nothingLost(p) })
	r.Judge("client.nothing-twice", "no event was sealed twice, forked or put into another envelope", a.nothingTwice)
	r.Judge("client.nothing-refused", "nothing that the clients sealed is in quarantine", a.nothingRefused)
	r.Judge("client.chain-whole", "each chain is whole, from its genesis to its last event", a.chainsWhole)
	r.Judge("client.seen-true", "every checkpoint that an event embeds is one of the true log", func() error { return t.seenTrue(ctx, a) })
	r.Judge("client.media", "every file that an event mentions arrived", func() error { return t.filesArrived(ctx, a) })
	r.Judge("client.resume", "an upload that broke off went on where the server said", p.resumed)
	r.Judge("client.form", "every batch has the form and keeps the limits of the contract", p.formed)
	r.Judge("client.waits", "after 503 with Retry-After the client stayed away for that long", p.waited)
	r.Judge("client.proofs", "the proof of each accepted event was asked for", func() error { return p.proofsAsked(a) })
	r.Judge("client.links", "checkpoints were asked to be proven consistent", p.linksAsked)
	p.judgeTroubles(r, a)
	return r, nil
}

// look reads what arrived.
func (t *Trial) look(tx *store.Tx) (*arrived, error) {
	a := &arrived{heads: map[event.UUID]projection.Head{}, events: map[event.UUID][]store.EventRow{}, lines: map[event.Digest]bool{}}
	all, err := projection.Devices(tx)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		if d.Authority() {
			continue
		}
		a.devices = append(a.devices, d)
		head, err := projection.HeadOf(tx, d.N)
		if err != nil {
			return nil, err
		}
		a.heads[d.ID] = head
		for seq := int64(1); seq <= head.Max; seq++ {
			row, found, err := projection.EventBySeq(tx, d.N, seq)
			if err != nil {
				return nil, err
			}
			if found {
				a.events[d.ID] = append(a.events[d.ID], row)
				a.lines[sha256.Sum256(row.Line)] = true
			}
		}
	}
	for before := int64(1) << 53; ; {
		list, err := projection.QuarantineBefore(tx, before, page)
		if err != nil || len(list) == 0 {
			return a, err
		}
		for _, q := range list {
			a.kept, a.lines[q.SHA] = append(a.kept, q), true
			before = q.Index
		}
	}
}

// few joins a few of many texts.
func few(list []string) string {
	if len(list) > named {
		return strings.Join(list[:named], "\n") + fmt.Sprintf("\nand %d more", len(list)-named)
	}
	return strings.Join(list, "\n")
}

func broken(format string, list []string) error {
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf(format+":\n%s", len(list), few(list))
}

func (a *arrived) enrolled(codes int) error {
	if len(a.devices) == 0 {
		return errors.New("no device was enrolled")
	}
	if len(a.devices) < codes {
		return fmt.Errorf("%d devices were enrolled with %d codes", len(a.devices), codes)
	}
	for _, d := range a.devices {
		if list := a.events[d.ID]; len(list) == 0 || list[0].Type != event.TypeDeviceGenesis {
			return fmt.Errorf("device %s was enrolled, and its genesis never came", d.ID)
		}
	}
	return nil
}

func (a *arrived) nothingLost(p *proxy) error {
	if len(p.lines) == 0 {
		return conformance.Untried("nothing was handed in")
	}
	var lost []string
	for sha := range p.lines {
		if !a.lines[sha] {
			lost = append(lost, "line with SHA-256 "+sha.String())
		}
	}
	slices.Sort(lost)
	return broken("%d lines were handed in once and are not in the log; a receipt for them was believed, or they were never sent again", lost)
}

// twice are the codes that an honest client without a fault never gets.
var twice = []string{"FORK", "UUID_REUSED", "VARIANT"}

func (a *arrived) nothingTwice() error {
	return a.quarantined(func(code string) bool { return slices.Contains(twice, code) })
}

func (a *arrived) nothingRefused() error {
	return a.quarantined(func(code string) bool { return !slices.Contains(twice, code) })
}

func (a *arrived) quarantined(which func(code string) bool) error {
	var list []string
	for _, q := range a.kept {
		if which(q.Code) {
			list = append(list, fmt.Sprintf("entry %d: %s, event %d of device %s: %s", q.Index, q.Code, q.Seq, q.Device, q.Detail))
		}
	}
	return broken("%d lines are in quarantine", list)
}

func (a *arrived) chainsWhole() error {
	var list []string
	for _, d := range a.devices {
		if h := a.heads[d.ID]; h.Seq != h.Max || h.Seq == 0 {
			list = append(list, fmt.Sprintf("device %s: whole up to event %d, arrived up to %d", d.ID, h.Seq, h.Max))
		}
	}
	return broken("%d chains are not whole", list)
}

// seenTrue checks each embedded checkpoint against the tree.
func (t *Trial) seenTrue(ctx context.Context, a *arrived) error {
	var list []string
	seen := 0
	for _, d := range a.devices {
		for _, row := range a.events[d.ID] {
			env, err := seal.ParseEnvelope(row.Line)
			if err != nil {
				return err
			}
			p, err := event.Parse(env.Payload)
			if err != nil {
				return err
			}
			if p.Seen == nil {
				continue
			}
			seen++
			if why := t.false(ctx, p.Seen); why != "" {
				list = append(list, fmt.Sprintf("event %d of device %s embeds a checkpoint of %d entries: %s", p.Seq, d.ID, p.Seen.Size, why))
			}
		}
	}
	if seen == 0 {
		return conformance.Untried("no event embeds a checkpoint")
	}
	return broken("%d events embed a checkpoint that the log never signed", list)
}

func (t *Trial) false(ctx context.Context, s *event.Seen) string {
	c, err := t.house.engine.Signed(ctx)
	switch {
	case err != nil:
		return err.Error()
	case s.Origin != origin:
		return "it is of the log " + s.Origin
	case s.Size < 0 || s.Size > int64(c.Size):
		return fmt.Sprintf("the log has %d entries", c.Size)
	}
	var root ledger.Hash
	err = t.house.store.Read(ctx, func(tx *store.Tx) (err error) {
		root, err = ledger.RootAt(ctx, tx, ledger.Size(s.Size))
		return err
	})
	if err != nil {
		return err.Error()
	}
	if ledger.Hash(s.Root) != root {
		return "its root is another"
	}
	return ""
}

func (t *Trial) filesArrived(ctx context.Context, a *arrived) error {
	var list []string
	mentioned := 0
	err := t.house.store.Read(ctx, func(tx *store.Tx) error {
		cases, err := projection.Cases(tx)
		if err != nil {
			return err
		}
		for _, c := range cases {
			refs, err := projection.MediaOf(tx, c.ID)
			if err != nil {
				return err
			}
			for _, ref := range refs {
				mentioned++
				if !ref.Media.Here() {
					list = append(list, fmt.Sprintf("%s, %d bytes, %q", ref.SHA256, ref.Size, ref.Name))
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if mentioned == 0 {
		return conformance.Untried("no event mentions a file")
	}
	return broken("%d files are missing", list)
}

func (p *proxy) resumed() error {
	cut := 0
	var list []string
	for _, path := range slices.Sorted(maps.Keys(p.uploads)) {
		u := p.uploads[path]
		if !u.cut {
			continue
		}
		cut++
		if u.again > 0 || !u.wentOn {
			list = append(list, fmt.Sprintf("%s: the server had %d bytes; %d of them were sent again, went on there: %v", path, u.offset, u.again, u.wentOn))
		}
	}
	if cut == 0 {
		return conformance.Untried("no upload broke off with part of it at the server")
	}
	return broken("%d uploads did not go on", list)
}

func (p *proxy) formed() error {
	if p.batches == 0 {
		return conformance.Untried("nothing was handed in")
	}
	return broken("%d faults of form", p.faults)
}

func (p *proxy) waited() error {
	if len(p.hasty) == 0 && p.patient == 0 {
		return conformance.Untried("no request followed on a 503 under the same token")
	}
	return broken("%d requests came while the server had asked to be left alone", p.hasty)
}

func (p *proxy) proofsAsked(a *arrived) error {
	var list []string
	events := 0
	for _, d := range a.devices {
		for _, row := range a.events[d.ID] {
			events++
			if !p.asked[row.Index] {
				list = append(list, fmt.Sprintf("entry %d, event %d of device %s", row.Index, row.Seq, d.ID))
			}
		}
	}
	if events == 0 {
		return conformance.Untried("no event arrived")
	}
	return broken("%d events were never proven to their device; sent is not proven", list)
}

func (p *proxy) linksAsked() error {
	if p.batches == 0 {
		return conformance.Untried("nothing was handed in")
	}
	if p.links == 0 {
		return errors.New("checkpoints of several sizes were shown, and no consistency proof was asked for: two histories would not be noticed")
	}
	return nil
}

// judgeTroubles says of each trouble with batches whether what it befell arrived in the end.
func (p *proxy) judgeTroubles(r *conformance.Report, a *arrived) {
	says := map[string]trouble{}
	var kinds []string
	for _, t := range plan()[batch] {
		if _, twice := says[t.kind]; !twice && t.kind != honest.kind {
			kinds, says[t.kind] = append(kinds, t.kind), t
		}
	}
	for _, kind := range kinds {
		r.Judge("trouble."+kind, says[kind].says+": what it befell is in the log in the end", func() error {
			happened := false
			var lost []string
			for _, m := range p.made {
				if m.kind != kind || m.class != batch {
					continue
				}
				happened = true
				for _, sha := range m.lines {
					if !a.lines[sha] {
						lost = append(lost, "line with SHA-256 "+sha.String())
					}
				}
			}
			if !happened {
				return conformance.Untried("the clients made too few requests for it to happen")
			}
			return broken("%d lines are lost", lost)
		})
	}
}
