package verify

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"slices"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

// link is a shown event's place in its device's chain.
type link struct {
	seq      int64
	id, prev event.ID
	index    ledger.Index
}

// chain is what is shown of a device.
type chain struct {
	device event.UUID
	key    seal.KeyID
	links  []link
	hidden int64
	// revoked is where its key was revoked, valid where isRevoked.
	revoked   ledger.Index
	isRevoked bool
}

// embedding is a checkpoint as the first event that embeds it states it.
type embedding struct {
	seen  event.Seen
	index ledger.Index
	id    event.ID
}

// untold is a leaf whose event is not shown: of the case, or a neighbour.
type untold struct {
	index ledger.Index
	key   seal.KeyID
	role  bag.Role
	used  bool // a shown event follows it
}

// collector takes the leaves in ledger order and keeps what the whole of them
// has to answer for. One goroutine uses it.
type collector struct {
	v       *verifier
	chains  map[event.UUID]*chain
	byKey   map[seal.KeyID]*chain
	untold  map[event.ID]*untold
	indices []ledger.Index // of all leaves
	times   times
	timed   map[ledger.Index]bool // leaves shown for their time alone
	media   map[event.Digest]firstUse
	seen    map[event.Seen]embedding
	ids     hash.Hash
	counts  bag.Disclosure
	genesis *event.AuthorityGenesis // once it is found right
	// predecessor is entry 1, where that is a log.predecessor of the authority.
	predecessor *event.LogPredecessor
	kept        []Quarantined
	bytes       int64 // of payloads that are kept
	asm         *Assembly
}

// firstUse is the first event that names a file.
type firstUse struct {
	index ledger.Index
	id    event.ID
}

func newCollector(v *verifier) *collector {
	return &collector{v: v, chains: map[event.UUID]*chain{}, byKey: map[seal.KeyID]*chain{}, untold: map[event.ID]*untold{},
		times: v.closing(), timed: map[ledger.Index]bool{}, media: map[event.Digest]firstUse{}, seen: map[event.Seen]embedding{},
		ids: sha256.New(), asm: NewAssembly(v.m.Case, v.m.Authority.Origin)}
}

// take adds one leaf.
func (c *collector) take(j *job) {
	v := c.v
	for _, f := range j.failures {
		v.fail(f)
	}
	c.indices = append(c.indices, j.Index)
	if _, ok := c.times[j.Index]; ok {
		c.times[j.Index] = received(j.Leaf)
	}
	if len(j.failures) == 0 {
		v.pass(chkLeaves, 1)
	}
	switch j.Role {
	case bag.RoleEvent:
		if j.event != nil {
			c.event(j)
		}
	case bag.RoleQuarantine:
		c.quarantined(j)
	case bag.RoleHidden:
		c.counts.Hidden++
		c.tell(j)
	case bag.RoleNeighbour:
		c.tell(j)
	case bag.RoleHiddenQuarantine:
		c.counts.HiddenQuarantine++
	case bag.RoleTime:
		c.timed[j.Index] = true
	}
}

func (c *collector) tell(j *job) {
	c.untold[event.ID(j.Leaf.Event)] = &untold{index: j.Index, key: seal.KeyID(j.Leaf.Key), role: j.Role}
}

// event takes up an event whose signature is right.
func (c *collector) event(j *job) {
	v, p, id := c.v, j.event.Payload(), j.event.ID()
	if len(j.failures) == 0 {
		v.pass(chkSignatures, 1)
	}
	if p.Case.IsZero() {
		c.counts.Context++
	} else {
		c.counts.Shown++
	}
	c.ids.Write(id[:])
	c.bytes += int64(len(j.line))
	ch := c.chains[p.Device]
	if ch == nil {
		ch = &chain{device: p.Device, key: j.event.Key()}
		c.chains[p.Device], c.byKey[ch.key] = ch, ch
	}
	ch.links = append(ch.links, link{p.Seq, id, p.Prev, j.Index})
	if ch.isRevoked {
		v.fail(Failure{Check: chkRevocations, Index: &j.Index, Event: id,
			Detail: fmt.Sprintf("device %s sealed it with a key that ledger entry %d had revoked", p.Device, ch.revoked)})
	}
	for _, m := range bag.MediaOf(j.event.Body()) {
		if _, ok := c.media[m.SHA256]; !ok {
			c.media[m.SHA256] = firstUse{j.Index, id}
		}
	}
	if p.Seen != nil {
		if _, ok := c.seen[*p.Seen]; !ok {
			c.seen[*p.Seen] = embedding{*p.Seen, j.Index, id}
		}
	}
	c.decree(j)
	c.asm.Event(j.Index, received(j.Leaf), p, j.event.Body(), id, j.event.Key())
}

