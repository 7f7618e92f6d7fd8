package main

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"fieldseal/mobile-contract/vectors"
	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/seal"
)

const (
	origin = "vectors.fieldseal.example/log"
	// firstBatch is 2026-11-24T04:00:00Z; every batch arrives a second after the one before.
	firstBatch = 1795492800_000000
	// sizeBefore is the log's size where a scenario does not begin a log.
	sizeBefore = 100
)

// scene builds one scenario.
type scene struct {
	v     vectors.Scenario
	size  int64
	chain map[*device]map[int64][32]byte // accepted ids
	devs  []*device
}

// device is an enrolled device and the end of the chain that it has made.
type device struct {
	n         int // its number: the UUID of the device is eventtest.UUID(30+n)
	key       *signer
	enrolment [32]byte
	authority bool
	seq       int64
	prev      [32]byte
}

var logKey = newLogKey(origin, "log")

func newScene(name, shows string) *scene {
	return &scene{v: vectors.Scenario{Kind: vectors.KindLines, Name: name, Shows: shows, Size: sizeBefore,
		Log: vectors.Log{Origin: origin, Key: logKey.text, Secret: logKey.secret}}, size: sizeBefore, chain: map[*device]map[int64][32]byte{}}
}

// empty makes the scenario begin a log.
func (s *scene) empty() *scene {
	s.v.Size, s.size = 0, 0
	return s
}

func (d *device) id() event.UUID { return eventtest.UUID(30 + d.n) }

func (d *device) letter() string { return []string{"authority", "A", "B", "C"}[d.n] }

// newDevice makes a device without enrolling it: 0 the authority, 1 A, 2 B, 3 C. B has an Ed25519 key.
func newDevice(n int) *device {
	d := &device{n: n, authority: n == 0}
	alg := event.AlgP256
	if n == 2 {
		alg = event.AlgEd25519
	}
	d.key = newSigner(alg, d.letter())
	d.enrolment = sha256.Sum256([]byte("enrolment of " + d.letter()))
	return d
}

// enrolled makes a device that the log knows.
func (s *scene) enrolled(n int) *device {
	d := newDevice(n)
	v := vectors.Device{Name: d.letter(), Device: d.id().String(), Authority: d.authority, Key: d.key.public(), PrivatePKCS8: d.key.pkcs8()}
	if !d.authority {
		v.Enrolment = hex.EncodeToString(d.enrolment[:])
	}
	s.v.Devices = append(s.v.Devices, v)
	s.devs = append(s.devs, d)
	return d
}

// payload is event seq of the device over a body. mark tells events of one number apart.
func (d *device) payload(seq int64, prev [32]byte, mark int, body event.Body) event.Payload {
	small := min(seq, 900) // the number behind it in UUID and clock; the highest sequence number is too large for them
	p := eventtest.PayloadOf(body, small)
	p.UUID = eventtest.UUID(100000 + d.n*10000 + int(small)*10 + mark)
	p.Device, p.Seq, p.Prev = d.id(), seq, event.ID(prev)
	p.Seen.Origin = origin
	return p
}

func (d *device) seal(p event.Payload) *sealed {
	x := sealBytes(d.key, event.PayloadType, get(event.Marshal(p)))
	x.of = p
	return x
}

// next seals the next event of the device's chain.
func (d *device) next(body event.Body) *sealed {
	d.seq++
	x := d.seal(d.payload(d.seq, d.prev, 0, body))
	d.prev = x.id()
	return x
}

// genesis is the body of the device's first event.
func (d *device) genesis() event.Body {
	if d.authority {
		return &event.AuthorityGenesis{Name: "City Environment Bureau", NameZH: "市生态环境局", Key: d.key.info(), LogOrigin: origin, LogKey: logKey.text}
	}
	return &event.DeviceGenesis{Enrolment: d.enrolment, Key: d.key.id, Origin: origin, Model: "rugged laptop", App: "vectors"}
}

// raw seals a text as it stands, as what the device would send at its next place.
func (d *device) raw(payload string) *sealed {
	return sealBytes(d.key, event.PayloadType, []byte(payload))
}

// text is the payload that the device would seal next, for tampering with.
func (d *device) text(body event.Body) string {
	return string(get(event.Marshal(d.payload(d.seq+1, d.prev, 1, body))))
}

func note(text string) event.Body { return &event.NoteWritten{Text: text} }

func (s *scene) batch() *scene {
	s.v.Batches = append(s.v.Batches, vectors.Batch{ReceivedUS: firstBatch + int64(len(s.v.Batches))*1_000_000})
	return s
}

func (s *scene) now() *vectors.Batch {
	if len(s.v.Batches) == 0 {
		s.batch()
	}
	return &s.v.Batches[len(s.v.Batches)-1]
}

