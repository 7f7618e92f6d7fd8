package servers

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"fieldseal/api/wire"
	"fieldseal/mobile-contract/conformance"
	"fieldseal/sync/event"
	"fieldseal/sync/reconcile"
)

// parallelSenders is how many connections hand in one batch at once.
const parallelSenders = 8

func batches() []rule {
	return []rule{
		{"chain.genesis", "a chain that begins with another enrolment, key or log than its own goes to quarantine", wrongGenesis},
		{"batch.accepted", "a chain is accepted in order, each line with its receipt under a signed checkpoint", chainAccepted},
		{"batch.identical", "the same batch again has the same receipts, as duplicates", identical},
		{"batch.overlapping", "an overlapping batch has the receipts that were given, and new ones for what is new", overlapping},
		{"batch.variant", "the same event in another envelope has the first receipt, as a duplicate", variant},
		{"batch.twice-within", "a line that stands twice in one batch is accepted once", twiceWithin},
		{"batch.reversed", "a batch in reverse order is accepted, and nothing of it waits", reversedBatch},
		{"batch.parallel", "one batch handed in on many connections at once makes each entry once", parallel},
		{"batch.interleaved", "two devices' chains interleave, whoever carries them", interleaved},
		{"batch.interrupted", "a batch that broke off in the middle loses nothing and can be sent again", interrupted},
		{"batch.unread", "a batch whose answer nobody read has the same receipts when it is sent again", unread},
	}
}

func (p *peer) genesisBody() event.Body {
	return &event.DeviceGenesis{Enrolment: p.enrolment, Key: event.Digest(p.key.Public().ID()), Origin: p.r.log.verifier.Name(), Model: "conformance run", App: "fieldseal-conformance/1"}
}

// begin seals and hands in a chain's genesis and the opening of its case.
func (p *peer) begin() error {
	g, err := p.next(p.genesisBody())
	if err != nil {
		return err
	}
	c, err := p.next(&event.CaseOpened{Number: "CONF-" + p.caseID.String()[24:], Title: "Conformance run", Authority: "Conformance run"})
	if err != nil {
		return err
	}
	_, err = p.hand(ok(g), ok(c))
	return err
}

func chainAccepted(r *run) error {
	a, b, err := r.ready()
	if err != nil {
		return err
	}
	if err := a.begin(); err != nil {
		return err
	}
	if err := b.begin(); err != nil {
		return err
	}
	list, err := a.notes(5, "in order")
	if err != nil {
		return err
	}
	_, err = a.hand(oks(list)...)
	return err
}

// wrongGenesis begins b's chain wrongly, before it is begun.
func wrongGenesis(r *run) error {
	_, b, err := r.ready()
	if err != nil {
		return err
	}
	own := func() *event.DeviceGenesis { return b.genesisBody().(*event.DeviceGenesis) }
	enrolment, key, origin := own(), own(), own()
	enrolment.Enrolment, key.Key, origin.Origin = r.a.enrolment, event.Digest(r.a.key.Public().ID()), "elsewhere.example/log"
	var items []item
	for _, body := range []event.Body{enrolment, key, origin} {
		x, err := b.at(1, event.ID{}, body)
		if err != nil {
			return err
		}
		items = append(items, quarantine(x.line, x.id, reconcile.CodeGenesisMismatch))
	}
	_, err = b.hand(items...)
	return err
}

// begun gives the devices with chains that have begun. What a broken rule left
// behind is handed in first, so that it does not break the next one.
func (r *run) begun() (a, b *peer, err error) {
	if a, b, err = r.ready(); err != nil {
		return nil, nil, err
	}
	if a.seq == 0 || b.seq == 0 {
		return nil, nil, conformance.Untried("the chains have not begun; batch.accepted says why")
	}
	for _, p := range []*peer{a, b} {
		if h, err := p.head(); err == nil && h.Seq == p.seq {
			continue
		}
		if _, err := r.http.do(r.ctx, p.post(bytes.Join(p.lines, []byte("\n")), "")); err != nil {
			return nil, nil, err
		}
	}
	return a, b, nil
}

