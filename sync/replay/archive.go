package replay

import (
	"archive/zip"
	"fmt"
	"io"
	"strings"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxSmall bounds a member of an archive that is read whole: a checkpoint, a proof.
const maxSmall = 1 << 20

// archiveLines are the members of a device's archive that hold envelopes.
var archiveLines = []string{"events.ndjson", "pulled.ndjson", "carried.ndjson", "unverified.ndjson"}

// AddArchive takes the archive of a device. An archive of a device that belongs
// to another log, or that is none, is an error that wraps ErrSource.
func (e *Evidence) AddArchive(name string, r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrSource, name, err)
	}
	members := map[string]*zip.File{}
	for _, f := range z.File {
		members[f.Name] = f
	}
	if members["events.ndjson"] == nil {
		return fmt.Errorf("%w: %s: it is not an archive of a device (fieldkit export archive)", ErrSource, name)
	}
	if err := e.archiveDevice(name, members["device.json"]); err != nil {
		return err
	}
	for _, f := range z.File {
		switch {
		case strings.HasPrefix(f.Name, "checkpoints/"):
			if text, err := readMember(f, maxSmall); err != nil {
				e.remark("%s: %s: %v", name, f.Name, err)
			} else {
				e.checkpoint(text, name+": "+f.Name)
			}
		case strings.HasPrefix(f.Name, "proofs/"):
			e.proof(name, f)
		}
	}
	if f := members["entries.json"]; f == nil {
		e.remark("%s: it does not say where in the log its lines stand; export it again with a newer program", name)
	} else if err := e.archivePlaces(name, f); err != nil {
		e.remark("%s: entries.json: %v", name, err)
	}
	for _, member := range archiveLines {
		if f := members[member]; f != nil {
			e.streams = append(e.streams, stream{name + ": " + member, func(fn func([]byte) error) error {
				body, err := f.Open()
				if err != nil {
					return err
				}
				defer body.Close()
				return eachLine(body, fn)
			}})
		}
	}
	return nil
}

// archiveDevice reads whose archive it is.
func (e *Evidence) archiveDevice(name string, f *zip.File) error {
	if f == nil {
		return fmt.Errorf("%w: %s: its device was not enrolled yet", ErrSource, name)
	}
	text, err := readMember(f, maxSmall)
	var who struct {
		Device    event.UUID `json:"device"`
		LogOrigin string     `json:"log_origin"`
	}
	if err == nil {
		err = json.Unmarshal(text, &who)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: device.json: %w", ErrSource, name, err)
	}
	if who.LogOrigin != e.cfg.LogKey.Name() {
		return fmt.Errorf("%w: %s: its device belongs to the log %.80q, not to %s", ErrSource, name, who.LogOrigin, e.cfg.LogKey.Name())
	}
	e.archives[who.Device] = true
	e.enrolment(name, text)
	return nil
}

// enrolment takes the authority's genesis out of device.json: the device believes it, and the log begins with it.
func (e *Evidence) enrolment(name string, text []byte) {
	var who struct {
		Genesis string `json:"authority_genesis"`
	}
	if json.Unmarshal(text, &who) == nil && who.Genesis != "" {
		e.streams = append(e.streams, stream{name + ": device.json", func(fn func([]byte) error) error { return fn([]byte(who.Genesis)) }})
	}
}

// proof takes an inclusion proof, which proves the leaf in it.
func (e *Evidence) proof(name string, f *zip.File) {
	text, err := readMember(f, maxSmall)
	if err != nil {
		e.remark("%s: %s: %v", name, f.Name, err)
		return
	}
	p, err := ledger.ParseProof(text)
	if err != nil {
		e.remark("%s: %s: %v", name, f.Name, err)
		return
	}
	leaf, c, err := p.VerifyLeaf(e.cfg.LogKey)
	if err != nil {
		e.remark("%s: %s: %v", name, f.Name, err)
		return
	}
	e.checkpoint(c.Note(), name+": "+f.Name)
	e.claim(p.Index, leaf, true, name)
}

// archivePlaces reads entries.json, entry by entry.
func (e *Evidence) archivePlaces(name string, f *zip.File) error {
	body, err := f.Open()
	if err != nil {
		return err
	}
	defer body.Close()
	d := jsontext.NewDecoder(body)
	if t, err := d.ReadToken(); err != nil || t.Kind() != '[' {
		return fmt.Errorf("it is not an array: %w", err)
	}
	for d.PeekKind() != ']' {
		var x struct {
			ID         event.ID `json:"id"`
			Index      int64    `json:"index"`
			ReceivedUS int64    `json:"received_us"`
			Kind       uint8    `json:"kind"`
		}
		if err := json.UnmarshalDecode(d, &x, json.RejectUnknownMembers(true)); err != nil {
			return err
		}
		i := ledger.Index(x.Index)
		if !e.lost(i) {
			continue
		}
		p := place{x.ID, ledger.Micros(x.ReceivedUS), ledger.Kind(x.Kind), name}
		e.place(i, p)
	}
	return nil
}

func (e *Evidence) place(i ledger.Index, p place) {
	for _, q := range e.places[i] {
		if q.id == p.id && q.received == p.received && q.kind == p.kind {
			return
		}
	}
	if len(e.places[i]) == maxClaims {
		e.remark("%s: there are more than %d contradictory statements about entry %d", p.source, maxClaims, i)
		return
	}
	e.places[i] = append(e.places[i], p)
}

func readMember(f *zip.File, most int64) ([]byte, error) {
	body, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("it has more than %d bytes", most)
	}
	return data, err
}
