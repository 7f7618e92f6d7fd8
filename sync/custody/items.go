package custody

import (
	"cmp"
	"slices"
	"strings"

	"fieldseal/sync/event"
)

var _ = derive(stageItems, "physical items", func(v *view) {
	v.record.Items = slices.Grow(v.record.Items, len(v.chains.things))
	for _, t := range v.chains.things {
		v.record.Items = append(v.record.Items, v.itemOf(t))
	}
})

// itemOf writes down a thing with its history.
func (v *view) itemOf(t *thing) Item {
	it := Item{
		Ref: t.ref, Kind: Physical, Label: t.label, What: t.what(), Steps: v.stepsOf(t), Seals: t.sealSteps(), SealNo: t.sealNow(),
		Accessions: v.accessionsOf(t), Balance: v.lab.balances[t.ref].info(), Held: v.holdsOn(t), Results: v.resultInfos(t), Holding: v.holdingTimes(t),
	}
	if t.origin != nil {
		it.Origin = t.origin.ID
	}
	if p, ok := t.parent(); ok {
		it.Parent = &p
	}
	for _, part := range v.lab.parts[t.ref] {
		it.Subsamples = append(it.Subsamples, part.ref)
	}
	if t.disposal != nil {
		it.Disposal = t.disposal.ID
	}
	it.State = v.stateOf(t)
	if it.State != StateDisposed {
		it.Holder = v.holderInfo(t)
	}
	return it
}

// parent is what a sub-sample was taken from, or the sample that a split or duplicate belongs to.
func (t *thing) parent() (event.Ref, bool) {
	switch {
	case t.part != nil:
		return t.part.Parent, true
	case t.sample != nil && !t.sample.Parent.IsZero():
		return event.Ref{Kind: "sample", ID: t.sample.Parent}, true
	}
	return event.Ref{}, false
}

var partZH = map[event.SubsampleKind]string{"aliquot": "分样", "extract": "提取液", "digest": "消解液", "leachate": "浸出液"}

var matrixZH = map[event.Matrix]string{
	"water": "水样", "soil": "土壤", "sediment": "底泥", "solid_waste": "固体废物", "liquid_waste": "液态废物", "sludge": "污泥",
	"air": "气样", "oil": "油样", "leachate": "浸出液", "biota": "生物样", "other": "其他样品",
}

var qcZH = map[event.QCType]string{
	"primary": "原样", "split": "分割样", "field_duplicate": "现场平行样", "trip_blank": "运输空白", "field_blank": "现场空白",
	"equipment_blank": "设备空白", "matrix_spike": "基体加标", "matrix_spike_duplicate": "基体加标平行样",
}

var objectZH = map[event.ObjectKind]string{
	"barrel": "桶", "tank": "储罐", "container": "容器", "waste_heap": "废物堆", "vehicle": "车辆", "account": "账户", "equipment": "设备",
	"document": "文件", "phone": "手机", "outfall": "排放口", "other": "其他物品",
}

// spaced writes a word of the schema as people read it.
func spaced[W ~string](w W) string { return strings.ReplaceAll(string(w), "_", " ") }

// what describes a thing in a few words.
func (t *thing) what() Text {
	switch {
	case t.sample != nil:
		return both(spaced(t.sample.Matrix)+" sample, "+spaced(t.sample.QC), matrixZH[t.sample.Matrix]+"，"+qcZH[t.sample.QC])
	case t.part != nil:
		return both(spaced(t.part.Kind), partZH[t.part.Kind])
	case t.object != nil:
		return both(spaced(t.object.Kind), objectZH[t.object.Kind])
	}
	return both("item without a record of its origin", "来源无记录的物品")
}

// sealNow is the seal that should be on a thing now.
func (t *thing) sealNow() string {
	no := ""
	for _, s := range t.seals {
		switch {
		case s.kind == "opened" || s.recorded && s.state != "intact":
			no = ""
		case s.no != "":
			no = s.no
		}
	}
	return no
}

