package certificate

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
)

// ErrInput is wrapped where a certificate cannot be made of what was given.
var ErrInput = errors.New("the certificate cannot be made as asked")

// maxAddress bounds the address in the QR code: more makes the code too fine for a printer.
const maxAddress = 300

// Input is what a certificate states.
type Input struct {
	// ID is the certificate's own number, Made when it is made; its zone is the one
	// in which times that nobody claimed are written. Both are required.
	ID   event.UUID
	Made time.Time
	// Language is the document's; empty means English.
	Language bag.Language
	// Record is the case as it was judged; required.
	Record *custody.Record
	// Exhibits are the things to certify; none means all of the record.
	Exhibits []event.Ref
	// Purpose says what it is for, For whom it was made; each may be empty.
	Purpose string
	For     string
	// Authority keeps the ledger.
	Authority  bag.Authority
	Checkpoint Checkpoint
	// Laboratories are those whose work the record shows.
	Laboratories []Laboratory
	// Address is where the record can be looked at; it goes into the QR code. Empty: there is none.
	Address string
}

// Checkpoint is the signed state of the ledger that the case was judged at.
type Checkpoint struct {
	Origin string
	Size   int64
	Root   event.Root
	// Witnesses are those whose cosignatures were verified, Quorum how many are needed.
	Witnesses []Witness
	Quorum    int
}

// Witness is a cosignature that was verified.
type Witness struct {
	Name string
	// Time is by the witness's own clock.
	Time time.Time
}

// Laboratory is a laboratory with its accreditation, as far as one is known.
type Laboratory struct {
	ID            event.UUID
	Name          string
	Accreditation *event.Accreditation
	// Stated: the accreditation is what the laboratory said of itself; the
	// authority's register has none.
	Stated bool
}

// Laboratories gathers the laboratories from the bodies of a case's events and
// of the authority's, in ledger order. What the register says newest counts; a
// laboratory's own statement only where the register says nothing.
func Laboratories(bodies iter.Seq[event.Body]) []Laboratory {
	byID := map[event.UUID]*Laboratory{}
	at := func(id event.UUID) *Laboratory {
		if byID[id] == nil {
			byID[id] = &Laboratory{ID: id}
		}
		return byID[id]
	}
	stated := func(id event.UUID, a *event.Accreditation) {
		if l := at(id); a != nil && (l.Accreditation == nil || l.Stated) {
			l.Accreditation, l.Stated = a, true
		}
	}
	for b := range bodies {
		switch b := b.(type) {
		case *event.OrgRegistered:
			if b.Kind == "lab" {
				l := at(b.Org)
				l.Name = b.Name
				if b.NameZH != "" && b.NameZH != b.Name {
					l.Name += " " + b.NameZH
				}
				if b.Accreditation != nil || !l.Stated {
					l.Accreditation, l.Stated = b.Accreditation, false
				}
			}
		case *event.LabAccessioned:
			stated(b.Lab, b.Accreditation)
		case *event.ResultsReported:
			stated(b.Lab, b.Accreditation)
		}
	}
	list := make([]Laboratory, 0, len(byID))
	for _, l := range byID {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Laboratory) int {
		return strings.Compare(a.Name+a.ID.String(), b.Name+b.ID.String())
	})
	return list
}

// check refuses what would make a wrong paper.
func (in *Input) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrInput}, args...)...)
	}
	switch {
	case in.Record == nil:
		return bad("there is no record")
	case in.ID.IsZero() || in.Made.IsZero():
		return bad("its number and its time must be given")
	case in.Language != "" && in.Language != bag.English && in.Language != bag.Chinese:
		return bad("the language %q is neither en nor zh", in.Language)
	case len(in.Address) > maxAddress:
		return bad("the record's address has %d bytes, at most %d go into a code that a telephone can read from paper", len(in.Address), maxAddress)
	}
	for _, ref := range in.Exhibits {
		if !slices.ContainsFunc(in.Record.Items, func(it custody.Item) bool { return it.Ref == ref }) {
			return bad("the record has no exhibit %s %s", ref.Kind, ref.ID)
		}
	}
	return nil
}

