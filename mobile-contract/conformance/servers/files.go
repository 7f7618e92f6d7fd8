package servers

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
)

const (
	uploads   = "/v1/media/uploads"
	chunkType = "application/offset+octet-stream"
	// photoSize is the size of the files of a run: large enough to be cut anywhere.
	photoSize = 300_000
	// lockedTries and lockedPause bound the wait for an upload that a broken connection still holds.
	lockedTries = 40
	lockedPause = 100 * time.Millisecond
)

func files() []rule {
	return []rule{
		{"media.upload", "a file is uploaded in chunks, read back byte for byte, and its state is arrived", wholeFile},
		{"media.resume", "an upload that broke off goes on where the server says, and sends nothing twice", resumedFile},
		{"media.held", "a file that the server holds need not be sent again", heldFile},
		{"media.empty", "a file of no bytes arrives", emptyFile},
		{"media.wrong-digest", "bytes of another digest are answered 422 with both digests, and the right file still arrives", wrongDigest},
		{"media.offset", "a chunk at another offset than the server's is refused, and the offset stays", wrongOffset},
		{"media.checksum", "a chunk that does not match its checksum is refused", wrongChecksum},
		{"media.metadata", "an upload without the file's digest, or with one that is no digest, is refused", badMetadata},
		{"media.version", "another tus version is refused, with the one that is spoken", tusVersion},
		{"media.range", "a part of a file is given out", fileRange},
		{"media.owner", "an upload is its device's own; another device does not find it", foreignUpload},
		{"media.mention", "events are accepted whether their files have arrived or not", fileAfterEvent},
	}
}

