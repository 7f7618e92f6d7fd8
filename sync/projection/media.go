package projection

import (
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

// Media is what arrived of a file. ArrivedIndex is the place of the
// media.received event, -1 while the whole file has not come; Bad counts the
// times that something else came in its place, BadIndex being the newest.
type Media struct {
	SHA256       event.Digest
	Size         int64
	Type         string
	Arrived      time.Time
	ArrivedIndex int64
	Bad          int64
	BadIndex     int64
}

// Here reports whether the whole file arrived.
func (m *Media) Here() bool { return m.ArrivedIndex >= 0 }

func scanMedia(scan func(...any) error) (m Media, err error) {
	var arrived int64
	err = scan(store.Into(&m.SHA256), &m.Size, &m.Type, &arrived, &m.ArrivedIndex, &m.Bad, &m.BadIndex)
	if m.ArrivedIndex >= 0 {
		m.Arrived = time.UnixMicro(arrived).UTC()
	}
	return m, err
}

// MediaByDigest gives what arrived of a file; found is false where nothing did.
func MediaByDigest(tx *store.Tx, sha event.Digest) (m Media, found bool, err error) {
	return one(tx, scanMedia, "SELECT sha, size, type, arrived, arrived_idx, bad, bad_idx FROM media WHERE sha = $1", sha[:])
}

// MediaRef is one mention of a file by the event at Index, which says that it
// has Size bytes of Type. Case is zero where the event belongs to none.
type MediaRef struct {
	SHA256     event.Digest
	Index      int64
	Case       event.UUID
	Size       int64
	Type, Name string
	Media      Media // what arrived; ArrivedIndex -1 where nothing did
}

const refColumns = `r.sha, r.idx, c.id, r.size, r.type, r.name, m.size, m.type, m.arrived, m.arrived_idx, m.bad, m.bad_idx
	FROM media_refs r LEFT JOIN cases c ON c.n = r.case_n LEFT JOIN media m ON m.sha = r.sha`

func scanRef(scan func(...any) error) (r MediaRef, err error) {
	var size, arrived, arrivedIdx, bad, badIdx *int64
	var typ *string
	var id []byte
	err = scan(store.Into(&r.SHA256), &r.Index, &id, &r.Size, &r.Type, &r.Name, &size, &typ, &arrived, &arrivedIdx, &bad, &badIdx)
	if len(id) == len(r.Case) {
		r.Case = event.UUID(id)
	}
	r.Media = Media{SHA256: r.SHA256, ArrivedIndex: -1, BadIndex: -1}
	if err == nil && arrivedIdx != nil {
		r.Media = Media{SHA256: r.SHA256, Size: *size, Type: *typ, ArrivedIndex: *arrivedIdx, Bad: *bad, BadIndex: *badIdx}
		if *arrivedIdx >= 0 {
			r.Media.Arrived = time.UnixMicro(*arrived).UTC()
		}
	}
	return r, err
}

// MediaOf lists every mention of a file in a case, in log order.
func MediaOf(tx *store.Tx, id event.UUID) ([]MediaRef, error) {
	return all(tx, scanRef, "SELECT "+refColumns+" WHERE c.id = $1 ORDER BY r.idx, r.sha", id[:])
}

// MissingMedia lists the mentions in a case of files that have not arrived whole.
func MissingMedia(tx *store.Tx, id event.UUID) ([]MediaRef, error) {
	return all(tx, scanRef, "SELECT "+refColumns+" WHERE c.id = $1 AND (m.arrived_idx IS NULL OR m.arrived_idx < 0) ORDER BY r.idx, r.sha", id[:])
}

// MediaRefs lists every mention of a file in any case, in log order: who may see
// the file is who may see one of these cases.
func MediaRefs(tx *store.Tx, sha event.Digest) ([]MediaRef, error) {
	return all(tx, scanRef, "SELECT "+refColumns+" WHERE r.sha = $1 ORDER BY r.idx", sha[:])
}

// MaySeeMedia reports whether a person may see one of the cases that mention a file.
func MaySeeMedia(tx *store.Tx, sha event.Digest, person event.UUID) (bool, error) {
	refs, err := MediaRefs(tx, sha)
	if err != nil {
		return false, err
	}
	asked := map[event.UUID]bool{{}: true}
	for _, r := range refs {
		if asked[r.Case] {
			continue
		}
		asked[r.Case] = true
		if ok, err := MaySee(tx, r.Case, person); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}
