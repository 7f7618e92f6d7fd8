package device

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"golang.org/x/mod/sumdb/note"
)

// Identity is who an enrolled device is, and whom it trusts.
type Identity struct {
	Device     event.UUID
	Person     event.UUID
	PersonName string
	Org        event.UUID
	OrgName    string
	Key        seal.PublicKey
	// KeyRef says where the private key is: a file name beside the store, or "external".
	KeyRef string
	Model  string
	App    string
	Server string
	// Enrolment is the event that enrolled the device, EnrolmentIndex where the ledger has it.
	Enrolment      event.ID
	EnrolmentIndex int64
	// Authority is the pinned authority: its device id, name and event key.
	Authority     event.UUID
	AuthorityName string
	AuthorityKey  seal.PublicKey
	// AuthorityLine is the exact authority.genesis envelope.
	AuthorityLine []byte
	// LogOrigin and LogKey name the pinned log.
	LogOrigin string
	LogKey    string
	Enrolled  string

	verifier note.Verifier
}

// Identity gives the device's identity, or ErrNotEnrolled.
func (s *Store) Identity(ctx context.Context) (*Identity, error) {
	s.mu.Lock()
	id := s.identity
	s.mu.Unlock()
	if id != nil {
		return id, nil
	}
	err := s.read(ctx, func(t *tx) (err error) {
		id, err = loadIdentity(t)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.identity = id // it changes where the device goes over to another log, see forget
	s.mu.Unlock()
	return id, nil
}

func loadIdentity(t *tx) (*Identity, error) {
	var id Identity
	var keyAlg, authAlg string
	var keySPKI, authSPKI []byte
	err := t.row(`SELECT device, person, person_name, org, org_name, key_alg, key_spki, key_ref, model, app, server,
		enrolment, enrolment_idx, authority, authority_name, authority_alg, authority_spki, authority_line,
		log_origin, log_key, enrolled_at FROM identity`).Scan(
		uuidTo(&id.Device), uuidTo(&id.Person), &id.PersonName, uuidTo(&id.Org), &id.OrgName, &keyAlg, &keySPKI,
		&id.KeyRef, &id.Model, &id.App, &id.Server, hashTo(&id.Enrolment), &id.EnrolmentIndex,
		uuidTo(&id.Authority), &id.AuthorityName, &authAlg, &authSPKI, &id.AuthorityLine,
		&id.LogOrigin, &id.LogKey, &id.Enrolled)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotEnrolled
	}
	if err != nil {
		return nil, err
	}
	if id.Key, err = parseKey(keyAlg, keySPKI); err != nil {
		return nil, err
	}
	if id.AuthorityKey, err = parseKey(authAlg, authSPKI); err != nil {
		return nil, err
	}
	if id.verifier, err = ledger.ParseVerifier(id.LogKey); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return &id, nil
}

func saveIdentity(t *tx, id *Identity) error {
	return t.exec(`INSERT INTO identity (one, device, person, person_name, org, org_name, key_id, key_alg, key_spki,
		key_ref, model, app, server, enrolment, enrolment_idx, authority, authority_name, authority_key_id,
		authority_alg, authority_spki, authority_line, log_origin, log_key, enrolled_at)
		VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)`,
		id.Device[:], id.Person[:], id.PersonName, id.Org[:], id.OrgName, idBytes(id.Key.ID()), string(id.Key.Alg()), id.Key.SPKI(),
		id.KeyRef, id.Model, id.App, id.Server, id.Enrolment[:], id.EnrolmentIndex, id.Authority[:], id.AuthorityName,
		idBytes(id.AuthorityKey.ID()), string(id.AuthorityKey.Alg()), id.AuthorityKey.SPKI(), id.AuthorityLine,
		id.LogOrigin, id.LogKey, id.Enrolled)
}

func idBytes(k seal.KeyID) []byte { return k[:] }

// keys finds enrolled keys in the store; it implements seal.Keys within a transaction.
type keys struct {
	t  *tx
	id *Identity
}

// DeviceKey gives the pinned key of the authority, this device's own, or that of
// a verified enrolment.
func (k keys) DeviceKey(device event.UUID) (seal.PublicKey, bool, error) {
	switch device {
	case k.id.Authority:
		return k.id.AuthorityKey, true, nil
	case k.id.Device:
		return k.id.Key, true, nil
	}
	var alg string
	var spki []byte
	err := k.t.row(`SELECT alg, spki FROM devices WHERE device = $1`, device[:]).Scan(&alg, &spki)
	if errors.Is(err, sql.ErrNoRows) {
		return seal.PublicKey{}, false, nil
	}
	if err != nil {
		return seal.PublicKey{}, false, err
	}
	key, err := parseKey(alg, spki)
	return key, err == nil, err
}

// oneKey is the seal.Keys that knows one device.
type oneKey struct {
	device event.UUID
	key    seal.PublicKey
}

// DeviceKey gives the key for that device.
func (k oneKey) DeviceKey(device event.UUID) (seal.PublicKey, bool, error) {
	return k.key, device == k.device, nil
}