func (t *thing) sealSteps() []SealStep {
	var list []SealStep
	for _, s := range t.seals {
		if s.recorded {
			list = append(list, SealStep{Event: s.act.ID, At: s.at, SealNo: s.no, State: s.state, Applied: s.kind == "applied"})
		}
	}
	return list
}

// stateOf is where a thing stands at the time judged.
func (v *view) stateOf(t *thing) ItemState {
	if t.disposal != nil {
		return StateDisposed
	}
	if v.lostIn(t) != nil {
		return StateMissing
	}
	legs := v.chains.legs[t.ref]
	if n := len(legs); n > 0 && legs[n-1].accept == nil && legs[n-1].decline == nil {
		if legs[n-1].terms.Mode == "courier" {
			return StateTransit
		}
		return StateOffered
	}
	last := t.periods[len(t.periods)-1]
	for a, b := range concerning[*event.LabAccessioned](v, t.ref) {
		if b.Decision == "reject" && b.Lab == last.holder.org && (last.by == nil || a.pos > last.by.moved().pos) {
			return StateRejected
		}
	}
	if b := v.lab.balances[t.ref]; b != nil && b.left != nil && b.left.Sign() == 0 {
		return StateConsumed
	}
	return StateHeld
}

// holderInfo is who has a thing by the newest record.
func (v *view) holderInfo(t *thing) *HolderInfo {
	if t.origin == nil && len(t.periods) == 1 {
		return nil
	}
	p := t.periods[len(t.periods)-1]
	h := &HolderInfo{Name: p.holder.name, Org: p.holder.org, Since: p.from, Confirmed: p.by == nil || p.by.complete()}
	if !p.holder.org.IsZero() {
		h.OrgName = v.orgName(p.holder.org).EN
	}
	if len(p.holder.persons) > 0 {
		h.Person = p.holder.persons[0]
	}
	start := -1
	if p.by != nil {
		start = p.by.moved().pos
	}
	for a, b := range concerning[*event.StorageMoved](v, t.ref) {
		if a.pos > start {
			h.Location = b.Location
		}
		if a.pos > start && b.Move == "out" {
			h.Location = ""
		}
	}
	if h.Location == "" {
		for a, b := range concerning[*event.LabAccessioned](v, t.ref) {
			if a.pos > start && b.Lab == p.holder.org {
				h.Location = b.Storage
			}
		}
	}
	return h
}

// told is an act as it is told in a thing's history.
type told struct {
	act    *act
	body   event.Body
	voided bool
}

// stepsOf lists what happened to a thing in causal order, withdrawn events included.
func (v *view) stepsOf(t *thing) []Step {
	reaching := v.reaching(t)
	list := make([]told, 0, len(v.byRef[t.ref])+len(v.voided[t.ref])+len(reaching))
	for _, a := range v.byRef[t.ref] {
		list = append(list, told{a, a.now, false})
	}
	for _, a := range v.voided[t.ref] {
		list = append(list, told{a, a.Body, true})
	}
	for _, a := range reaching {
		list = append(list, told{a, a.now, false})
	}
	slices.SortStableFunc(list, func(x, y told) int { return cmp.Compare(x.act.pos, y.act.pos) })
	steps := make([]Step, len(list))
	for i, x := range list {
		steps[i] = v.stepOf(t, x)
	}
	return steps
}

// reaching lists the acts that reach a thing through something else: conclusions
// and refusals of its handovers, releases of its holds.
func (v *view) reaching(t *thing) []*act {
	var list []*act
	for _, h := range v.chains.legs[t.ref] {
		for _, a := range []*act{h.conclude, h.decline} {
			if a != nil {
				list = append(list, a)
			}
		}
	}
	for _, hold := range v.holds[t.ref] {
		if hold.released != nil {
			list = append(list, hold.released)
		}
	}
	return list
}

