package clients_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"fieldseal/api/wire"
	"fieldseal/mobile-contract/conformance/clients"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// naive is a client written by somebody in a hurry.
type naive struct {
	t     *testing.T
	url   string
	key   *seal.PrivateKey
	id    wire.Enrolled
	token string
	seq   int64
	prev  event.ID
	note  string // the newest checkpoint that it was shown
	// resealing seals an event anew for each try; anew begins uploads from the start;
	// hasty does not wait; credulous embeds whatever checkpoint it is shown.
	resealing, anew, hasty, credulous bool
}

const tries = 30

func (n *naive) send(method, path string, header map[string]string, body []byte) (int, http.Header, []byte) {
	req, err := http.NewRequestWithContext(n.t.Context(), method, n.url+path, bytes.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if n.token != "" {
		req.Header.Set("Authorization", "Bearer "+n.token)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, nil
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, nil
	}
	return resp.StatusCode, resp.Header, data
}

// insist repeats a request until something other than a failure comes.
func (n *naive) insist(method, path string, header map[string]string, body func() []byte) []byte {
	for range tries {
		status, h, data := n.send(method, path, header, body())
		if status >= 200 && status < 300 {
			return data
		}
		if status == http.StatusServiceUnavailable && !n.hasty {
			s, _ := strconv.Atoi(h.Get("Retry-After"))
			time.Sleep(time.Duration(s) * time.Second)
		} else if status >= 400 && status < 500 {
			n.t.Fatalf("%s %s: %d %s", method, path, status, data)
		}
	}
	n.t.Fatalf("%s %s: no answer", method, path)
	return nil
}

func (n *naive) post(path string, in, out any) {
	data, err := json.Marshal(in)
	if err != nil {
		n.t.Fatal(err)
	}
	answer := n.insist(http.MethodPost, path, map[string]string{"Content-Type": "application/json"}, func() []byte { return data })
	if err := json.Unmarshal(answer, out); err != nil {
		n.t.Fatal(err)
	}
}

func (n *naive) sealed(typ string, v any) string {
	payload, err := json.Marshal(v)
	if err != nil {
		n.t.Fatal(err)
	}
	line, err := n.key.Seal(typ, payload)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(line)
}

func (n *naive) enrol(code string) {
	info := n.key.Public().Info()
	sum := sha256.Sum256([]byte(code))
	now := string(event.StampOf(time.Now()))
	n.post("/v1/enrol", wire.Enrol{Code: code, Key: wire.Key{ID: info.ID.String(), Alg: string(info.Alg), SPKI: base64.StdEncoding.EncodeToString(info.SPKI)},
		Proof: n.sealed(wire.EnrolPayloadType, wire.EnrolStatement{CodeSHA256: hex.EncodeToString(sum[:]), Key: info.ID.String(), Nonce: "n", Time: now})}, &n.id)
	n.note = n.id.Checkpoint
	var ch wire.Challenge
	n.post("/v1/auth/challenge", struct{}{}, &ch)
	var tokens wire.Tokens
	n.post("/v1/auth/device", wire.DeviceLogin{Envelope: n.sealed(wire.AuthPayloadType, wire.AuthStatement{Nonce: ch.Nonce, Audience: ch.Audience, Device: n.id.Device, Time: now})}, &tokens)
	n.token = tokens.AccessToken
}

func uuid(t *testing.T, text string) event.UUID {
	u, err := event.ParseUUID(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// seal seals event seq+1; where it is sealed again, it is another event of the same number.
func (n *naive) seal(body event.Body) ([]byte, event.ID) {
	raw, err := event.MarshalBody(body)
	if err != nil {
		n.t.Fatal(err)
	}
	p := event.Payload{V: 1, Type: event.TypeOf(body), UUID: newUUID(), Device: uuid(n.t, n.id.Device), Seq: n.seq + 1, Prev: n.prev, Actor: uuid(n.t, n.id.Person),
		Clock: event.Clock{Wall: event.StampOf(time.Now()), Source: "network"}, Body: raw}
	if p.Type.InCase() {
		p.Case = uuid(n.t, "01932f6e-0000-7000-8000-0000000000aa")
	}
	if n.credulous {
		var size int64
		var root, origin string
		if _, err := fmt.Sscanf(n.note, "%s\n%d\n%s\n", &origin, &size, &root); err != nil {
			n.t.Fatal(err)
		}
		p.Seen = &event.Seen{Origin: origin, Size: size, Note: sha256.Sum256([]byte(n.note))}
		if err := p.Seen.Root.UnmarshalText([]byte(root)); err != nil {
			n.t.Fatal(err)
		}
	}
	data, err := event.Marshal(p)
	if err != nil {
		n.t.Fatal(err)
	}
	line, err := n.key.Seal(event.PayloadType, data)
	if err != nil {
		n.t.Fatal(err)
	}
	return line, seal.IDOf(data)
}

// record seals an event, hands it in, and believes any answer.
func (n *naive) record(body event.Body) {
	line, id := n.seal(body)
	n.insist(http.MethodPost, "/v1/batches", map[string]string{"Content-Type": "application/x-ndjson"}, func() []byte {
		if n.resealing {
			line, id = n.seal(body)
		}
		return append(bytes.Clone(line), '\n')
	})
	n.seq, n.prev = n.seq+1, id
}

// look asks for the newest checkpoint, whatever it is.
func (n *naive) look() {
	var a wire.CheckpointAnswer
	if err := json.Unmarshal(n.insist(http.MethodGet, "/v1/log/checkpoint", nil, func() []byte { return nil }), &a); err != nil {
		n.t.Fatal(err)
	}
	n.note = a.Checkpoint
}

func (n *naive) day(notes int) {
	info := n.key.Public().Info()
	var enrolment event.ID
	if err := enrolment.UnmarshalText([]byte(n.id.EnrolmentID)); err != nil {
		n.t.Fatal(err)
	}
	n.record(&event.DeviceGenesis{Enrolment: enrolment, Key: info.ID, Origin: "conformance.fieldseal.example/log"})
	n.record(&event.CaseOpened{Number: "N-1", Title: "Naive", Authority: "Bureau"})
	for i := range notes {
		if i == 0 || !n.credulous {
			n.look()
		}
		n.record(&event.NoteWritten{Text: fmt.Sprint("note ", i)})
	}
}

// photo mentions a file and uploads it in one piece, from the start at each failure where anew is set.
func (n *naive) photo(data []byte) {
	sum := sha256.Sum256(data)
	n.record(&event.FileAttached{File: newUUID(), Media: event.Media{SHA256: sum, Size: int64(len(data)), Type: "image/jpeg"}, Kind: "other", Title: "photo"})
	h := map[string]string{"Tus-Resumable": "1.0.0", "Upload-Length": strconv.Itoa(len(data)),
		"Upload-Metadata": "sha256 " + base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:])))}
	for range tries {
		status, a, _ := n.send(http.MethodPost, "/v1/media/uploads", h, nil)
		if status != http.StatusCreated {
			continue
		}
		if a.Get("Fieldseal-Media") == "held" {
			return
		}
		if status, _, _ = n.send(http.MethodPatch, a.Get("Location"), map[string]string{"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}, data); status == http.StatusNoContent {
			return
		}
		// It asks, and does not care for the answer.
		n.send(http.MethodHead, a.Get("Location"), map[string]string{"Tus-Resumable": "1.0.0"}, nil)
	}
	n.t.Fatal("the upload never came to its end")
}

