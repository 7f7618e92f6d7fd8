package main

import (
	"crypto/sha256"
	"encoding/json"

	"fieldseal/mobile-contract/vectors"
	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
)

func chains() []*scene {
	return []*scene{repeated(), reversed(), gaps(), forks(), forkByGap(), broken(), reuse(), genesisMismatch(), twoDevices()}
}

// made seals n events of a device: its genesis and notes.
func made(d *device, n int) []*sealed {
	list := []*sealed{d.next(d.genesis())}
	for i := 2; i <= n; i++ {
		list = append(list, d.next(note(sprint("event %d", i))))
	}
	return list
}

func repeated() *scene {
	s := newScene("duplicate-batches", "The answer was lost, so the device sends again, divided in another way. Every line has the receipt that it had, whatever the batch.")
	a := s.enrolled(1)
	x := made(a, 4)
	var first []vectors.Expect
	for _, e := range x[:3] {
		first = append(first, *s.accept("", a, e))
	}
	s.batch()
	for i := range 3 {
		s.again("the same batch again", x[i].line(), &first[i])
	}
	s.batch()
	s.again("overlapping", x[2].line(), &first[2])
	last := *s.accept("and one more event", a, x[3])
	s.again("the same line twice in one batch", x[3].line(), &last)
	return s
}

func reversed() *scene {
	s := newScene("pending-reversed", "Events arrive last first. Each is accepted; those that miss earlier ones are pending and say which is waited for. Within one batch order does not matter: pending is as things stand at its end.")
	a := s.enrolled(1)
	x := made(a, 6)
	wait(s.accept("event 3 alone", a, x[2]), 1)
	s.batch()
	wait(s.accept("event 2", a, x[1]), 1)
	s.batch()
	s.accept("event 1: the chain is whole up to 3", a, x[0])
	s.batch()
	for i := 5; i >= 3; i-- {
		s.accept("the rest, last first in one batch: nothing waits at its end", a, x[i])
	}
	return s
}

func gaps() *scene {
	s := newScene("pending-gaps", "Two holes in a chain, filled from behind. A duplicate of a pending event is pending too, for as long as it is.")
	a := s.enrolled(1)
	x := made(a, 5)
	s.accept("event 1", a, x[0])
	three := *wait(s.accept("event 3", a, x[2]), 2)
	five := *wait(s.accept("event 5", a, x[4]), 2)
	s.batch()
	wait(s.again("event 3 again", x[2].line(), &three), 2)
	s.batch()
	wait(s.accept("event 4", a, x[3]), 2)
	s.batch()
	s.accept("event 2: all are there", a, x[1])
	s.again("event 5 again: it waits no more", x[4].line(), &five)
	return s
}

func forks() *scene {
	s := newScene("refused-fork", "A device restored from a backup seals other events at numbers that were used. What arrived first stands, the other is kept and shown; the answers never change.")
	a := s.enrolled(1)
	x := made(a, 3)
	other := a.seal(a.payload(3, x[1].id(), 1, note("event 3, told in another way")))
	after := a.seal(a.payload(4, other.id(), 1, note("event 4 of the other branch")))
	var first []vectors.Expect
	for _, e := range x {
		first = append(first, *s.accept("", a, e))
	}
	s.batch()
	fork := *s.refuse("another event 3", other.line(), other, seal.LayerChain, reconcile.CodeFork)
	s.refuse("event 4 of the other branch: its predecessor is not in the chain", after.line(), after, seal.LayerChain, reconcile.CodeChainBroken)
	s.batch()
	s.again("the other event 3 again: the same answer, kept once", other.line(), &fork)
	s.again("the first event 3 again", x[2].line(), &first[2])
	s.accept("the chain goes on", a, a.next(note("event 4")))
	return s
}

func forkByGap() *scene {
	s := newScene("refused-fork-before-successor", "An event that fits its number, but its accepted successor follows on another: the two cannot both be in the chain.")
	a := s.enrolled(1)
	x := made(a, 3)
	other := a.seal(a.payload(2, x[0].id(), 1, note("event 2, told in another way")))
	s.accept("event 1", a, x[0])
	wait(s.accept("event 3 arrives before event 2", a, x[2]), 2)
	s.batch()
	s.refuse("another event 2 than event 3 names", other.line(), other, seal.LayerChain, reconcile.CodeFork)
	s.batch()
	s.accept("the event 2 that event 3 names", a, x[1])
	return s
}