// fresh seals n notes on a's chain.
func (r *run) fresh(n int, text string) (*peer, []*sealed, error) {
	a, _, err := r.begun()
	if err != nil {
		return nil, nil, err
	}
	list, err := a.notes(n, text)
	return a, list, err
}

func identical(r *run) error {
	a, list, err := r.fresh(4, "identical")
	if err != nil {
		return err
	}
	first, err := a.hand(oks(list)...)
	if err != nil {
		return err
	}
	for range 2 {
		again, err := a.hand(dups(list)...)
		if err != nil {
			return err
		}
		if err := same(first, again); err != nil {
			return err
		}
	}
	return nil
}

func overlapping(r *run) error {
	a, list, err := r.fresh(6, "overlapping")
	if err != nil {
		return err
	}
	if _, err := a.hand(oks(list[:4])...); err != nil {
		return err
	}
	_, err = a.hand(append(dups(list[2:4]), oks(list[4:])...)...)
	return err
}

func twiceWithin(r *run) error {
	a, list, err := r.fresh(1, "twice within")
	if err != nil {
		return err
	}
	_, err = a.hand(ok(list[0]), dup(list[0]))
	return err
}

func reversedBatch(r *run) error {
	a, list, err := r.fresh(5, "reversed")
	if err != nil {
		return err
	}
	var items []item
	for i := len(list) - 1; i >= 0; i-- {
		items = append(items, ok(list[i]))
	}
	_, err = a.hand(items...)
	return err
}

func parallel(r *run) error {
	a, list, err := r.fresh(20, "parallel")
	if err != nil {
		return err
	}
	var items []item
	for _, x := range list {
		items = append(items, either(x))
	}
	answers, faults := make([]*wire.BatchAnswer, parallelSenders), make([]error, parallelSenders)
	var all sync.WaitGroup
	for i := range parallelSenders {
		all.Go(func() { answers[i], faults[i] = a.hand(items...) })
	}
	all.Wait()
	if err := errors.Join(faults...); err != nil {
		return err
	}
	for k := range list {
		accepted := 0
		for _, x := range answers {
			if x.Results[k].Status == wire.StatusAccepted {
				accepted++
			}
		}
		if accepted != 1 {
			return fmt.Errorf("event %d was answered accepted %d times", list[k].p.Seq, accepted)
		}
	}
	for _, x := range answers[1:] {
		if err := same(answers[0], x); err != nil {
			return err
		}
	}
	return nil
}

func interleaved(r *run) error {
	a, b, err := r.begun()
	if err != nil {
		return err
	}
	x, err := a.notes(3, "interleaved")
	if err != nil {
		return err
	}
	y, err := b.notes(3, "interleaved")
	if err != nil {
		return err
	}
	var items []item
	for i := range x {
		items = append(items, ok(y[i]), ok(x[i]))
	}
	_, err = a.hand(items...) // a carries b's lines too
	return err
}

func interrupted(r *run) error {
	a, list, err := r.fresh(10, "interrupted")
	if err != nil {
		return err
	}
	var items []item
	for _, x := range list {
		items = append(items, either(x))
	}
	whole := a.post(join(items), "")
	for _, at := range []int{0, 1, len(list[0].line) + 1, len(whole.body) / 2, len(whole.body) - 1} {
		rep, err := r.http.do(r.ctx, whole.cutAt(at))
		if err == nil && rep.status < 400 {
			return fmt.Errorf("a batch of which %d of %d bytes came was answered %d", at, len(whole.body), rep.status)
		}
	}
	_, err = a.hand(items...)
	return err
}

// unread hands a batch in, and hangs up when the answer begins.
func unread(r *run) error {
	a, list, err := r.fresh(4, "unread")
	if err != nil {
		return err
	}
	var items []item
	for _, x := range list {
		items = append(items, either(x))
	}
	if err := r.http.abandon(r.ctx, a.post(join(items), "")); err != nil {
		return err
	}
	first, err := a.hand(items...)
	if err != nil {
		return err
	}
	again, err := a.hand(dups(list)...)
	if err != nil {
		return err
	}
	return same(first, again)
}
