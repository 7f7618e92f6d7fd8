package server_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"runtime"
	"testing"

	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

func picture(t testing.TB) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 900, 600))
	for x := range 900 {
		for y := range 600 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8(x * y), 255})
		}
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, nil); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A file on its way: named by an event, sent in pieces, announced on the ledger,
// read by those who may see the case and by nobody else.
func TestMediaLife(t *testing.T) {
	s := servertest.Start(t)
	d, lab := s.AddDevice(), s.AddOrg("lab")
	c := visitor(t, s)
	c.token = c.signIn(d).AccessToken
	foreign := c.as(c.signIn(s.AddDeviceOf(lab, s.AddPerson(lab))).AccessToken)
	content := picture(t)
	sum := event.Digest(sha256.Sum256(content))
	file := "/v1/media/" + sum.String()
	k, opened := event.UUID{}, []byte(nil)
	genesis := d.Genesis()
	k, opened = d.OpenCase("1")
	c.refused("a file that nobody named", c.get(file+"/state"), wire.CodeNotFound)
	c.batch(genesis, opened, d.Seal(k, &event.FileAttached{File: s.ID(), Media: event.Media{SHA256: sum, Size: int64(len(content)), Type: "image/jpeg", Name: "a.jpg"}, Kind: "other", Title: "a"}))
	if st := into[wire.MediaState](t, c.get(file+"/state")); st.State != "missing" || st.Size != int64(len(content)) || st.Held != 0 {
		t.Errorf("%+v", st)
	}
	c.refused("before it is here", c.get(file), wire.CodeNotFound)
	if got := into[wire.Case](t, c.get("/v1/cases/"+k.String())); got.MediaMissing != 1 {
		t.Errorf("%+v", got)
	}

	at := c.begin(sum, int64(len(content)), "image/jpeg")
	half := len(content) / 2
	if a := c.patch(at, 0, content[:half]); a.status != http.StatusNoContent || a.header.Get("Upload-Offset") != fmt.Sprint(half) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	c.refused("the same piece again", c.patch(at, 0, content[:half]), wire.CodeConflict)
	if a := c.send(http.MethodHead, at, nil, "Tus-Resumable", "1.0.0"); a.header.Get("Upload-Offset") != fmt.Sprint(half) {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := foreign.send(http.MethodHead, at, nil, "Tus-Resumable", "1.0.0"); a.status != http.StatusNotFound {
		t.Errorf("another's upload: %d", a.status)
	}
	if a := c.patch(at, int64(half), content[half:]); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.Read(func(tx *store.Tx) error {
		m, found, err := projection.MediaByDigest(tx, sum)
		if !found || !m.Here() || m.Size != int64(len(content)) || m.Type != "image/jpeg" {
			t.Errorf("the arrival is not on record: %+v", m)
		}
		return err
	})
	if st := into[wire.MediaState](t, c.get(file+"/state")); st.State != "arrived" || st.Held != int64(len(content)) {
		t.Errorf("%+v", st)
	}
	if a := c.get(file); a.status != http.StatusOK || !bytes.Equal(a.body, content) || a.header.Get("Content-Type") != "image/jpeg" || a.header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d, %d bytes, %v", a.status, len(a.body), a.header)
	}
	if a := c.send(http.MethodGet, file, nil, "Range", "bytes=10-19"); a.status != http.StatusPartialContent || !bytes.Equal(a.body, content[10:20]) {
		t.Errorf("%d %v", a.status, a.header)
	}
	c.refused("a range outside", c.send(http.MethodGet, file, nil, "Range", "bytes=99999999-"), wire.CodeBadRequest)
	thumb := c.get(file + "/thumbnail")
	for ; thumb.status == http.StatusAccepted; thumb = c.get(file + "/thumbnail") {
		runtime.Gosched()
	}
	if img, err := jpeg.DecodeConfig(bytes.NewReader(thumb.body)); err != nil || img.Width != 512 {
		t.Errorf("thumbnail: %d, %+v, %v", thumb.status, img, err)
	}
	for _, path := range []string{file, file + "/state", file + "/thumbnail"} {
		foreign.refused(path+" for another organisation", foreign.get(path), wire.CodeNotFound)
		foreign.refused(path+" for nobody", foreign.as("").get(path), wire.CodeUnauthenticated)
	}
	if again := c.upload(content, "image/jpeg"); again.status != http.StatusCreated || again.header.Get("Fieldseal-Media") != "held" {
		t.Errorf("held already: %d %v", again.status, again.header)
	}
}

// begin begins an upload and gives its path.
func (c *client) begin(sum event.Digest, size int64, mediaType string) string {
	c.t.Helper()
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	a := c.send(http.MethodPost, "/v1/media/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", fmt.Sprint(size),
		"Upload-Metadata", "sha256 "+b64(sum.String())+",type "+b64(mediaType))
	at := a.header.Get("Location")
	if a.status != http.StatusCreated || at == "" {
		c.t.Fatalf("%d %s", a.status, a.body)
	}
	return at
}

func (c *client) patch(at string, offset int64, piece []byte) answer {
	c.t.Helper()
	return c.send(http.MethodPatch, at, bytes.NewReader(piece), "Tus-Resumable", "1.0.0", "Upload-Offset", fmt.Sprint(offset), "Content-Type", "application/offset+octet-stream")
}

