package fieldcli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"fieldseal/mobile-contract/device"
	"fieldseal/mobile-contract/device/carry"
	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

func (a *app) handoverCommand() *cobra.Command {
	return group("handover", "Hand things over, with or without a network", a.offerCommand(), a.peekCommand(), a.acceptCommand(),
		a.declineCommand(), a.concludeCommand(), a.reshowCommand(), a.handoverListCommand())
}

// textFlags say how a handover's text is given out.
type textFlags struct {
	qr        string
	introduce bool
	cmd       *cobra.Command
}

// introduced says whether the enrolment goes along: in a text it costs nothing and lets
// any device of the authority check the signature; a QR code it would double.
func (t *textFlags) introduced() bool {
	return t.introduce && (t.qr == "" || t.cmd.Flags().Changed("introduce"))
}

func (t *textFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&t.qr, "qr", "", "also draw the text as QR code into a PNG `file` (FILE-1.png, FILE-2.png … where it takes several)")
	cmd.Flags().BoolVar(&t.introduce, "introduce", true, "add this device's enrolment, for a device of the same authority that has never heard of it; by default not with --qr")
	t.cmd = cmd
}

// handedView is a sealed half of a handover as --json prints it.
type handedView struct {
	Handover  string      `json:"handover"`
	Text      string      `json:"text"`
	QR        []string    `json:"qr,omitzero"`
	PeerKnown bool        `json:"peer_known"`
	Again     bool        `json:"again"`
	Warnings  []string    `json:"warnings"`
	Terms     event.Terms `json:"terms"`
	Saved     savedView   `json:"saved"`
}

// give prints the text for the other side: the text alone on standard output, so
// that it can be piped or redirected, and all else on standard error.
func (a *app) give(h *device.Handed, t *textFlags, what string) error {
	whole, err := h.Text(0)
	if err != nil {
		return err
	}
	var pictures []string
	if t.qr != "" {
		if pictures, err = drawQR(h, t.qr); err != nil {
			return fmt.Errorf("the record is sealed (fieldkit handover show %s), but: %w", h.Handover, err)
		}
	}
	if a.json {
		v := handedView{Handover: h.Handover.String(), Text: whole[0], QR: pictures, PeerKnown: h.PeerKnown, Again: h.Again,
			Warnings: h.Warnings, Terms: h.Terms, Saved: viewSaved(h.Saved)}
		return a.print(v)
	}
	for _, w := range h.Warnings {
		fmt.Fprintln(a.Err, "!", w)
	}
	fmt.Fprintf(a.Err, "saved: record %d, %s, handover %s. %s\n", h.Saved.Seq, h.Saved.Type, h.Handover, what)
	for _, p := range pictures {
		fmt.Fprintln(a.Err, "QR code:", p)
	}
	a.say("%s", whole[0])
	return nil
}

// drawQR writes the parts of a text as pictures.
func drawQR(h *device.Handed, path string) ([]string, error) {
	parts, err := h.Text(carry.QRText)
	if err != nil {
		return nil, err
	}
	var names []string
	for i, part := range parts {
		png, err := device.QRCode(part)
		if err != nil {
			return names, err
		}
		name := path
		if len(parts) > 1 {
			ext := filepath.Ext(path)
			name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, ext), i+1, ext)
		}
		if err := os.WriteFile(name, png, 0o600); err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}

// handoverText reads a text from arguments: files, the text itself, or standard input.
func (a *app) handoverText(args []string) (string, error) {
	if len(args) == 0 {
		args = []string{"-"}
	}
	var all []string
	for _, arg := range args {
		if carry.Looks(arg) {
			all = append(all, arg)
			continue
		}
		data, err := a.readAll(arg, carry.MaxText)
		if errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%q is neither a handover text (FS1:…) nor a file", oneLine(arg, 40))
		}
		if err != nil {
			return "", err
		}
		all = append(all, string(data))
	}
	return strings.Join(all, "\n"), nil
}

// offerFlags are what the giver says.
type offerFlags struct {
	device.OfferRequest
	seals, items []string
	all          event.SealState
}

func (g *offerFlags) register(f *fields) {
	text(f, "to", "who receives", &g.To.Name)
	person(f, "to-person", "the receiving person, where it is known here", &g.To.Person)
	f.add("to-org", "ORG", "the receiving organisation", false, func(r *run, raw string) (err error) {
		g.To.Org, err = r.findOrg(raw)
		return err
	})
	word(f, "mode", "how they change hands (by_hand)", &g.Mode)
	text(f, "carrier", "who carries them, with mode courier", &g.Carrier)
	text(f, "tracking-no", "the courier's number", &g.TrackingNo)
	text(f, "purpose", "what for", &g.Purpose)
	text(f, "place", "where, in words", &g.Place)
	count(f, "count", "number of items as counted (as many as are named)", &g.Count)
	figure(f, "temp-c", "temperature in the cooler, °C", &g.TempC)
	text(f, "exceptions", "anything that is not as it should be", &g.Exceptions)
	word(f, "seals", "state of the seals of all items not named with --seal", &g.all)
	f.flags.StringArrayVar(&g.items, "item", nil, "an `ITEM[=STATE]`, with the state of its seal; may be repeated")
	f.flags.StringArrayVar(&g.seals, "seal", nil, "`ITEM=STATE` of one item's seal: "+wordList[event.SealState]())
}

