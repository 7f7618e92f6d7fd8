package fieldcli

import (
	"fmt"
	"strings"

	"fieldseal/sync/event"

	"github.com/spf13/cobra"
)

// physical are the kinds of thing that can be sealed, stored and handed over.
var physical = []event.RefKind{"sample", "subsample", "object"}

// itemArg puts the one argument, a physical thing, into a body.
func itemArg[B any](to func(*B) *event.Ref) func(*run, *B, []string) error {
	return func(r *run, b *B, args []string) (err error) {
		*to(b), err = r.findThing(args[0], physical...)
		return err
	}
}

func (a *app) sealCommand() *cobra.Command { return withAlias("apply", a.sealItem) }

func (a *app) sealItem() *cobra.Command {
	return captureOne(a, spec[event.SealApplied]{
		use: "seal ITEM", short: "Put a new custody seal on an item", args: cobra.MaximumNArgs(1),
		long:    "Put a new custody seal on an item. The old seal's number is taken from what is known, unless --old-seal is given.",
		example: "  fieldkit seal T-000012 --new-seal S-1042 --reason \"opened for splitting\" --witness \"Zhang Min\"",
		take:    itemArg(func(b *event.SealApplied) *event.Ref { return &b.Item }),
		fields: func(b *event.SealApplied, f *fields) {
			text(f, "new-seal", "number of the new seal", &b.NewSeal)
			text(f, "old-seal", "number of the old seal", &b.OldSeal)
			text(f, "reason", "why it was sealed anew", &b.Reason)
			text(f, "witness", "who saw it", &b.Witness)
			stamp(f, "at", "when (now)", &b.At)
		},
		after: func(r *run, b *event.SealApplied) error {
			if b.OldSeal == "" {
				if t, err := r.thingOf(b.Item); err == nil {
					b.OldSeal = t.SealNo
				}
			}
			return nil
		},
	})
}

func (a *app) storageCommand() *cobra.Command { return withAlias("move", a.moveItem) }

func (a *app) moveItem() *cobra.Command {
	return captureOne(a, spec[event.StorageMoved]{
		use: "storage ITEM", short: "Put an item into, move it within, or take it out of storage", args: cobra.MaximumNArgs(1),
		example: "  fieldkit storage T-000012 --move in --location \"cold room 2, shelf B\" --reason \"awaiting analysis\"",
		take:    itemArg(func(b *event.StorageMoved) *event.Ref { return &b.Item }),
		fields: func(b *event.StorageMoved, f *fields) {
			word(f, "move", "which way", &b.Move)
			text(f, "location", "the place in storage", &b.Location)
			text(f, "reason", "why", &b.Reason)
			stamp(f, "at", "when (now)", &b.At)
		},
	})
}

func (a *app) holdCommand() *cobra.Command {
	return group("hold", "Forbid disposal, and end that again", captureOne(a, spec[event.HoldPlaced]{
		use: "place ITEM…", short: "Forbid disposal of items", args: cobra.ArbitraryArgs,
		example: "  fieldkit hold place T-000012 T-000013 --authority \"People's Procuratorate\" --reason \"pending trial\"",
		take: func(r *run, b *event.HoldPlaced, args []string) error {
			for _, arg := range args {
				item, err := r.findThing(arg)
				if err != nil {
					return fmt.Errorf("%q: %w", arg, err)
				}
				b.Items = append(b.Items, item)
			}
			return nil
		},
		fields: func(b *event.HoldPlaced, f *fields) {
			text(f, "authority", "who ordered it", &b.Authority)
			text(f, "reason", "why", &b.Reason)
		},
	}), captureOne(a, spec[event.HoldReleased]{
		use: "release HOLD", short: "End a hold, named by its id", args: cobra.MaximumNArgs(1),
		example: "  fieldkit hold release 01932f6e-… --authority \"People's Court\" --reason \"judgment in force\"",
		take: func(_ *run, b *event.HoldReleased, args []string) (err error) {
			b.Hold, err = event.ParseUUID(args[0])
			return err
		},
		fields: func(b *event.HoldReleased, f *fields) {
			text(f, "authority", "who ordered it", &b.Authority)
			text(f, "reason", "why", &b.Reason)
		},
	}))
}