// Other bytes than those announced are kept apart, named to the sender and on the ledger.
func TestMediaMismatch(t *testing.T) {
	s := servertest.Start(t)
	d := s.AddDevice()
	c := visitor(t, s)
	c.token = c.signIn(d).AccessToken
	wanted := event.Digest(sha256.Sum256([]byte("what was promised")))
	k, opened := event.UUID{}, []byte(nil)
	genesis := d.Genesis()
	k, opened = d.OpenCase("1")
	c.batch(genesis, opened, d.Seal(k, &event.FileAttached{File: s.ID(), Media: event.Media{SHA256: wanted, Size: 17, Type: "text/plain", Name: "a"}, Kind: "other", Title: "a"}))
	a := c.patch(c.begin(wanted, 17, "text/plain"), 0, []byte("what came instead"))
	c.refused("other bytes", a, wire.CodeDigest)
	if !bytes.Contains(a.body, []byte(fmt.Sprintf("%x", sha256.Sum256([]byte("what came instead"))))) {
		t.Errorf("the answer does not name what came: %s", a.body)
	}
	if st := into[wire.MediaState](t, c.get("/v1/media/"+wanted.String()+"/state")); st.State != "mismatch" || st.Held != 0 {
		t.Errorf("%+v", st)
	}
	if a := c.upload([]byte("what was promised"), "text/plain"); a.status != http.StatusCreated {
		t.Errorf("the right bytes afterwards: %d %s", a.status, a.body)
	}
	if st := into[wire.MediaState](t, c.get("/v1/media/"+wanted.String()+"/state")); st.State != "arrived" {
		t.Errorf("%+v", st)
	}
	at := c.begin(event.Digest{1}, 100, "text/plain")
	if a := c.send(http.MethodDelete, at, nil, "Tus-Resumable", "1.0.0"); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	c.refused("an upload that was given up", c.patch(at, 0, []byte("a")), wire.CodeGone)
}

// The refusals of tus and the savings of HTTP, through the whole server.
func TestMediaProtocol(t *testing.T) {
	k := newScene(t)
	c := visitor(t, k.s)
	c.token = c.signIn(k.device).AccessToken
	content := picture(t)
	sum := event.Digest(sha256.Sum256(content))
	at := c.begin(sum, int64(len(content)), "image/jpeg")
	for _, r := range [][2]string{{"POST", "/v1/media/uploads"}, {"POST", at}, {"HEAD", at}, {"PATCH", at}, {"DELETE", at}} {
		if a := c.send(r[0], r[1], nil, "Tus-Resumable", "0.2.2"); a.status != http.StatusPreconditionFailed || a.header.Get("Tus-Version") != "1.0.0" {
			t.Errorf("%s %s: %d", r[0], r[1], a.status)
		}
	}
	chunk := []string{"Tus-Resumable", "1.0.0", "Content-Type", "application/offset+octet-stream", "Upload-Offset", "0", "Upload-Checksum", "sha-256 " + base64.StdEncoding.EncodeToString(make([]byte, 32))}
	create := append([]string{"Upload-Length", "5", "Upload-Metadata", "sha256 " + base64.StdEncoding.EncodeToString([]byte(event.Digest{7}.String()))}, chunk...)
	override := append([]string{"X-HTTP-Method-Override", "PATCH"}, chunk...)
	for name, a := range map[string]answer{
		"PATCH": c.send(http.MethodPatch, at, bytes.NewReader(content), chunk...),
		"begun": c.send(http.MethodPost, "/v1/media/uploads", bytes.NewReader(content[:5]), create...),
		"POST":  c.send(http.MethodPost, at, bytes.NewReader(content), override...),
	} {
		if a.status != 460 || a.code() != wire.CodeBadRequest {
			t.Errorf("%s with another checksum: %d %s", name, a.status, a.body)
		}
	}
	if a := c.send(http.MethodPost, at, nil, "Tus-Resumable", "1.0.0", "X-HTTP-Method-Override", "HEAD"); a.status != http.StatusOK || a.header.Get("Upload-Offset") != "0" {
		t.Errorf("%d %v", a.status, a.header)
	}
	if a := c.send(http.MethodPost, at, bytes.NewReader(content), "Tus-Resumable", "1.0.0", "X-HTTP-Method-Override", "PATCH", "Upload-Offset", "0", "Content-Type", "application/offset+octet-stream"); a.status != http.StatusNoContent {
		t.Errorf("%d %s", a.status, a.body)
	}
	c.refused("a file of no case", c.get("/v1/media/"+sum.String()), wire.CodeNotFound)
	c.batch(k.device.Seal(k.caseID, &event.FileAttached{File: k.s.ID(), Media: event.Media{SHA256: sum, Size: int64(len(content)), Type: "image/jpeg", Name: "b.jpg"}, Kind: "other", Title: "b"}))
	for _, path := range []string{"/v1/media/" + sum.String(), "/v1/media/" + sum.String() + "/thumbnail"} {
		a := c.get(path)
		for ; a.status == http.StatusAccepted; a = c.get(path) {
			runtime.Gosched()
		}
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		if again := c.send(http.MethodGet, path, nil, "If-None-Match", a.header.Get("ETag")); again.status != http.StatusNotModified || len(again.body) > 0 {
			t.Errorf("%s: %d", path, again.status)
		}
	}
}