// stepOf tells one act as a step of a thing's history.
func (v *view) stepOf(t *thing, x told) Step {
	a := x.act
	s := Step{
		Kind: StepMentioned, Event: a.ID, By: a.Event.Actor, ByName: v.personName(a.Event.Actor),
		At: a.Event.Clock.Wall, Place: a.Event.Place, Voided: x.voided,
	}
	if org := v.orgOf(a); !org.IsZero() {
		s.ByOrg = v.orgName(org).EN
	}
	switch b := x.body.(type) {
	case *event.CustodyOffered:
		v.tellTerms(&s, t, b.Terms)
	case *event.CustodyAccepted:
		v.tellReceipt(&s, t, b)
	case *event.CustodyConcluded:
		s.Kind, s.Handover = StepConcluded, b.Handover
	case *event.CustodyDeclined:
		s.Kind, s.Handover, s.Note = StepDeclined, b.Handover, b.Reason
	default:
		tellMaking(&s, t, x.body)
		tellKeeping(&s, x.body)
	}
	return s
}

func (v *view) tellTerms(s *Step, t *thing, text string) {
	terms := v.termsOf(text)
	s.Kind = StepRelinquished
	if terms == nil {
		return
	}
	s.At, s.Handover, s.Where, s.Note = terms.Relinquished, terms.Handover, terms.Place, terms.Exceptions
	for _, it := range terms.Items {
		if it.Item == t.ref {
			s.SealNo, s.Seal = it.SealNo, it.Seal
			break
		}
	}
}

func (v *view) tellReceipt(s *Step, t *thing, b *event.CustodyAccepted) {
	s.Kind, s.At, s.Handover, s.Note = StepReceived, b.Received, b.Handover, b.Exceptions
	if h := v.chains.byID[b.Handover]; h != nil && h.accept != nil && h.accept.ID == s.Event {
		s.UnexplainedMS, s.Where = h.unexplained().Milliseconds(), h.terms.Place
		if f, ok := h.found[t.ref]; ok {
			s.SealNo, s.Seal = f.SealNo, f.Seal
		}
		if h.missing[t.ref] {
			s.Kind, s.Note = StepMissing, "not received"
		}
	}
}

// tellMaking tells the acts that make things.
func tellMaking(s *Step, t *thing, body event.Body) {
	own := func(kind event.RefKind, id event.UUID) bool { return t.ref == event.Ref{Kind: kind, ID: id} }
	switch b := body.(type) {
	case *event.SampleCollected:
		s.At = cmp.Or(b.End, b.Start)
		if own("sample", b.Sample) {
			s.Kind, s.SealNo, s.Where = StepCollected, b.SealNo, b.Point
		}
	case *event.ObjectRecorded:
		if own("object", b.Object) {
			s.Kind, s.SealNo = StepCollected, b.SealNo
		}
	case *event.SubsampleMade:
		s.Kind, s.At = StepSubsampled, b.At
		if own("subsample", b.Subsample) {
			s.Kind = StepCollected
		}
	case *event.ResultsReported:
		s.Kind, s.Note = StepAnalysed, b.ReportNo
	case *event.PhotoCaptured:
		s.Kind, s.Note = StepPhotographed, b.Shows
	}
}

// tellKeeping tells the acts that keep things.
func tellKeeping(s *Step, body event.Body) {
	switch b := body.(type) {
	case *event.SealApplied:
		s.Kind, s.At, s.SealNo, s.Note = StepSealed, b.At, b.NewSeal, b.Reason
	case *event.StorageMoved:
		s.Kind, s.At, s.Where, s.Note = StepStored, b.At, b.Location, b.Reason
	case *event.LabAccessioned:
		s.Kind, s.At, s.Where, s.SealNo, s.Seal = StepAccessioned, b.Received, b.Storage, b.SealNo, b.Seal
		if b.Decision == "reject" {
			s.Kind, s.Note = StepRejected, b.Reason
		}
	case *event.HoldPlaced:
		s.Kind, s.Note = StepHeldBack, b.Authority
	case *event.HoldReleased:
		s.Kind, s.Note = StepHoldReleased, b.Authority
	case *event.ItemDisposed:
		s.Kind, s.At, s.Note = StepDisposed, b.At, b.Method
	}
}
