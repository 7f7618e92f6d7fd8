package servers

import (
	"errors"
	"fmt"
	"net/http"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/reconcile"
)

func chains() []rule {
	return []rule{
		{"chain.gap", "events behind a hole are accepted, pending, and say which number is waited for; once it is filled nothing waits", gap},
		{"chain.head", "the head names the end of the chain without a hole, the holes, and the digest over its ids", head},
		{"chain.fork", "another event at a used number goes to quarantine, the first stands, and the answers never change", fork},
		{"chain.fork-by-successor", "an event that its accepted successor does not follow on goes to quarantine", forkBySuccessor},
		{"chain.broken", "an event that names another predecessor than the accepted one goes to quarantine", broken},
		{"chain.uuid", "an event with a used UUID goes to quarantine", uuidReused},
		{"chain.second-genesis", "a chain that begins a second time goes to quarantine", secondGenesis},
		{"chain.goes-on", "after all of this the chain goes on", goesOn},
	}
}

func gap(r *run) error {
	a, list, err := r.fresh(5, "gap")
	if err != nil {
		return err
	}
	hole := list[1].p.Seq
	if _, err := a.hand(ok(list[0]), ok(list[4]).waitingFor(hole), ok(list[2]).waitingFor(hole)); err != nil {
		return err
	}
	if _, err := a.hand(dup(list[4]).waitingFor(hole)); err != nil {
		return fmt.Errorf("asked again while it waits: %w", err)
	}
	h, err := a.head()
	if err != nil {
		return err
	}
	if h.Seq != list[0].p.Seq || h.MaxSeq != list[4].p.Seq || len(h.Missing) != 2 || h.Missing[0] != [2]int64{hole, hole} || h.Missing[1] != [2]int64{hole + 2, hole + 2} {
		return fmt.Errorf("the head says seq %d, max %d, missing %v; want %d, %d and the holes %d and %d", h.Seq, h.MaxSeq, h.Missing, list[0].p.Seq, list[4].p.Seq, hole, hole+2)
	}
	if _, err := a.hand(ok(list[3]).waitingFor(hole)); err != nil {
		return err
	}
	if _, err := a.hand(ok(list[1])); err != nil {
		return err
	}
	_, err = a.hand(dup(list[4]))
	return err
}

func (p *peer) head() (h wire.Head, err error) {
	err = p.r.http.json(p.r.ctx, http.MethodGet, "/v1/devices/"+p.id.String()+"/head", p.token, nil, &h)
	return h, err
}

func head(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	h, err := a.head()
	if err != nil {
		return err
	}
	want := wire.Head{Device: a.id.String(), Seq: a.seq, ID: a.prev.String(), MaxSeq: a.seq, Digest: chainDigest(a.chain)}
	if h.Device != want.Device || h.Seq != want.Seq || h.ID != want.ID || h.MaxSeq != want.MaxSeq || len(h.Missing) != 0 || h.Digest != want.Digest || h.Revoked {
		return fmt.Errorf("the head is %+v, want %+v", h, want)
	}
	return nil
}

func fork(r *run) error {
	a, list, err := r.fresh(2, "fork")
	if err != nil {
		return err
	}
	if _, err := a.hand(oks(list)...); err != nil {
		return err
	}
	other, err := a.at(list[1].p.Seq, list[1].p.Prev, &event.NoteWritten{Text: "told in another way"})
	if err != nil {
		return err
	}
	bad := quarantine(other.line, other.id, reconcile.CodeFork)
	return a.refusedForGood(bad, list[1])
}

// refusedForGood hands a bad line in three times, beside a good one: the answers must not change.
func (p *peer) refusedForGood(bad item, good *sealed) error {
	first, err := p.hand(bad, dup(good))
	if err != nil {
		return err
	}
	for range 2 {
		again, err := p.hand(bad, dup(good))
		if err != nil {
			return err
		}
		if err := same(first, again); err != nil {
			return err
		}
	}
	return nil
}

func forkBySuccessor(r *run) error {
	a, list, err := r.fresh(3, "fork by successor")
	if err != nil {
		return err
	}
	if _, err := a.hand(ok(list[0]), ok(list[2]).waitingFor(list[1].p.Seq)); err != nil {
		return err
	}
	other, err := a.at(list[1].p.Seq, list[1].p.Prev, &event.NoteWritten{Text: "not the one that follows"})
	if err != nil {
		return err
	}
	_, err = a.hand(quarantine(other.line, other.id, reconcile.CodeFork))
	_, fill := a.hand(ok(list[1]))
	return errors.Join(err, fill)
}

func broken(r *run) error {
	a, list, err := r.fresh(1, "before the break")
	if err != nil {
		return err
	}
	if _, err := a.hand(ok(list[0])); err != nil {
		return err
	}
	for _, prev := range []event.ID{list[0].p.Prev, event.ID(list[0].sig)} {
		x, err := a.at(a.seq+1, prev, &event.NoteWritten{Text: "after the break"})
		if err != nil {
			return err
		}
		if _, err := a.hand(quarantine(x.line, x.id, reconcile.CodeChainBroken)); err != nil {
			return err
		}
	}
	return nil
}

func uuidReused(r *run) error {
	a, b, err := r.begun()
	if err != nil {
		return err
	}
	list, err := a.notes(1, "its UUID is used again")
	if err != nil {
		return err
	}
	if _, err := a.hand(ok(list[0])); err != nil {
		return err
	}
	for _, p := range []*peer{a, b} {
		e, err := p.payload(p.seq+1, p.prev, &event.NoteWritten{Text: "a UUID used twice"})
		if err != nil {
			return err
		}
		e.UUID = list[0].p.UUID
		x, err := p.seal(e)
		if err != nil {
			return err
		}
		if _, err := p.hand(quarantine(x.line, x.id, reconcile.CodeUUIDReused)); err != nil {
			return err
		}
	}
	return nil
}

// secondGenesis begins a's chain once more: a fork, whatever it states.
func secondGenesis(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	x, err := a.at(1, event.ID{}, &event.DeviceGenesis{Enrolment: a.prev, Key: event.Digest(a.key.Public().ID()), Origin: "elsewhere.example/log"})
	if err != nil {
		return err
	}
	_, err = a.hand(quarantine(x.line, x.id, reconcile.CodeFork))
	return err
}

func goesOn(r *run) error {
	a, list, err := r.fresh(2, "going on")
	if err != nil {
		return err
	}
	if _, err := a.hand(oks(list)...); err != nil {
		return err
	}
	return head(r)
}
