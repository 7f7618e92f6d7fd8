package ingesttest

import (
	"testing"
	"time"

	"fieldseal/sync/decimal"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/seal"
)

// Device is an enrolled device and the end of its chain.
type Device struct {
	T         testing.TB
	ID        event.UUID
	Key       *seal.PrivateKey
	Person    event.UUID
	Org       event.UUID
	Enrolment event.ID
	Seq       int64
	Prev      event.ID
	Clock     time.Time
	Random    func() [10]byte
	serial    int
}

// AddDevice enrols a device of a new person of the world's organisation. Its
// genesis is not sealed yet.
func (w *World) AddDevice() *Device {
	w.T.Helper()
	return w.AddDeviceOf(w.Org, w.AddPerson(w.Org))
}

// AddDeviceOf enrols a device of a person.
func (w *World) AddDeviceOf(org, person event.UUID) *Device {
	w.T.Helper()
	key, err := seal.GenerateKey()
	if err != nil {
		w.T.Fatal(err)
	}
	d := &Device{T: w.T, ID: w.ID(), Key: key, Person: person, Org: org, Clock: time.Date(2026, 11, 24, 9, 0, 0, 0, time.FixedZone("", 8*3600))}
	r := w.Author(ingest.Draft{Body: &event.DeviceEnrolled{Device: d.ID, Key: key.Public().Info(), Person: person, Org: org, Model: "Pad", App: "test",
		Code: event.Digest{1}, Proof: []byte("proof")}})
	d.Enrolment = r[0].ID
	return d
}

// Genesis seals the first event of the chain.
func (d *Device) Genesis() []byte {
	return d.Seal(event.UUID{}, &event.DeviceGenesis{Enrolment: d.Enrolment, Key: event.Digest(d.Key.Public().ID()), Origin: Origin})
}

// Fork is a copy of the device that goes on by itself.
func (d *Device) Fork() *Device {
	f := *d
	f.serial += 500_000
	return &f
}

func (d *Device) uuid() event.UUID {
	d.serial++
	id := ID(d.serial)
	copy(id[10:], d.ID[10:]) // apart from other devices' ones
	id[9] ^= d.ID[9]
	return id
}

// Payload makes the next payload without sealing it.
func (d *Device) Payload(id event.UUID, body event.Body) event.Payload {
	d.T.Helper()
	raw, err := event.MarshalBody(body)
	if err != nil {
		d.T.Fatal(err)
	}
	d.Clock = d.Clock.Add(time.Second)
	return event.Payload{V: event.Version, Type: event.TypeOf(body), UUID: d.uuid(), Case: id, Device: d.ID, Seq: d.Seq + 1, Prev: d.Prev,
		Actor: d.Person, Clock: event.Clock{Wall: event.StampOf(d.Clock), Source: "gnss"}, Body: raw}
}

// Seal seals the next event of the chain.
func (d *Device) Seal(id event.UUID, body event.Body) []byte {
	d.T.Helper()
	line, eventID := d.SealPayload(d.Payload(id, body))
	d.Seq, d.Prev = d.Seq+1, eventID
	return line
}

// SealPayload seals any valid payload; it does not move the chain.
func (d *Device) SealPayload(p event.Payload) ([]byte, event.ID) {
	d.T.Helper()
	data, err := event.Marshal(p)
	if err != nil {
		d.T.Fatal(err)
	}
	return d.SealBytes(data), seal.IDOf(data)
}

// SealBytes seals any bytes as an event payload.
func (d *Device) SealBytes(data []byte) []byte {
	d.T.Helper()
	line, err := d.Key.Seal(event.PayloadType, data)
	if err != nil {
		d.T.Fatal(err)
	}
	return line
}

// Note seals a note.
func (d *Device) Note(id event.UUID, text string) []byte {
	d.T.Helper()
	return d.Seal(id, &event.NoteWritten{Text: text})
}

// OpenCase seals a case.opened and gives the case.
func (d *Device) OpenCase(number string) (event.UUID, []byte) {
	d.T.Helper()
	id := d.uuid()
	return id, d.Seal(id, &event.CaseOpened{Number: number, Title: "Case " + number, Authority: "Test authority"})
}

// Sample seals a sample.collected of about 600 bytes of payload.
func (d *Device) Sample(id event.UUID, label string) []byte {
	d.T.Helper()
	ph, err := decimal.Parse("6.8")
	if err != nil {
		d.T.Fatal(err)
	}
	return d.Seal(id, &event.SampleCollected{Sample: d.uuid(), Label: label, QC: "primary", Matrix: "water", Gathering: "grab", Point: "outfall 3",
		Start: event.StampOf(d.Clock), Container: &event.Container{Material: "glass"}, Preserved: "HCl", PH: &ph, SealNo: "C-" + label, Sampler: d.Person})
}