func broken() *scene {
	s := newScene("refused-chain-broken", "Events that name a predecessor which is not the accepted event before them.")
	a := s.enrolled(1)
	x := made(a, 2)
	for _, e := range x {
		s.accept("", a, e)
	}
	wrong := a.seal(a.payload(3, sha256.Sum256([]byte("no event")), 1, note("after an event that nobody made")))
	s.refuse("a predecessor that is nowhere", wrong.line(), wrong, seal.LayerChain, reconcile.CodeChainBroken)
	skip := a.seal(a.payload(3, x[0].id(), 2, note("event 2 left out")))
	s.refuse("the predecessor's predecessor", skip.line(), skip, seal.LayerChain, reconcile.CodeChainBroken)
	s.accept("the honest event 3", a, a.next(note("event 3")))
	return s
}

func reuse() *scene {
	s := newScene("refused-uuid-reused", "An event's UUID is never used twice, by any device; else a reference to it would have two meanings. A fork is called a fork first.")
	a, b := s.enrolled(1), s.enrolled(2)
	x := made(a, 2)
	for _, e := range x {
		s.accept("", a, e)
	}
	p := a.payload(3, x[1].id(), 0, note("UUID of event 2"))
	p.UUID = x[1].of.UUID
	again := a.seal(p)
	s.refuse("the UUID of the same device's event 2", again.line(), again, seal.LayerChain, reconcile.CodeUUIDReused)
	first := b.next(b.genesis())
	s.accept("another device's chain", b, first)
	p = b.payload(2, first.id(), 0, note("UUID of A's event 2"))
	p.UUID = x[1].of.UUID
	foreign := b.seal(p)
	s.refuse("the UUID of another device's event", foreign.line(), foreign, seal.LayerChain, reconcile.CodeUUIDReused)
	p = a.payload(2, x[0].id(), 0, note("fork with the same UUID"))
	fork := a.seal(p)
	s.refuse("a fork with the same UUID is a fork", fork.line(), fork, seal.LayerChain, reconcile.CodeFork)
	return s
}

func genesisMismatch() *scene {
	s := newScene("refused-genesis", "A chain begins with the enrolment, key and log that it belongs to. Each other beginning is refused, and the right one is accepted after them.")
	a, w := s.enrolled(1), s.enrolled(0)
	mark := 0
	bad := func(shows string, d *device, b event.Body) {
		mark++
		x := d.seal(d.payload(1, [32]byte{}, mark, b))
		s.refuse(shows, x.line(), x, seal.LayerChain, reconcile.CodeGenesisMismatch)
	}
	right := func() *event.DeviceGenesis { return a.genesis().(*event.DeviceGenesis) }
	g := right()
	g.Enrolment = sha256.Sum256([]byte("another enrolment"))
	bad("another enrolment", a, g)
	g = right()
	g.Key = newDevice(3).key.id
	bad("another key", a, g)
	g = right()
	g.Origin = "elsewhere.example/log"
	bad("made for another log", a, g)
	ag := w.genesis().(*event.AuthorityGenesis)
	ag.Key = newDevice(3).key.info()
	bad("an authority that states another key than its own", w, ag)
	ag = w.genesis().(*event.AuthorityGenesis)
	ag.LogOrigin = "elsewhere.example/log"
	bad("an authority of another log", w, ag)
	first := a.next(right())
	s.accept("the right beginning", a, first)
	second := a.seal(a.payload(1, [32]byte{}, 9, &event.DeviceGenesis{Enrolment: a.enrolment, Key: a.key.id, Origin: origin, Model: "begun again"}))
	s.refuse("a second beginning is a fork", second.line(), second, seal.LayerChain, reconcile.CodeFork)
	return s
}

func twoDevices() *scene {
	s := newScene("accepted-two-devices", "Two devices' events interleave in one batch, carried by either of them: chains are independent, and who carries a line does not matter.")
	a, b := s.enrolled(1), s.enrolled(2)
	x, y := made(a, 3), made(b, 3)
	for i := range 3 {
		s.accept("", b, y[i])
		s.accept("", a, x[i])
	}
	return s
}

func authorities() []*scene {
	return []*scene{notAuthority(), revoked(), revokedOther(), secondAuthority()}
}