func (a *app) disposeCommand() *cobra.Command {
	return captureOne(a, spec[event.ItemDisposed]{
		use: "dispose ITEM", short: "Record that an item was disposed of", args: cobra.MaximumNArgs(1),
		example: "  fieldkit dispose T-000012 --authority \"order 2027-3\" --hold-checked yes --method incineration --witness \"Zhang Min\" --left \"0 mL\"",
		take:    itemArg(func(b *event.ItemDisposed) *event.Ref { return &b.Item }),
		fields: func(b *event.ItemDisposed, f *fields) {
			text(f, "authority", "what allows it", &b.Authority)
			word(f, "hold-checked", "whether it was checked that no hold forbids it", &b.HoldChecked)
			text(f, "method", "how", &b.Method)
			text(f, "witness", "who saw it", &b.Witness)
			stamp(f, "at", "when (now)", &b.At)
			amount(f, "left", "what was left", &b.Left)
		},
	})
}

func (a *app) dossierCommand() *cobra.Command { return withAlias("step", a.dossierStep) }

func (a *app) dossierStep() *cobra.Command {
	return captureOne(a, spec[event.DossierStepTaken]{
		use: "dossier STEP", short: "Record a step of a transfer dossier: " + wordList[event.DossierStep](), args: cobra.MaximumNArgs(1),
		long:    "Record a step of a transfer dossier. \"compiled\" begins a new one and prints its id; the further steps name it with --dossier.",
		example: "  fieldkit dossier compiled --document \"transfer_letter=Letter 2026-17=yes\" --document \"site_sketch=Sketch=no\"\n  fieldkit dossier sent --dossier 01932f6e-… --to \"District Police\" --payer \"Environment Bureau\" --pay-due 2026-12-31",
		take:    func(_ *run, b *event.DossierStepTaken, args []string) error { return parseWord(args[0], &b.Step) },
		fields: func(b *event.DossierStepTaken, f *fields) {
			f.add("dossier", "ID", "the dossier", false, func(_ *run, raw string) (err error) {
				b.Dossier, err = event.ParseUUID(raw)
				return err
			})
			stamp(f, "at", "when (now)", &b.At)
			text(f, "to", "to whom", &b.To)
			f.add("document", "KIND=TITLE=yes|no", "a document of it and whether it is there; may be repeated", true, func(_ *run, raw string) error {
				part := strings.Split(raw, "=")
				if len(part) != 3 {
					return fmt.Errorf("not KIND=TITLE=yes|no|not_applicable")
				}
				d := event.DossierDocument{Kind: part[0], Title: part[1]}
				b.Documents = append(b.Documents, d)
				return parseWord(part[2], &b.Documents[len(b.Documents)-1].Present)
			})
			text(f, "opinion", "the opinion of this step", &b.Opinion)
			text(f, "payer", "who pays for the appraisal", &b.Payer)
			day(f, "pay-due", "when that is due", &b.PayDue)
		},
	})
}

func (a *app) waiverCommand() *cobra.Command { return withAlias("grant", a.grantWaiver) }

func (a *app) grantWaiver() *cobra.Command {
	return captureOne(a, spec[event.WaiverGranted]{
		use: "waiver DEFECT", short: "Excuse a custody defect by an authority's decision; it stays visible", args: cobra.MaximumNArgs(1),
		example: "  fieldkit waiver TEMP_OUT_OF_RANGE --about T-000012 --authority \"Li Wei, supervisor\" --reason \"on ice, delivered the same day\" --document decision.pdf",
		take: func(_ *run, b *event.WaiverGranted, args []string) error {
			b.Defect = args[0]
			return nil
		},
		fields: func(b *event.WaiverGranted, f *fields) {
			f.add("about", "THING", "the thing that has the defect", false, func(r *run, raw string) error {
				got, err := r.findThing(raw)
				b.About = &got
				return err
			})
			text(f, "authority", "who decided", &b.Authority)
			text(f, "reason", "why", &b.Reason)
			file(f, "document", "the decision", &b.Document)
		},
	})
}