// decree takes up what the authority stated.
func (c *collector) decree(j *job) {
	v, p := c.v, j.event.Payload()
	switch b := j.event.Body().(type) {
	case *event.AuthorityGenesis:
		c.checkGenesis(j, b)
	case *event.DeviceEnrolled:
		if e, ok := v.keys.get(b.Device); ok && e.id != j.event.ID() {
			index := j.Index
			v.note("ENROLMENT_WITHOUT_EFFECT", &index, fmt.Sprintf("device %s had a key already; this enrolment of another has no effect", b.Device),
				fmt.Sprintf("设备 %s 此前已有密钥，本次登记不生效", b.Device))
		}
		v.pass(chkEnrolments, 1)
	case *event.DeviceRevoked:
		e, ok := v.keys.get(b.Device)
		if !ok || event.Digest(e.key.ID()) != b.Key || p.Device != v.m.Authority.Device {
			break
		}
		ch := c.chains[b.Device]
		if ch == nil {
			ch = &chain{device: b.Device, key: e.key.ID()}
			c.chains[b.Device], c.byKey[ch.key] = ch, ch
		}
		if !ch.isRevoked {
			ch.revoked, ch.isRevoked = j.Index, true
		}
		v.pass(chkRevocations, 1)
	case *event.LogPredecessor:
		if j.Index == 1 && p.Seq == 2 && p.Device == v.m.Authority.Device {
			c.predecessor = b
		}
	case *event.DeviceGenesis:
		if e, _ := v.keys.get(p.Device); !e.starts(v.m.Authority.Origin, b) {
			v.fail(Failure{Check: chkEnrolments, Index: &j.Index, Event: j.event.ID(), Detail: "the chain does not start from the device's enrolment in this ledger, nor from the one that it names in a former ledger"})
		}
	}
}

// checkGenesis compares the authority's first event with what the manifest says of it.
func (c *collector) checkGenesis(j *job, b *event.AuthorityGenesis) {
	v, a := c.v, &c.v.m.Authority
	fail := func(format string, args ...any) {
		v.fail(Failure{Check: chkAuthority, Index: &j.Index, Event: j.event.ID(), Detail: fmt.Sprintf(format, args...)})
	}
	switch {
	case j.event.Payload().Device != a.Device:
		fail("a device other than the authority sealed it")
	case j.Index != a.Genesis:
		fail("the manifest says that the genesis is ledger entry %d", a.Genesis)
	case b.Name != a.Name || b.NameZH != a.NameZH:
		fail("the authority is named %q here and %q in the manifest", clip(b.Name), clip(a.Name))
	case b.Key.ID != a.Key.ID || b.Key.Alg != a.Key.Alg || !bytes.Equal(b.Key.SPKI, a.Key.SPKI):
		fail("it states key %s, the manifest is signed with key %s", b.Key.ID, a.Key.ID)
	case b.LogOrigin != a.Origin || b.LogKey != a.LogKey:
		fail("it states the ledger %q with key %q, the manifest %q with key %q", clip(b.LogOrigin), clip(b.LogKey), clip(a.Origin), clip(a.LogKey))
	default:
		c.genesis = b
		v.pass(chkAuthority, 1)
	}
}

// quarantined takes up a line in quarantine.
func (c *collector) quarantined(j *job) {
	if j.kept == nil {
		return
	}
	c.counts.ShownQuarantine++
	c.v.pass(chkQuarantine, 1)
	q := Quarantined{Index: j.Index, Received: received(j.Leaf), SHA256: event.Digest(j.Leaf.Event),
		Layer: string(j.kept.Layer), Code: string(j.kept.Code), Detail: j.kept.Detail}
	if j.refusal != nil {
		q.Found = string(j.refusal.Code)
	}
	c.kept = append(c.kept, q)
	c.asm.Quarantined(q, j.claimed)
	index := j.Index
	switch {
	case j.refusal == nil && sealCodes[j.kept.Code]:
		c.v.note("QUARANTINE_REASON", &index, fmt.Sprintf("the authority gives the reason %s, but this program finds the line in order", j.kept.Code),
			fmt.Sprintf("管理机构所述隔离原因为 %s，但本程序核验该行未见问题", j.kept.Code))
	case j.refusal != nil && sealCodes[j.kept.Code] && j.refusal.Code != j.kept.Code:
		c.v.note("QUARANTINE_REASON", &index, fmt.Sprintf("the authority gives the reason %s, this program finds %s", j.kept.Code, j.refusal.Code),
			fmt.Sprintf("管理机构所述隔离原因为 %s，本程序核验所得为 %s", j.kept.Code, j.refusal.Code))
	}
}

// sealCodes are the reasons that a line shows by itself, so that they can be checked again.
var sealCodes = map[seal.Code]bool{
	seal.CodeMalformedEnvelope: true, seal.CodeTooLarge: true, seal.CodePayloadType: true, seal.CodeMalformedPayload: true,
	seal.CodeFutureSchema: true, seal.CodeUnknownType: true, seal.CodeInvalidEvent: true, seal.CodeUnknownDevice: true,
	seal.CodeUnknownKey: true, seal.CodeWrongKey: true, seal.CodeBadSignature: true,
}

// embedded lists the checkpoints that shown events embed, by first use.
func (c *collector) embedded() []embedding {
	return slices.SortedFunc(maps.Values(c.seen), func(a, b embedding) int { return cmp.Compare(a.index, b.index) })
}
