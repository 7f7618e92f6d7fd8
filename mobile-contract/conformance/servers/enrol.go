package servers

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

func enrolling() []rule {
	return []rule{
		{"enrol.possession", "a key is not enrolled on a proof that another key sealed, and the code is not spent by it", foreignProof},
		{"enrol.answer", "the answer holds the sealed enrolment of this key, the authority's genesis and a checkpoint that covers it", firstEnrolment},
		{"enrol.repeat", "a repeat with the same code and key finds the same device", repeatEnrolment},
		{"enrol.once", "a spent code enrols no other key", spentCode},
		{"enrol.unknown", "a code that was never issued enrols nothing", unknownCode},
		{"enrol.ed25519", "an Ed25519 key is enrolled as well as a P-256 one", secondEnrolment},
	}
}

func (r *run) postEnrol(body wire.Enrol) (request, *reply, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return request{}, nil, err
	}
	q := request{method: http.MethodPost, path: "/v1/enrol", header: map[string]string{"Content-Type": "application/json"}, body: data}
	rep, err := r.http.do(r.ctx, q)
	return q, rep, err
}

func foreignProof(r *run) error {
	key, err := seal.GenerateKey()
	if err != nil {
		return err
	}
	other, err := seal.GenerateKey()
	if err != nil {
		return err
	}
	body, err := enrolBody(r.o.Codes[0], key, other)
	if err != nil {
		return err
	}
	q, rep, err := r.postEnrol(body)
	if err != nil {
		return err
	}
	return rep.refused(q, wire.CodeUnauthenticated, wire.CodeForbidden, wire.CodeBadRequest)
}

// enrolPeer enrols a new key and checks every statement of the answer.
func (r *run) enrolPeer(code string, key *seal.PrivateKey) (*peer, error) {
	body, err := enrolBody(code, key, key)
	if err != nil {
		return nil, err
	}
	return r.enrolWith(body, key)
}

func (r *run) enrolWith(body wire.Enrol, key *seal.PrivateKey) (*peer, error) {
	q, rep, err := r.postEnrol(body)
	if err != nil {
		return nil, err
	}
	var a wire.Enrolled
	if err := rep.into(q, &a); err != nil {
		return nil, err
	}
	if err := r.pin(a.Authority); err != nil {
		return nil, err
	}
	p := &peer{r: r, key: key, sent: body, caseID: newUUID()}
	return p, p.checkEnrolled(&a, body)
}

// pin reads the authority's genesis, and keeps it the first time: it states the log and both keys for good.
func (r *run) pin(genesis string) error {
	if r.log.genesis != "" {
		if genesis != r.log.genesis {
			return errors.New("another authority.genesis than at the first enrolment")
		}
		return nil
	}
	env, err := seal.ParseEnvelope([]byte(genesis))
	if err != nil {
		return fmt.Errorf("the authority's genesis: %w", err)
	}
	payload, err := event.Parse(env.Payload)
	if err != nil {
		return fmt.Errorf("the authority's genesis: %w", err)
	}
	body, err := event.ParseBody(payload.Type, payload.Body)
	if err != nil {
		return fmt.Errorf("the authority's genesis: %w", err)
	}
	b, isGenesis := body.(*event.AuthorityGenesis)
	if !isGenesis {
		return fmt.Errorf("the authority's genesis is a %s", payload.Type)
	}
	key, err := seal.ParseKeyInfo(b.Key)
	if err != nil {
		return err
	}
	if _, refusal, err := seal.Verify([]byte(genesis), oneKey{payload.Device, key}); err != nil || refusal != nil {
		return fmt.Errorf("the authority's genesis is not sealed by the key that it states: %v", errors.Join(err, asError(refusal)))
	}
	v, err := ledger.ParseVerifier(b.LogKey)
	if err != nil || v.Name() != b.LogOrigin {
		return fmt.Errorf("the log key %q is not one of the log %q", b.LogKey, b.LogOrigin)
	}
	r.log.genesis, r.log.authority, r.log.verifier = genesis, key, v
	return nil
}