// request completes the request with what is named by label.
func (g *offerFlags) request(r *run, args []string) (err error) {
	for _, raw := range g.items {
		name, state, stated := strings.Cut(raw, "=")
		args = append(args, name)
		if stated {
			g.seals = append(g.seals, name+"="+state)
		}
	}
	if id, err := r.findPerson(g.To.Name); err == nil && g.To.Person.IsZero() {
		g.To.Person = id
	}
	for _, arg := range args {
		item, err := r.findThing(arg, physical...)
		if err != nil {
			return fmt.Errorf("%q: %w", arg, err)
		}
		g.Items = append(g.Items, event.HandoverItem{Item: item, Seal: g.all})
	}
	if err := r.sealStates(g.seals, g.Items); err != nil {
		return err
	}
	g.Case, g.At = r.caseID, r.here
	g.Actor, err = r.actorID()
	return err
}

func (a *app) offerCommand() *cobra.Command {
	var g offerFlags
	var t textFlags
	place := &placeFlags{}
	cmd := &cobra.Command{
		Use: "offer ITEM…", Short: "Offer items to somebody: seals the first half of a handover",
		Long: `Offer items. The text on standard output goes to the receiver's device, as QR code or
any other way; the items stay in your custody until the receiver has accepted. Say how the
seal of each item is: --seals STATE for all, --seal ITEM=STATE for one.`,
		Example: "  fieldkit handover offer T-000012 T-000013 --to \"City Laboratory\" --purpose analysis --place \"laboratory door\" --seals intact --qr offer.png",
	}
	f := &fields{flags: cmd.Flags()}
	place.register(f)
	g.register(f)
	t.register(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := a.begin(cmd.Context(), true)
		if err != nil {
			return err
		}
		g.Mode = "by_hand"
		if err := f.apply(r); err != nil {
			return err
		}
		if r.here, err = place.place(); err != nil {
			return err
		}
		if err := g.request(r, args); err != nil {
			return err
		}
		g.Introduce = t.introduced()
		h, err := r.s.Offer(r.ctx, g.OfferRequest)
		if err != nil {
			return err
		}
		return a.give(h, &t, "Give this text to the receiver; the items are yours until it is accepted:")
	}
	return cmd
}

// sealStates sets what --seal says of single items and requires a word on each.
func (r *run) sealStates(seals []string, items []event.HandoverItem) error {
	for _, raw := range seals {
		name, state, _ := strings.Cut(raw, "=")
		item, err := r.findThing(name, physical...)
		if err != nil {
			return fmt.Errorf("--seal %q: %w", raw, err)
		}
		found := false
		for i := range items {
			if items[i].Item == item {
				found = true
				if err := parseWord(state, &items[i].Seal); err != nil {
					return fmt.Errorf("--seal %q: the state %w", raw, err)
				}
			}
		}
		if !found {
			return fmt.Errorf("--seal %q: it is not among the items", raw)
		}
	}
	for i := range items {
		if items[i].Seal == "" {
			return fmt.Errorf("say how the seal of %s is: --seals STATE for all, --seal ITEM=STATE for one", items[i].Item.ID)
		}
	}
	return nil
}

func (a *app) peekCommand() *cobra.Command {
	return &cobra.Command{
		Use: "peek [TEXT|FILE|-]…", Short: "Read an offer without accepting it", Example: "  fieldkit handover peek offer.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.begin(cmd.Context(), false)
			if err != nil {
				return err
			}
			txt, err := a.handoverText(args)
			if err != nil {
				return err
			}
			h, err := r.s.Peek(r.ctx, txt)
			if err != nil {
				return err
			}
			if a.json {
				return a.print(handedView{Handover: h.Handover.String(), PeerKnown: h.PeerKnown, Warnings: h.Warnings, Terms: h.Terms})
			}
			a.printTerms(&h.Terms, h.Warnings)
			return nil
		},
	}
}

func (a *app) printTerms(t *event.Terms, warnings []string) {
	a.say("from %s to %s, %s, %s, %s", t.From.Name, t.To.Name, t.Mode, t.Purpose, t.Place)
	a.say("relinquished %s, %d items as counted", t.Relinquished, t.Count)
	for _, it := range t.Items {
		a.say("  %s %s, seal %s %s", it.Item.Kind, it.Label, it.SealNo, it.Seal)
	}
	if t.Exceptions != "" {
		a.say("exceptions: %s", t.Exceptions)
	}
	for _, w := range warnings {
		a.say("! %s", w)
	}
}

