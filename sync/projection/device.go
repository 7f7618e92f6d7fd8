package projection

import (
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// AuthorityNumber is the number of the authority's own device: it is enrolled first.
const AuthorityNumber = 1

// Device is an enrolled device. RevokedIndex is -1 while its key is good.
type Device struct {
	N               int64
	ID, Person, Org event.UUID
	Key             seal.PublicKey
	Model, App      string
	Enrolment       event.ID
	Enrolled        time.Time
	EnrolledIndex   int64
	Revoked         time.Time
	RevokedIndex    int64
	RevokedCause    string
}

// Authority reports whether this is the authority's own device.
func (d *Device) Authority() bool { return d.N == AuthorityNumber }

// Good reports whether the device's key has not been revoked.
func (d *Device) Good() bool { return d.RevokedIndex < 0 }

const deviceColumns = "n, id, person, org, alg, spki, model, app, enrolment, enrolled, enrolled_idx, revoked, revoked_idx, revoked_cause"

func scanDevice(scan func(...any) error) (d Device, err error) {
	var alg string
	var spki []byte
	var enrolled, revoked int64
	err = scan(&d.N, store.Into(&d.ID), store.Into(&d.Person), store.Into(&d.Org), &alg, &spki, &d.Model, &d.App,
		store.Into(&d.Enrolment), &enrolled, &d.EnrolledIndex, &revoked, &d.RevokedIndex, &d.RevokedCause)
	if err != nil {
		return d, err
	}
	d.Enrolled = time.UnixMicro(enrolled).UTC()
	if d.RevokedIndex >= 0 {
		d.Revoked = time.UnixMicro(revoked).UTC()
	}
	d.Key, err = seal.ParsePublicKey(event.Algorithm(alg), spki)
	return d, err
}

// DeviceByID gives an enrolled device, revoked or not.
func DeviceByID(tx *store.Tx, id event.UUID) (d Device, found bool, err error) {
	return one(tx, scanDevice, "SELECT "+deviceColumns+" FROM devices WHERE id = $1", id[:])
}

// DeviceByNumber gives an enrolled device by the number that event rows carry.
func DeviceByNumber(tx *store.Tx, n int64) (d Device, found bool, err error) {
	return one(tx, scanDevice, "SELECT "+deviceColumns+" FROM devices WHERE n = $1", n)
}

// DeviceByKey gives the first device enrolled with a key.
func DeviceByKey(tx *store.Tx, key seal.KeyID) (d Device, found bool, err error) {
	return one(tx, scanDevice, "SELECT "+deviceColumns+" FROM devices WHERE key_id = $1 ORDER BY n LIMIT 1", key[:])
}

// Devices lists the enrolled devices in order of enrolment, the authority's first.
func Devices(tx *store.Tx) ([]Device, error) {
	return all(tx, scanDevice, "SELECT "+deviceColumns+" FROM devices ORDER BY n")
}

// DevicesOf lists a person's devices in order of enrolment.
func DevicesOf(tx *store.Tx, person event.UUID) ([]Device, error) {
	return all(tx, scanDevice, "SELECT "+deviceColumns+" FROM devices WHERE person = $1 ORDER BY n", person[:])
}

// Head is how far a device's chain has arrived.
type Head struct {
	// Seq and ID are the last event before the first hole; 0 and zero where event 1 has not arrived.
	Seq int64
	ID  event.ID
	// Max is the highest sequence number that arrived.
	Max int64
	// FirstMissing is Seq+1: the next one, or the first that the pending ones wait for.
	FirstMissing int64
	// Pending is the runs of accepted events behind the first hole.
	Pending []Span
}

// Span is sequence numbers First to Last.
type Span struct{ First, Last int64 }

// HeadOf gives how far a device's chain has arrived.
func HeadOf(tx *store.Tx, dev int64) (h Head, err error) {
	runs, err := all(tx, scanRun, "SELECT first, last, first_prev, last_id FROM runs WHERE dev = $1 ORDER BY first", dev)
	for _, r := range runs {
		h.Max = r.Last
		if r.First > 1 {
			h.Pending = append(h.Pending, Span{r.First, r.Last})
		}
	}
	h.Seq, h.ID = reconcile.Runs(runs).Head()
	h.FirstMissing = h.Seq + 1
	return h, err
}

func scanRun(scan func(...any) error) (r reconcile.Run, err error) {
	err = scan(&r.First, &r.Last, store.Into(&r.Prev), store.Into(&r.ID))
	return r, err
}

// RunsNear gives the run that starts at 1 and those that events low to high are in or next to.
func RunsNear(tx *store.Tx, dev, low, high int64) (reconcile.Runs, error) {
	return all(tx, scanRun, `SELECT first, last, first_prev, last_id FROM runs
		WHERE dev = $1 AND (first = 1 OR first <= $2 AND last >= $3) ORDER BY first`, dev, high+1, low-1)
}

// SaveRuns replaces the runs old, as RunsNear gave them, by new.
func SaveRuns(tx *store.Tx, dev int64, old, new reconcile.Runs) error {
	kept := make(map[int64]reconcile.Run, len(old))
	for _, r := range old {
		kept[r.First] = r
	}
	for _, r := range new {
		was, had := kept[r.First]
		delete(kept, r.First)
		if had && was == r {
			continue
		}
		_, err := tx.Exec(`INSERT INTO runs (dev, first, last, first_prev, last_id) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (dev, first) DO UPDATE SET last = excluded.last, first_prev = excluded.first_prev, last_id = excluded.last_id`,
			dev, r.First, r.Last, store.Bytes(r.Prev), r.ID[:])
		if err != nil {
			return err
		}
	}
	for first := range kept {
		if _, err := tx.Exec("DELETE FROM runs WHERE dev = $1 AND first = $2", dev, first); err != nil {
			return err
		}
	}
	return nil
}