// put adds a line with an outcome and returns the outcome, which may be amended.
func (s *scene) put(shows, line string, e vectors.Expect) *vectors.Expect {
	sum := sha256.Sum256([]byte(line))
	l := vectors.Line{Shows: shows, SHA256: hex.EncodeToString(sum[:]), Expect: e}
	switch {
	case len(line) > 100_000:
		l.Parts = parts(line)
	case utf8.ValidString(line):
		l.Text = line
	default:
		l.Base64 = b64([]byte(line))
	}
	b := s.now()
	b.Lines = append(b.Lines, l)
	return &b.Lines[len(b.Lines)-1].Expect
}

// parts divides a long line around the longest stretch of a repeated unit of four bytes.
func parts(line string) []vectors.Part {
	for i := 0; i+8 <= len(line); i++ {
		unit := line[i : i+4]
		n := 1
		for strings.HasPrefix(line[i+4*n:], unit) {
			n++
		}
		if n > 1000 {
			return []vectors.Part{{Text: line[:i], Times: 1}, {Text: unit, Times: n}, {Text: line[i+4*n:], Times: 1}}
		}
	}
	panic("a long line without a repetition")
}

// accept adds an event that is accepted.
func (s *scene) accept(shows string, d *device, x *sealed) *vectors.Expect {
	return s.acceptLine(shows, d, x, x.line())
}

func (s *scene) acceptLine(shows string, d *device, x *sealed, line string) *vectors.Expect {
	id, sig, us := x.id(), sigDigest(x.key.alg, x.sig), s.now().ReceivedUS
	kind := kindOf(x.of.Type)
	entry := leaf(kind, id, sig, x.key.id, us)
	hash := leafHash(entry)
	if s.chain[d] == nil {
		s.chain[d] = map[int64][32]byte{}
	}
	s.chain[d][x.of.Seq] = id
	s.size++
	return s.put(shows, line, vectors.Expect{Status: "accepted", ID: hex.EncodeToString(id[:]), Index: s.size - 1, ReceivedUS: us, Kind: int(kind),
		SignatureDigest: hex.EncodeToString(sig[:]), Key: hex.EncodeToString(x.key.id[:]), Leaf: hex.EncodeToString(entry), LeafHash: b64(hash[:])})
}

// wait amends an outcome: earlier events are missing, the first of them is n.
func wait(e *vectors.Expect, n int64) *vectors.Expect {
	e.Pending, e.WaitsFor = n > 0, n
	return e
}

// again adds a line whose outcome was given before: a duplicate, or the same quarantine.
func (s *scene) again(shows, line string, first *vectors.Expect) *vectors.Expect {
	e := *first
	if e.Status == "accepted" {
		e.Status = "duplicate"
	}
	e.Pending, e.WaitsFor = false, 0
	return s.put(shows, line, e)
}

// variant adds the same event in another envelope: answered as a duplicate, the bytes kept.
func (s *scene) variant(shows, line string, first vectors.Expect) *vectors.Expect {
	first.Status, first.Layer, first.Code = "duplicate", string(seal.LayerSignature), "VARIANT"
	first.Kept = s.size
	s.size++
	return s.put(shows, line, first)
}

// refuse adds a line that goes to quarantine. Its id is that of x where its payload
// can be read (x not nil), and the digest of the line otherwise.
func (s *scene) refuse(shows, line string, x *sealed, layer seal.Layer, code seal.Code) *vectors.Expect {
	sum := sha256.Sum256([]byte(line))
	id := sum
	if x != nil {
		id = x.id()
	}
	us := s.now().ReceivedUS
	entry := leaf(kindQuarantine, sum, [32]byte{}, [32]byte{}, us)
	hash := leafHash(entry)
	s.size++
	return s.put(shows, line, vectors.Expect{Status: "quarantined", Layer: string(layer), Code: string(code), ID: hex.EncodeToString(id[:]),
		Index: s.size - 1, ReceivedUS: us, Kind: kindQuarantine, Leaf: hex.EncodeToString(entry), LeafHash: b64(hash[:])})
}

// done gives the scenario with the heads of its chains.
func (s *scene) done() vectors.Scenario {
	for _, d := range s.devs {
		h := vectors.Head{Device: d.id().String()}
		sum := sha256.New()
		for {
			id, ok := s.chain[d][h.Seq+1]
			if !ok {
				break
			}
			h.Seq++
			h.ID = hex.EncodeToString(id[:])
			sum.Write(id[:])
		}
		h.Digest = hex.EncodeToString(sum.Sum(nil))
		s.v.Heads = append(s.v.Heads, h)
	}
	return s.v
}