func (a *app) declineCommand() *cobra.Command {
	var reason string
	var t textFlags
	cmd := &cobra.Command{
		Use: "decline [TEXT|FILE|-]…", Short: "Decline an offer: the items stay with the giver",
		Example: "  fieldkit handover decline offer.txt --reason \"the seal of T-000012 is broken\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.begin(cmd.Context(), false)
			if err != nil {
				return err
			}
			txt, err := a.handoverText(args)
			if err != nil {
				return err
			}
			h, err := r.s.Decline(r.ctx, txt, reason)
			if err != nil {
				return err
			}
			return a.give(h, &t, "Give this text back to the giver:")
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`why` it is declined")
	cmd.Flags().StringVar(&t.qr, "qr", "", "also draw the text as QR code into a PNG `file`")
	must(cmd.MarkFlagRequired("reason"))
	return cmd
}

// concludedView is a conclusion as --json prints it.
type concludedView struct {
	Handover   string                 `json:"handover"`
	Declined   string                 `json:"declined,omitzero"`
	PeerKnown  bool                   `json:"peer_known"`
	Again      bool                   `json:"again"`
	Warnings   []string               `json:"warnings"`
	Acceptance *event.CustodyAccepted `json:"acceptance,omitzero"`
	Saved      *savedView             `json:"saved,omitzero"`
}

func (a *app) concludeCommand() *cobra.Command {
	return &cobra.Command{
		Use: "conclude [TEXT|FILE|-]…", Short: "Take the receiver's answer on the giver's device",
		Long:    "Take the receiver's answer. The exit status is 1 where the offer was declined.",
		Example: "  fieldkit handover conclude acceptance.txt",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.begin(cmd.Context(), false)
			if err != nil {
				return err
			}
			txt, err := a.handoverText(args)
			if err != nil {
				return err
			}
			c, err := r.s.Conclude(r.ctx, txt)
			if err != nil {
				return err
			}
			if err := a.printConcluded(c); err != nil {
				return err
			}
			if c.Declined != "" {
				return errNo
			}
			return nil
		},
	}
}

func (a *app) printConcluded(c *device.Concluded) error {
	if a.json {
		v := concludedView{Handover: c.Handover.String(), Declined: c.Declined, PeerKnown: c.PeerKnown, Again: c.Again,
			Warnings: c.Warnings, Acceptance: c.Acceptance}
		if c.Declined == "" {
			s := viewSaved(c.Saved)
			v.Saved = &s
		}
		return a.print(v)
	}
	for _, w := range c.Warnings {
		a.say("! %s", w)
	}
	if c.Declined != "" {
		a.say("handover %s was declined: %s. The items are still in your custody.", c.Handover, c.Declined)
		return nil
	}
	b := c.Acceptance
	a.say("handover %s is concluded: %d items received %s", c.Handover, b.Count, b.Received)
	if n := len(b.Missing); n > 0 {
		a.say("! %d items are missing by the receiver's word", n)
	}
	for _, s := range b.Seals {
		if s.Seal != "intact" {
			a.say("! %s %s: seal %s", s.Item.Kind, s.Item.ID, s.Seal)
		}
	}
	for _, u := range b.Unexpected {
		a.say("! not on the list: %s %s", u.Label, u.Explanation)
	}
	return nil
}

func (a *app) reshowCommand() *cobra.Command {
	var t textFlags
	cmd := &cobra.Command{
		Use: "show HANDOVER", Short: "Give out this device's half of a handover again", Args: cobra.ExactArgs(1),
		Example: "  fieldkit handover show 01932f6e-7a10-7000-8000-000000000005 --qr again.png",
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.begin(cmd.Context(), false)
			if err != nil {
				return err
			}
			id, err := event.ParseUUID(args[0])
			if err != nil {
				return err
			}
			h, err := r.s.Reshow(r.ctx, id)
			if err != nil {
				return err
			}
			return a.give(h, &t, "The text again:")
		},
	}
	cmd.Flags().StringVar(&t.qr, "qr", "", "also draw the text as QR code into a PNG `file`")
	return cmd
}

// handoverView is a handover in a list as --json prints it.
type handoverView struct {
	Handover  string      `json:"handover"`
	Side      string      `json:"side"`
	State     string      `json:"state"`
	PeerKnown bool        `json:"peer_known"`
	PeerWrong bool        `json:"peer_wrong"`
	At        string      `json:"at"`
	Terms     event.Terms `json:"terms"`
}

func (a *app) handoverListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "The handovers of this device", Args: cobra.NoArgs, Example: "  fieldkit handover list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			list, err := s.Handovers(cmd.Context())
			if err != nil {
				return err
			}
			views := []handoverView{}
			for _, h := range list {
				views = append(views, handoverView{h.Handover.String(), h.Side, h.State, h.PeerKnown, h.PeerWrong, h.At, h.Terms})
				mark := ""
				if h.PeerWrong {
					mark = " ! the other side's signature is wrong"
				}
				a.say("%s  %-9s  %s → %s, %d items, %s%s", h.Handover, h.State, h.Terms.From.Name, h.Terms.To.Name, len(h.Terms.Items), h.At, mark)
			}
			if a.json {
				return a.print(views)
			}
			return nil
		},
	}
}