// asError avoids a typed nil.
func asError(r *seal.Refusal) error {
	if r == nil {
		return nil
	}
	return r
}

func (p *peer) checkEnrolled(a *wire.Enrolled, sent wire.Enrol) error {
	env, err := seal.ParseEnvelope([]byte(a.Enrolment))
	if err != nil {
		return fmt.Errorf("the enrolment: %w", err)
	}
	claimed, err := event.Parse(env.Payload)
	if err != nil {
		return fmt.Errorf("the enrolment: %w", err)
	}
	v, refusal, err := seal.Verify([]byte(a.Enrolment), oneKey{claimed.Device, p.r.log.authority})
	if err != nil || refusal != nil {
		return fmt.Errorf("the enrolment is not sealed by the authority: %v", errors.Join(err, asError(refusal)))
	}
	b, isEnrolment := v.Body().(*event.DeviceEnrolled)
	if !isEnrolment {
		return fmt.Errorf("what is called the enrolment is a %s", v.Payload().Type)
	}
	switch {
	case !bytes.Equal(b.Key.SPKI, p.key.Public().SPKI()) || b.Key.Alg != p.key.Public().Alg():
		return errors.New("the enrolment names another key than the one that was sent")
	case b.Code != sha256.Sum256([]byte(sent.Code)):
		return errors.New("the enrolment names another code")
	case string(b.Proof) != sent.Proof:
		return errors.New("the enrolment does not carry the proof of possession as it was sent")
	case v.ID().String() != a.EnrolmentID:
		return fmt.Errorf("enrolment_id is %.70q, the enrolment's is %s", a.EnrolmentID, v.ID())
	case b.Device.String() != a.Device || b.Person.String() != a.Person || b.Org.String() != a.Org:
		return errors.New("the answer and the sealed enrolment name different devices, persons or organisations")
	}
	cp, err := p.r.log.signed(a.Checkpoint)
	if err != nil {
		return err
	}
	if a.EnrolmentIndex < 0 || a.EnrolmentIndex >= int64(cp.Size) {
		return fmt.Errorf("the checkpoint of %d entries does not cover the enrolment, entry %d", cp.Size, a.EnrolmentIndex)
	}
	p.id, p.person, p.org, p.enrolment = b.Device, b.Person, b.Org, v.ID()
	return nil
}

func firstEnrolment(r *run) error {
	key, err := seal.GenerateKey()
	if err != nil {
		return err
	}
	p, err := r.enrolPeer(r.o.Codes[0], key)
	if err == nil {
		r.a = p
	}
	return err
}

// repeatEnrolment is what a device does whose answer was lost: the same request again.
func repeatEnrolment(r *run) error {
	if r.a == nil {
		return errNotEnrolled
	}
	again, err := r.enrolWith(r.a.sent, r.a.key)
	if err == nil && (again.id != r.a.id || again.enrolment != r.a.enrolment) {
		err = fmt.Errorf("the repeat gave device %s by enrolment %s, before it was %s by %s", again.id, again.enrolment, r.a.id, r.a.enrolment)
	}
	return err
}

func (r *run) enrolOther(code string) (request, *reply, error) {
	key, err := seal.GenerateKey()
	if err != nil {
		return request{}, nil, err
	}
	body, err := enrolBody(code, key, key)
	if err != nil {
		return request{}, nil, err
	}
	return r.postEnrol(body)
}

func spentCode(r *run) error {
	if r.a == nil {
		return errNotEnrolled
	}
	q, rep, err := r.enrolOther(r.a.sent.Code)
	if err != nil {
		return err
	}
	return rep.refused(q, wire.CodeGone)
}

func unknownCode(r *run) error {
	q, rep, err := r.enrolOther("never-issued-" + nonce())
	if err != nil {
		return err
	}
	return rep.refused(q, wire.CodeGone)
}

func secondEnrolment(r *run) error {
	key, err := seal.GenerateEd25519()
	if err != nil {
		return err
	}
	p, err := r.enrolPeer(r.o.Codes[1], key)
	if err == nil {
		r.b = p
	}
	return err
}
