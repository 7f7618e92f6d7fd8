package ingest

import (
	"context"
	"sync"

	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// keyring remembers the keys of enrolled devices. A device has one key for ever,
// so an entry never becomes wrong; whether it was revoked is judged inside the
// transaction. Devices that are not enrolled are not remembered.
type keyring struct {
	store *store.Store
	mu    sync.RWMutex
	keys  map[event.UUID]seal.PublicKey
}

// maxKeys bounds the memory of a keyring, about 500 bytes a key.
const maxKeys = 20_000

func newKeyring(s *store.Store) *keyring {
	return &keyring{store: s, keys: map[event.UUID]seal.PublicKey{}}
}

func (k *keyring) get(id event.UUID) (seal.PublicKey, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	key, ok := k.keys[id]
	return key, ok
}

func (k *keyring) put(id event.UUID, key seal.PublicKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) >= maxKeys {
		clear(k.keys)
	}
	k.keys[id] = key
}

// session is the keys as one submission sees them: a device that is not
// enrolled is looked for once.
func (k *keyring) session(ctx context.Context) seal.Keys {
	return &keySession{ring: k, ctx: ctx}
}

type keySession struct {
	ring    *keyring
	ctx     context.Context
	unknown sync.Map
}

// DeviceKey implements seal.Keys.
func (s *keySession) DeviceKey(id event.UUID) (seal.PublicKey, bool, error) {
	if key, ok := s.ring.get(id); ok {
		return key, true, nil
	}
	if _, ok := s.unknown.Load(id); ok {
		return seal.PublicKey{}, false, nil
	}
	var dev projection.Device
	var found bool
	err := s.ring.store.Read(s.ctx, func(tx *store.Tx) (err error) {
		dev, found, err = projection.DeviceByID(tx, id)
		return err
	})
	switch {
	case err != nil:
		return seal.PublicKey{}, false, err
	case !found:
		s.unknown.Store(id, true)
		return seal.PublicKey{}, false, nil
	}
	s.ring.put(id, dev.Key)
	return dev.Key, true, nil
}