// blob makes a file's content that no server has seen.
func blob(n int) []byte {
	var seed [32]byte
	copy(seed[:], nonce())
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

func hexDigest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// tus is a request of the upload protocol.
func (p *peer) tus(method, path string, body []byte, header map[string]string) request {
	h := map[string]string{"Tus-Resumable": "1.0.0", "Authorization": "Bearer " + p.token}
	if method == http.MethodPatch {
		h["Content-Type"] = chunkType
	}
	for k, v := range header {
		h[k] = v
	}
	return request{method: method, path: path, header: h, body: body}
}

// create begins an upload and gives its path; held says that the file is there already.
func (p *peer) create(digest string, size int) (path string, held bool, err error) {
	q := p.tus(http.MethodPost, uploads, nil, map[string]string{"Upload-Length": strconv.Itoa(size),
		"Upload-Metadata": "sha256 " + base64.StdEncoding.EncodeToString([]byte(digest)) + ",type " + base64.StdEncoding.EncodeToString([]byte("image/jpeg"))})
	rep, err := p.r.http.do(p.r.ctx, q)
	if err != nil {
		return "", false, err
	}
	if err := rep.into(q, nil); err != nil {
		return "", false, err
	}
	path = rep.header.Get("Location")
	if at := strings.Index(path, "/v1/"); at > 0 {
		path = path[at:]
	}
	if rep.status != http.StatusCreated || !strings.HasPrefix(path, "/v1/") {
		return "", false, fmt.Errorf("the upload was answered %d with Location %q; want 201 and its address", rep.status, rep.header.Get("Location"))
	}
	return path, rep.header.Get("Fieldseal-Media") == "held", nil
}

// offset asks how much of an upload is there. A connection that broke may hold it for a moment.
func (p *peer) offset(path string) (int, error) {
	for try := 1; ; try++ {
		q := p.tus(http.MethodHead, path, nil, nil)
		rep, err := p.r.http.do(p.r.ctx, q)
		if err != nil {
			return 0, err
		}
		if rep.status == http.StatusConflict && try < lockedTries {
			time.Sleep(lockedPause)
			continue
		}
		n, err := strconv.Atoi(rep.header.Get("Upload-Offset"))
		if rep.status != http.StatusOK || err != nil {
			return 0, fmt.Errorf("HEAD %s was answered %d with Upload-Offset %q", path, rep.status, rep.header.Get("Upload-Offset"))
		}
		return n, nil
	}
}

// chunk sends part of a file from an offset on; the answer must say the new offset.
func (p *peer) chunk(path string, data []byte, at int) error {
	q := p.tus(http.MethodPatch, path, data, map[string]string{"Upload-Offset": strconv.Itoa(at)})
	rep, err := p.r.http.do(p.r.ctx, q)
	if err != nil {
		return err
	}
	if err := rep.into(q, nil); err != nil {
		return err
	}
	if got := rep.header.Get("Upload-Offset"); rep.status != http.StatusNoContent || got != strconv.Itoa(at+len(data)) {
		return fmt.Errorf("a chunk of %d bytes at %d was answered %d with offset %q", len(data), at, rep.status, got)
	}
	return nil
}

// mention seals and hands in an event about a file, which gives the right to read it.
func (p *peer) mention(data []byte) error {
	x, err := p.next(&event.FileAttached{File: newUUID(), Media: event.Media{SHA256: sha256.Sum256(data), Size: int64(len(data)), Type: "image/jpeg"}, Kind: "other", Title: "file of a conformance run"})
	if err != nil {
		return err
	}
	_, err = p.hand(ok(x))
	return err
}

// arrived checks the state of a file and reads it back.
func (p *peer) arrived(data []byte) error {
	var st wire.MediaState
	digest := hexDigest(data)
	if err := p.r.http.json(p.r.ctx, http.MethodGet, "/v1/media/"+digest+"/state", p.token, nil, &st); err != nil {
		return err
	}
	if st.SHA256 != digest || st.State != "arrived" || st.Size != int64(len(data)) || st.Held != st.Size {
		return fmt.Errorf("the state is %+v; want arrived, %d bytes", st, len(data))
	}
	q := request{method: http.MethodGet, path: "/v1/media/" + digest, header: map[string]string{"Authorization": "Bearer " + p.token}}
	rep, err := p.r.http.do(p.r.ctx, q)
	if err != nil {
		return err
	}
	if err := rep.into(q, nil); err != nil {
		return err
	}
	if !bytes.Equal(rep.body, data) {
		return fmt.Errorf("%d bytes with digest %s came back for %s", len(rep.body), hexDigest(rep.body), digest)
	}
	return nil
}

// whole uploads a file in two chunks and checks that it arrived.
func (p *peer) whole(data []byte) error {
	path, held, err := p.create(hexDigest(data), len(data))
	if err != nil {
		return err
	}
	if held {
		return errors.New("a file that was never sent is said to be held")
	}
	half := len(data) / 2
	if half > 0 {
		if err := p.chunk(path, data[:half], 0); err != nil {
			return err
		}
	}
	if at, err := p.offset(path); err != nil || at != half {
		return fmt.Errorf("the offset is %d, sent were %d (%v)", at, half, err)
	}
	return p.chunk(path, data[half:], half)
}

func wholeFile(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	data := blob(photoSize)
	if err := a.mention(data); err != nil {
		return err
	}
	if err := a.whole(data); err != nil {
		return err
	}
	return a.arrived(data)
}

func resumedFile(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	data := blob(photoSize)
	if err := a.mention(data); err != nil {
		return err
	}
	path, _, err := a.create(hexDigest(data), len(data))
	if err != nil {
		return err
	}
	at := 0
	for _, stop := range []int{photoSize / 3, photoSize * 98 / 100} {
		q := a.tus(http.MethodPatch, path, data[at:], map[string]string{"Upload-Offset": strconv.Itoa(at)})
		if rep, err := r.http.do(r.ctx, q.cutAt(stop-at)); err == nil && rep.status < 400 {
			return fmt.Errorf("an upload that broke off at %d of %d bytes was answered %d", stop, len(data), rep.status)
		}
		now, err := a.offset(path)
		if err != nil {
			return err
		}
		if now < at || now > stop {
			return fmt.Errorf("the offset is %d after %d and up to %d bytes were sent", now, at, stop)
		}
		at = now
	}
	if err := a.rest(path, data); err != nil {
		return err
	}
	return a.arrived(data)
}

// rest sends what the server lacks of a file. What was on its way when a connection
// broke may still arrive after the offset was told: then the server names another,
// and is asked again.
func (p *peer) rest(path string, data []byte) error {
	for try := 1; ; try++ {
		at, err := p.offset(path)
		if err != nil {
			return err
		}
		q := p.tus(http.MethodPatch, path, data[at:], map[string]string{"Upload-Offset": strconv.Itoa(at)})
		rep, err := p.r.http.do(p.r.ctx, q)
		if err != nil {
			return err
		}
		if rep.code == wire.CodeConflict && try < lockedTries {
			time.Sleep(lockedPause)
			continue
		}
		return rep.into(q, nil)
	}
}

func heldFile(r *run) error {
	a, b, err := r.begun()
	if err != nil {
		return err
	}
	data := blob(1000)
	if err := a.mention(data); err != nil {
		return err
	}
	if err := a.whole(data); err != nil {
		return err
	}
	for _, p := range []*peer{a, b} {
		_, held, err := p.create(hexDigest(data), len(data))
		if err != nil {
			return err
		}
		if !held {
			return errors.New("a file that the server holds was not answered with Fieldseal-Media: held")
		}
	}
	return nil
}

func emptyFile(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	if err := a.mention(nil); err != nil {
		return err
	}
	path, held, err := a.create(hexDigest(nil), 0)
	if err != nil {
		return err
	}
	if !held {
		if at, err := a.offset(path); err != nil || at != 0 {
			return fmt.Errorf("offset %d, %w", at, err)
		}
	}
	return a.arrived(nil)
}

func wrongDigest(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	data := blob(5000)
	wrong := bytes.Clone(data)
	wrong[2500] ^= 1
	if err := a.mention(data); err != nil {
		return err
	}
	path, _, err := a.create(hexDigest(data), len(data))
	if err != nil {
		return err
	}
	q := a.tus(http.MethodPatch, path, wrong, map[string]string{"Upload-Offset": "0"})
	rep, err := r.http.do(r.ctx, q)
	if err != nil {
		return err
	}
	if err := rep.refused(q, wire.CodeDigest); err != nil {
		return err
	}
	if rep.err.Wanted != hexDigest(data) || rep.err.Got != hexDigest(wrong) {
		return fmt.Errorf("wanted is %.70q and got %.70q; want %s and %s", rep.err.Wanted, rep.err.Got, hexDigest(data), hexDigest(wrong))
	}
	if err := a.whole(data); err != nil {
		return fmt.Errorf("the right file after the wrong one: %w", err)
	}
	return a.arrived(data)
}
