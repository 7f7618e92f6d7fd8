package verify

import (
	"bytes"
	"errors"
	"sync"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// keyring holds the keys that the shown enrolments bind to devices. An
// enrolment counts for what comes after it in the ledger, and the first of a
// device is the only one that counts. It is safe for concurrent use.
type keyring struct {
	authority event.UUID
	mu        sync.RWMutex
	devices   map[event.UUID]enrolled
}

// enrolled is a device's key.
type enrolled struct {
	key   seal.PublicKey
	id    event.ID     // of the enrolment; zero for the authority
	index ledger.Index // -1 for the authority
	// enrolment is the event; nil for the authority.
	enrolment *event.DeviceEnrolled
}

// starts reports whether a chain that begins with the genesis is this device's, in the log of that name.
func (e *enrolled) starts(origin string, genesis *event.DeviceGenesis) bool {
	return e.enrolment != nil && e.enrolment.Starts(e.id, origin, genesis)
}

func newKeyring(authority event.UUID, key seal.PublicKey) *keyring {
	return &keyring{authority: authority, devices: map[event.UUID]enrolled{authority: {key: key, index: -1}}}
}

func (k *keyring) get(device event.UUID) (enrolled, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	e, ok := k.devices[device]
	return e, ok
}

func (k *keyring) add(device event.UUID, e enrolled) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.devices[device]; !ok {
		k.devices[device] = e
	}
}

// keysAt are the keys as of a place in the ledger, for seal.Verify.
type keysAt struct {
	ring  *keyring
	index ledger.Index
}

func (k keysAt) DeviceKey(device event.UUID) (seal.PublicKey, bool, error) {
	e, ok := k.ring.get(device)
	return e.key, ok && e.index < k.index, nil
}

// enrol takes up the enrolment in a line, if it is one by the authority. What is
// wrong with it is reported where the line is checked like any other.
func (k *keyring) enrol(index ledger.Index, line []byte) {
	ev, _, err := seal.Verify(line, keysAt{k, index})
	if err != nil || ev == nil || ev.Payload().Device != k.authority {
		return
	}
	b, ok := ev.Body().(*event.DeviceEnrolled)
	if !ok {
		return
	}
	if key, err := seal.ParseKeyInfo(b.Key); err == nil {
		k.add(b.Device, enrolled{key, ev.ID(), index, b})
	}
}

// enrolType is the payload type of a proof that a device has the key it enrols.
const enrolType = "application/vnd.fieldseal.enrol.v1+json"

// checkProof says why an enrolment does not prove that the device had the key. An
// event that the key sealed proves it too, so that this is no failure.
func checkProof(b *event.DeviceEnrolled) error {
	key, err := seal.ParseKeyInfo(b.Key)
	if err != nil {
		return err
	}
	env, err := seal.ParseEnvelope(bytes.TrimSuffix(b.Proof, []byte("\n")))
	if err != nil {
		return err
	}
	if env.PayloadType != enrolType || len(env.Signatures) != 1 || !key.Check(seal.PAE(env.PayloadType, env.Payload), env.Signatures[0].Sig) {
		return errors.New("the proof is not signed by that key")
	}
	var p struct {
		Code  event.Digest `json:"code_sha256"`
		Key   event.Digest `json:"key"`
		Nonce string       `json:"nonce"`
		Time  string       `json:"time"`
	}
	if err := json.Unmarshal(env.Payload, &p, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	if p.Code != b.Code || p.Key != b.Key.ID {
		return errors.New("the proof was made for another enrolment")
	}
	return nil
}