func newNaive(t *testing.T, trial *clients.Trial) *naive {
	t.Helper()
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &naive{t: t, url: trial.URL, key: key}
}

func newUUID() event.UUID {
	var r [10]byte
	copy(r[:], strconv.FormatInt(time.Now().UnixNano(), 36)[2:])
	return event.NewUUID(time.Now(), r)
}

// believed is what a client breaks that believes every answer: what the lies took is lost.
var believed = map[string]bool{"client.nothing-lost": true, "client.chain-whole": true, "client.proofs": true, "client.links": true,
	"trouble.wrong-id": true, "trouble.forged-checkpoint": true, "trouble.old-receipt": true, "trouble.short-answer": true, "trouble.not-covered": true}

func with(rules ...string) map[string]bool {
	out := map[string]bool{}
	for r := range believed {
		out[r] = true
	}
	for _, r := range rules {
		out[r] = true
	}
	return out
}

// Each of these clients breaks exactly the rules about what it does wrong.
func TestNaiveClients(t *testing.T) {
	for name, c := range map[string]struct {
		is   func(*naive)
		want map[string]bool
	}{
		"believes every receipt":  {func(*naive) {}, believed},
		"seals anew for each try": {func(n *naive) { n.resealing = true }, with("client.nothing-twice", "client.nothing-refused", "trouble.not-now", "trouble.dropped")},
		"does not wait":           {func(n *naive) { n.hasty = true }, with("client.waits")},
		"embeds a forged history": {func(n *naive) { n.credulous = true }, with("client.seen-true")},
		"begins each upload anew": {func(n *naive) { n.anew = true }, with("client.resume")},
	} {
		t.Run(name, func(t *testing.T) {
			trial := start(t, 1)
			n := newNaive(t, trial)
			c.is(n)
			n.enrol(trial.Codes[0])
			n.day(12)
			if n.anew {
				n.photo(bytes.Repeat([]byte("photo"), 40_000))
			}
			check(t, trial, c.want)
		})
	}
}
