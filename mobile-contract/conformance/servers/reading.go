package servers

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"fieldseal/api/wire"
	"fieldseal/mobile-contract/conformance"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

func reading() []rule {
	return []rule{
		{"read.own", "a device pulls its own case in ledger order, each event byte for byte as it was sealed, page by page", pullOwn},
		{"read.colleague", "a colleague of the same organisation pulls the case too", pullColleague},
		{"read.quarantine", "the head counts what is in quarantine; its list is for overseers", quarantineCounted},
		{"read.me", "the server says whose device it is", me},
		{"read.event", "one event is shown with the checkpoint that covers it", oneEvent},
		{"read.unknown", "what is not there, or not to be known of, is answered as not found", unknownThings},
	}
}

// pull reads every change that a device may see.
func (p *peer) pull(limit int) (all []wire.Change, err error) {
	after := int64(-1)
	for {
		var page wire.Changes
		q := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(limit)}}
		if err := p.r.http.json(p.r.ctx, http.MethodGet, "/v1/changes?"+q.Encode(), p.token, nil, &page); err != nil {
			return nil, err
		}
		if _, err := p.r.log.signed(page.Checkpoint); err != nil {
			return nil, err
		}
		if len(page.Events) > limit {
			return nil, fmt.Errorf("%d events came on a page of %d", len(page.Events), limit)
		}
		for _, e := range page.Events {
			if e.Index <= after {
				return nil, fmt.Errorf("entry %d came after entry %d", e.Index, after)
			}
			after = e.Index
			all = append(all, e)
		}
		if page.More && page.Next <= after-1 || page.Next < after {
			return nil, fmt.Errorf("the cursor went from %d to %d", after, page.Next)
		}
		if !page.More {
			return all, nil
		}
		after = page.Next
	}
}

// holds checks that every event of a chain is among what was pulled, as it was sealed.
func holds(all []wire.Change, of *peer) error {
	lines := map[string]wire.Change{}
	for _, c := range all {
		lines[c.ID] = c
	}
	for i, id := range of.chain {
		c, found := lines[id.String()]
		if !found {
			return fmt.Errorf("event %d of device %s is not among the %d changes", i+1, of.id, len(all))
		}
		env, err := seal.ParseEnvelope([]byte(c.Envelope))
		if err != nil || c.Envelope != string(of.lines[i]) || seal.IDOf(env.Payload) != id {
			return fmt.Errorf("event %d of device %s was changed on its way", i+1, of.id)
		}
	}
	return nil
}

func pullOwn(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	whole, err := a.pull(1000)
	if err != nil {
		return err
	}
	if err := holds(whole, a); err != nil {
		return err
	}
	pages, err := a.pull(7)
	if err != nil {
		return err
	}
	if !slices.Equal(whole, pages) {
		return fmt.Errorf("pages of 7 gave %d events, pages of 1,000 gave %d, or others", len(pages), len(whole))
	}
	return nil
}

func pullColleague(r *run) error {
	a, b, err := r.begun()
	if err != nil {
		return err
	}
	if a.org != b.org {
		return conformance.Untried("the codes are of two organisations")
	}
	all, err := b.pull(500)
	if err != nil {
		return err
	}
	return holds(all, a)
}

func me(r *run) error {
	a, _, err := r.ready()
	if err != nil {
		return err
	}
	var out wire.Me
	if err := r.http.json(r.ctx, http.MethodGet, "/v1/me", a.token, nil, &out); err != nil {
		return err
	}
	if out.Person != a.person.String() || out.Device != a.id.String() || out.Org != a.org.String() || out.Scope != "full" {
		return fmt.Errorf("it says %+v; enrolled is device %s of person %s", out, a.id, a.person)
	}
	return nil
}

func oneEvent(r *run) error {
	a, list, err := r.fresh(1, "shown alone")
	if err != nil {
		return err
	}
	answer, err := a.hand(oks(list)...)
	if err != nil {
		return err
	}
	var v wire.EventView
	if err := r.http.json(r.ctx, http.MethodGet, "/v1/events/"+list[0].id.String(), a.token, nil, &v); err != nil {
		return err
	}
	e := answer.Results[0]
	if v.ID != e.ID || v.Index != e.Index || v.ReceivedUS != e.ReceivedUS || v.Kind != e.Kind || v.Envelope != string(list[0].line) || v.Pending {
		return fmt.Errorf("the event is shown as entry %d received at %d µs; its receipt says %d and %d", v.Index, v.ReceivedUS, e.Index, e.ReceivedUS)
	}
	cp, err := r.log.signed(v.Checkpoint)
	if err != nil {
		return err
	}
	if int64(cp.Size) != v.CheckpointSize || v.Index >= v.CheckpointSize {
		return fmt.Errorf("entry %d is shown under a checkpoint of %d entries, named %d", v.Index, cp.Size, v.CheckpointSize)
	}
	return r.eventProof(a, list[0])
}

// eventProof reads the proof file of an event and checks it under the pinned key.
func (r *run) eventProof(p *peer, x *sealed) error {
	q := request{method: http.MethodGet, path: "/v1/events/" + x.id.String() + "/proof", header: map[string]string{"Authorization": "Bearer " + p.token}}
	rep, err := r.http.do(r.ctx, q)
	if err != nil {
		return err
	}
	if err := rep.into(q, nil); err != nil {
		return err
	}
	proof, err := ledger.ParseProof(rep.body)
	if err != nil {
		return err
	}
	leaf, _, err := proof.VerifyLeaf(r.log.verifier)
	if err != nil {
		return err
	}
	if event.ID(leaf.Event) != x.id {
		return fmt.Errorf("the proof file is about event %x, not %s", leaf.Event, x.id)
	}
	return nil
}

func unknownThings(r *run) error {
	a, _, err := r.ready()
	if err != nil {
		return err
	}
	auth := map[string]string{"Authorization": "Bearer " + a.token}
	for path, codes := range map[string][]wire.ErrorCode{
		"/v1/events/" + event.ID(a.enrolmentDigest()).String(): {wire.CodeNotFound},
		"/v1/events/xyz": {wire.CodeBadRequest, wire.CodeNotFound},
		"/v1/devices/" + newUUID().String() + "/head": {wire.CodeNotFound, wire.CodeForbidden},
		"/v1/cases/" + newUUID().String():             {wire.CodeNotFound},
		"/v1/changes?after=soon":                      {wire.CodeBadRequest},
		"/v1/changes?limit=0":                         {wire.CodeBadRequest},
		"/v1/nothing":                                 {wire.CodeNotFound, wire.CodeMethod},
	} {
		q := request{method: http.MethodGet, path: path, header: auth}
		rep, err := r.http.do(r.ctx, q)
		if err != nil {
			return err
		}
		if err := rep.refused(q, codes...); err != nil {
			return err
		}
	}
	q := request{method: http.MethodDelete, path: "/v1/batches", header: auth}
	rep, err := r.http.do(r.ctx, q)
	if err != nil {
		return err
	}
	return rep.refused(q, wire.CodeMethod, wire.CodeNotFound)
}

// enrolmentDigest is a digest that no event has.
func (p *peer) enrolmentDigest() event.Digest { return seal.LineDigest(p.enrolment[:]) }