// Write writes the certificate. Errors wrap ErrInput, ErrFont, or are those of w.
func Write(w io.Writer, in Input, f *Fonts) error {
	if err := in.check(); err != nil {
		return err
	}
	// Twice: the list of exhibits at the front says on which page each is.
	first := newDocument(in, f, nil)
	first.all()
	if first.p.err != nil {
		return first.p.err
	}
	d := newDocument(in, f, first.pages)
	d.all()
	return d.finish(w)
}

// document is a certificate in the making.
type document struct {
	in Input
	r  *custody.Record
	p  *paper
	zh bool
	// items are the exhibits that it covers.
	items   []*custody.Item
	labels  map[event.Ref]string
	byItem  map[event.Ref][]*custody.Defect
	general []*custody.Defect
	labs    map[event.UUID]*Laboratory
	// pages is where each exhibit begins; of an earlier setting in known.
	pages, known map[event.Ref]int
}

func newDocument(in Input, f *Fonts, known map[event.Ref]int) *document {
	zh := in.Language == bag.Chinese
	d := &document{in: in, r: in.Record, zh: zh, p: newPaper(f, zh), labels: map[event.Ref]string{},
		labs: map[event.UUID]*Laboratory{}, pages: map[event.Ref]int{}, known: known}
	for i := range in.Laboratories {
		d.labs[in.Laboratories[i].ID] = &in.Laboratories[i]
	}
	for i := range d.r.Items {
		it := &d.r.Items[i]
		d.labels[it.Ref] = it.Label
		if len(in.Exhibits) == 0 || slices.Contains(in.Exhibits, it.Ref) {
			d.items = append(d.items, it)
		}
	}
	d.byItem, d.general = d.r.Concerning()
	return d
}

// defects are those of the exhibits covered and of the case, each once.
func (d *document) defects() []*custody.Defect {
	var list []*custody.Defect
	for i := range d.r.Defects {
		f := &d.r.Defects[i]
		if slices.Contains(d.general, f) || slices.ContainsFunc(d.items, func(it *custody.Item) bool { return slices.Contains(d.byItem[it.Ref], f) }) {
			list = append(list, f)
		}
	}
	return list
}

// all sets the whole document.
func (d *document) all() {
	d.front()
	d.summary()
	d.contents()
	d.exhibits()
	d.wholeCase()
	d.laboratories()
	d.ledger()
	d.checking()
	d.limits()
	d.signature()
}

func (d *document) finish(w io.Writer) error {
	pdf := d.p.pdf
	title := d.say("Custody certificate", "证据保管链证明书")
	if d.r.Case.Number != "" {
		title += " · " + d.r.Case.Number
	}
	pdf.SetTitle(plain(title), true)
	pdf.SetSubject(plain(d.r.Case.Title), true)
	pdf.SetAuthor(plain(d.authority()), true)
	pdf.SetKeywords(plain("fieldseal; certificate "+d.in.ID.String()+"; checkpoint "+fmt.Sprint(d.in.Checkpoint.Size)+"; root "+d.in.Checkpoint.Root.String()), true)
	pdf.SetCreator("fieldseal", true)
	pdf.SetProducer("fieldseal certificate", true)
	pdf.SetCreationDate(d.in.Made)
	pdf.SetModificationDate(d.in.Made)
	pdf.SetDisplayMode("fullpage", "continuous")
	pdf.SetLang("en")
	if d.zh {
		pdf.SetLang("zh-CN")
	}
	foot := func(page, pages int) (string, string) {
		return d.say("Certificate ", "证明书编号 ") + d.in.ID.String(), d.say(fmt.Sprintf("page %d of %d", page, pages), fmt.Sprintf("第 %d 页，共 %d 页", page, pages))
	}
	return d.p.finish(w, foot, title)
}
