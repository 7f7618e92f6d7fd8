package fieldcli

import (
	"errors"
	"fmt"
	"strings"

	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

// acceptFlags are what the receiver says.
type acceptFlags struct {
	device.Findings
	asOffered  bool
	seals      []string
	items      []string
	missing    []string
	unexpected []string
	counted    int64
}

func (a *app) acceptCommand() *cobra.Command {
	var g acceptFlags
	var t textFlags
	place := &placeFlags{}
	cmd := &cobra.Command{
		Use: "accept [TEXT|FILE|-]…", Short: "Accept an offer: seals the second half, over the same terms",
		Long: `Accept an offer. The text on standard output goes back to the giver. Say what you saw of
each item, by the label on the list: --as-offered says that every seal was looked at and is
as the list says; --seal LABEL=STATE[:NUMBER] and --missing LABEL say otherwise. With --count
give the number of items that you counted.`,
		Example: "  fieldkit handover accept offer.txt --as-offered --count 2 --temp-c 4.1 --qr acceptance.png\n  fieldkit handover accept - --seal T-000012=broken:S-1001 --missing T-000013 --count 1 < offer.txt",
	}
	f := &fields{flags: cmd.Flags()}
	place.register(f)
	flag(f, "as-offered", "every seal was looked at and is as the list says", &g.asOffered)
	cmd.Flags().StringArrayVar(&g.items, "item", nil, "`LABEL=NUMBER=STATE` of one item's seal; may be repeated")
	cmd.Flags().StringArrayVar(&g.seals, "seal", nil, "`LABEL=STATE[:NUMBER]` of one item's seal: "+wordList[event.SealState]())
	cmd.Flags().StringArrayVar(&g.missing, "missing", nil, "`LABEL` of an item that is not there")
	cmd.Flags().StringArrayVar(&g.unexpected, "unexpected", nil, "`LABEL[=EXPLANATION]` of something that is not on the list")
	cmd.Flags().Int64Var(&g.counted, "count", -1, "`number` of items as counted")
	figure(f, "temp-c", "temperature in the cooler, °C", &g.TempC)
	text(f, "exceptions", "anything that is not as it should be", &g.Exceptions)
	stamp(f, "received", "when they were received (now)", &g.Received)
	flag(f, "anyone", "accept in the place of the receiver that the terms name", &g.Anyone)
	t.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := a.begin(cmd.Context(), false)
		if err != nil {
			return err
		}
		if err := f.apply(r); err != nil {
			return err
		}
		txt, err := a.handoverText(args)
		if err != nil {
			return err
		}
		if err := g.findings(r, txt); err != nil {
			return err
		}
		if g.At, err = place.place(); err != nil {
			return err
		}
		g.Introduce = t.introduced()
		h, err := r.s.Accept(r.ctx, txt, g.Findings)
		if err != nil {
			return err
		}
		if !a.json {
			fmt.Fprintf(a.Err, "received %d items from %s\n", g.Count, h.Terms.From.Name)
		}
		return a.give(h, &t, "Give this text back to the giver:")
	}
	return cmd
}

// findings puts what was said by label into terms of the offer's items.
func (g *acceptFlags) findings(r *run, txt string) error {
	peek, err := r.s.Peek(r.ctx, txt)
	if err != nil {
		return err
	}
	if err := g.counting(); err != nil {
		return err
	}
	if g.Actor, err = r.actorID(); err != nil {
		return err
	}
	l := list{peek.Terms.Items, map[event.Ref]bool{}}
	for _, label := range g.missing {
		it, err := l.find(label)
		if err != nil {
			return fmt.Errorf("--missing: %w", err)
		}
		g.Missing = append(g.Missing, it.Item)
	}
	for _, raw := range g.seals {
		found, err := l.seal(raw)
		if err != nil {
			return fmt.Errorf("--seal %q: %w", raw, err)
		}
		g.Seals = append(g.Seals, found)
	}
	for _, it := range l.items {
		if g.asOffered && !l.said[it.Item] {
			g.Seals = append(g.Seals, event.SealFound{Item: it.Item, SealNo: it.SealNo, Seal: it.Seal})
		}
	}
	for _, raw := range g.unexpected {
		label, why, _ := strings.Cut(raw, "=")
		g.Unexpected = append(g.Unexpected, event.Unexpected{Label: label, Explanation: why})
	}
	return nil
}

// counting settles how many items were counted, and brings --item into the form of --seal.
func (g *acceptFlags) counting() error {
	if g.Count = g.counted; g.counted < 0 {
		if g.asOffered {
			return errors.New("say how many items you counted: --count N")
		}
		g.Count = int64(len(g.items) + len(g.seals)) // each was named
	}
	for _, raw := range g.items {
		part := strings.Split(raw, "=")
		if len(part) != 3 {
			return fmt.Errorf("--item %q: not LABEL=NUMBER=STATE", raw)
		}
		g.seals = append(g.seals, part[0]+"="+part[2]+":"+part[1])
	}
	return nil
}

// list is an offer's items, and which of them something was said about.
type list struct {
	items []event.HandoverItem
	said  map[event.Ref]bool
}

// find finds an item by label, KIND:LABEL or id.
func (l *list) find(label string) (event.HandoverItem, error) {
	var hits []event.HandoverItem
	for _, it := range l.items {
		if it.Label == label || string(it.Item.Kind)+":"+it.Label == label || it.Item.ID.String() == label {
			hits = append(hits, it)
		}
	}
	if len(hits) != 1 {
		return event.HandoverItem{}, fmt.Errorf("%d items on the list are called %q", len(hits), label)
	}
	l.said[hits[0].Item] = true
	return hits[0], nil
}

// seal reads LABEL=STATE[:NUMBER]; without a number it is the one on the list.
func (l *list) seal(raw string) (found event.SealFound, err error) {
	label, rest, _ := strings.Cut(raw, "=")
	state, no, numbered := strings.Cut(rest, ":")
	it, err := l.find(label)
	if err != nil {
		return found, err
	}
	found = event.SealFound{Item: it.Item, SealNo: no}
	if !numbered && state != "missing" && state != "none" {
		found.SealNo = it.SealNo
	}
	if err := parseWord(state, &found.Seal); err != nil {
		return found, fmt.Errorf("the state %w", err)
	}
	return found, nil
}