func notAuthority() *scene {
	s := newScene("refused-not-authority", "Organisations, persons, devices, grants and revocations are sealed by the authority alone; an enrolled device that seals one is refused.")
	a := s.enrolled(1)
	s.accept("the chain's genesis", a, a.next(a.genesis()))
	mark := 0
	for _, t := range event.Types() {
		if !t.AuthorityOnly() || t.Genesis() {
			continue
		}
		mark++
		p := a.payload(2, a.prev, 0, eventtest.Bodies()[t])
		p.UUID = eventtest.UUID(170000 + mark)
		x := a.seal(p)
		s.refuse(string(t)+" by a device", x.line(), x, seal.LayerAuthority, reconcile.CodeNotAuthority)
	}
	p := a.payload(2, a.prev, 0, note("event 2"))
	s.accept("its own event 2", a, a.seal(p))
	return s
}

func secondAuthority() *scene {
	s := newScene("refused-second-authority", "A device that states itself to be the authority of a log that has begun.")
	a := s.enrolled(1)
	body := &event.AuthorityGenesis{Name: "Another Bureau", Key: a.key.info(), LogOrigin: origin, LogKey: logKey.text}
	x := a.seal(a.payload(1, [32]byte{}, 1, body))
	s.refuse("an enrolled device founds an authority", x.line(), x, seal.LayerAuthority, reconcile.CodeNotAuthority)
	c := newDevice(3)
	y := c.seal(c.payload(1, [32]byte{}, 1, &event.AuthorityGenesis{Name: "Another Bureau", Key: c.key.info(), LogOrigin: origin, LogKey: logKey.text}))
	s.refuse("one that is not enrolled does", y.line(), y, seal.LayerKey, seal.CodeUnknownDevice)
	return s
}

func revoked() *scene {
	s := newScene("refused-revoked", "A key is revoked. What was accepted before stays; what arrives after is kept and refused, whatever time it claims: a stolen key can claim any time.")
	w, a := s.enrolled(0), s.enrolled(1)
	x := made(a, 4)
	s.accept("the authority", w, w.next(w.genesis()))
	one := *s.accept("event 1", a, x[0])
	s.accept("event 2", a, x[1])
	s.accept("the revocation", w, w.next(&event.DeviceRevoked{Device: a.id(), Key: a.key.id, Reason: "lost on 24 November"}))
	late := *s.refuse("event 3, behind the revocation in the same batch", x[2].line(), x[2], seal.LayerAuthority, reconcile.CodeRevokedKey)
	s.batch()
	s.again("event 3 again", x[2].line(), &late)
	s.again("event 1 again: it is in the log", x[0].line(), &one)
	s.refuse("event 4", x[3].line(), x[3], seal.LayerAuthority, reconcile.CodeRevokedKey)
	return s
}

func revokedOther() *scene {
	s := newScene("accepted-revocation-of-another-key", "A revocation that names another key than the device's has no effect on it.")
	w, a := s.enrolled(0), s.enrolled(1)
	s.accept("the authority", w, w.next(w.genesis()))
	s.accept("event 1", a, a.next(a.genesis()))
	s.accept("a revocation of another key", w, w.next(&event.DeviceRevoked{Device: a.id(), Key: newDevice(3).key.id, Reason: "lost"}))
	s.accept("event 2", a, a.next(note("event 2")))
	return s
}

func handovers() []*scene { return []*scene{handover()} }

func handover() *scene {
	s := newScene("accepted-handover", "A handover without a network: the giver seals the terms, the receiver seals the acceptance over the same exact text and digest and names the offer, the giver seals that it saw it. The two chains are entangled, and either may arrive first: here the receiver's does.")
	a, b := s.enrolled(1), s.enrolled(2)
	terms := eventtest.Terms()
	var t event.Terms
	must(json.Unmarshal([]byte(terms), &t))
	digest := sha256.Sum256([]byte(terms))
	giver := made(a, 2)
	offer := a.next(&event.CustodyOffered{Terms: terms, Digest: digest})
	receiver := made(b, 1)
	acceptance := b.next(&event.CustodyAccepted{Handover: t.Handover, Terms: terms, Digest: digest, Offer: offer.id(), OfferDevice: a.id(),
		Received: "2026-11-24T15:55:00+08:00", Seals: []event.SealFound{{Item: t.Items[0].Item, SealNo: t.Items[0].SealNo, Seal: "intact"}}, Count: 1})
	end := a.next(&event.CustodyConcluded{Handover: t.Handover, Digest: digest, Acceptance: acceptance.id(), AcceptDevice: b.id()})
	s.accept("the receiver's chain", b, receiver[0])
	s.accept("the acceptance: custody passes here", b, acceptance)
	s.batch()
	for _, x := range giver {
		s.accept("the giver's chain", a, x)
	}
	s.accept("the offer", a, offer)
	s.accept("the conclusion names the acceptance", a, end)
	return s
}
