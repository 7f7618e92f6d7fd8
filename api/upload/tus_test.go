package upload

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/blob"
	"fieldseal/sync/blob/blobtest"
)

func TestOptions(t *testing.T) {
	w := newWorld(t, nil)
	w.do("OPTIONS", w.url, nil, "X-Owner", "", "Tus-Resumable", "").want(t, 204, "Tus-Version", "1.0.0", "Tus-Resumable", "1.0.0", "Tus-Max-Size", "1073741824",
		"Tus-Extension", "creation,creation-with-upload,checksum,termination", "Tus-Checksum-Algorithm", "sha-256,sha256")
}

func TestUploadInChunks(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(5_000_000, 1)
	url := w.create(data)
	w.head(url).want(t, 200, "Upload-Offset", "0", "Upload-Length", "5000000", "Cache-Control", "no-store", "Upload-Metadata", metadataOf(data))
	w.patch(url, 0, data[:1]).want(t, 204, "Upload-Offset", "1", "Tus-Resumable", "1.0.0")
	w.patch(url, 1, data[1:3_000_000]).want(t, 204, "Upload-Offset", "3000000")
	w.head(url).want(t, 200, "Upload-Offset", "3000000")
	w.wantCounts(0, 0)
	w.patch(url, 3_000_000, data[3_000_000:], "Upload-Checksum", checksumOf(data[3_000_000:])).want(t, 204, "Upload-Offset", "5000000")
	w.wantHeld(data)
	w.wantCounts(1, 0)
	if want := blobtest.DigestOf(data).String() + " 5000000 image/jpeg anna"; w.ledger.arrived[0] != want {
		t.Fatalf("recorded as %q, want %q", w.ledger.arrived[0], want)
	}
	// A client that missed the answer asks, or repeats the end.
	w.head(url).want(t, 200, "Upload-Offset", "5000000")
	w.patch(url, 5_000_000, nil).want(t, 204, "Upload-Offset", "5000000")
	w.patch(url, 5_000_000, []byte("x")).want(t, 413)
	w.patch(url, 0, data[:1]).want(t, 409)
	w.wantCounts(1, 0)
}

func TestCreationWithUpload(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(300_000, 2)
	post := func(length int, body []byte, more ...string) answer {
		return w.do("POST", w.url, bytes.NewReader(body), append([]string{"Upload-Length", strconv.Itoa(length), "Upload-Metadata", metadataOf(data), "Content-Type", chunkType}, more...)...)
	}
	a := post(300_000, data[:100_000]).want(t, 201, "Upload-Offset", "100000")
	w.patch("http://"+w.addr+a.header.Get("Location"), 100_000, data[100_000:]).want(t, 204)
	w.wantHeld(data)
	other := blobtest.Bytes(70_000, 3)
	w.do("POST", w.url, bytes.NewReader(other), "Upload-Length", "70000", "Upload-Metadata", metadataOf(other), "Content-Type", chunkType).want(t, 201, "Upload-Offset", "70000")
	w.wantHeld(other)
	w.do("POST", w.url, nil, "Upload-Length", "0", "Upload-Metadata", metadataOf(nil)).want(t, 201, "Upload-Offset", "0")
	w.wantHeld(nil)
	w.wantCounts(3, 0)
}

func TestHeldIsNotSent(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(300_000, 4)
	w.patch(w.create(data), 0, data).want(t, 204)
	for _, body := range [][]byte{nil, data} { // the second sends all the same
		a := w.do("POST", w.url, bytes.NewReader(body), "X-Owner", "boris", "Upload-Length", "300000", "Upload-Metadata", metadataOf(data), "Content-Type", chunkType)
		a.want(t, 201, "Upload-Offset", "300000", "Fieldseal-Media", "held")
		url := "http://" + w.addr + a.header.Get("Location")
		w.head(url, "X-Owner", "boris").want(t, 200, "Upload-Offset", "300000", "Upload-Length", "300000")
		w.patch(url, 0, data, "X-Owner", "boris").want(t, 409)
		w.patch(url, 300_000, nil, "X-Owner", "boris").want(t, 204)
		w.do("DELETE", url, nil, "X-Owner", "boris").want(t, 409)
	}
	w.wantCounts(3, 0) // each sender is on record
	w.do("POST", w.url, nil, "Upload-Length", "299999", "Upload-Metadata", metadataOf(data)).want(t, 400)
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(1000, 5)
	meta := metadataOf(data)
	for name, test := range map[string]struct {
		headers []string
		status  int
		text    string
	}{
		"no tus":             {[]string{"Tus-Resumable", ""}, 412, "1.0.0 only"},
		"other tus":          {[]string{"Tus-Resumable", "0.2.2"}, 412, "1.0.0 only"},
		"no sender":          {[]string{"X-Owner", ""}, 401, ""},
		"no length":          {[]string{"Upload-Length", ""}, 400, "Upload-Length"},
		"negative length":    {[]string{"Upload-Length", "-1"}, 400, "Upload-Length"},
		"length with sign":   {[]string{"Upload-Length", "+1"}, 400, "Upload-Length"},
		"too long":           {[]string{"Upload-Length", "1073741825"}, 413, "1073741824"},
		"far too long":       {[]string{"Upload-Length", "99999999999999999999"}, 400, "Upload-Length"},
		"deferred":           {[]string{"Upload-Defer-Length", "1"}, 400, "Upload-Defer-Length"},
		"concatenation":      {[]string{"Upload-Concat", "partial"}, 400, "Upload-Concat"},
		"no metadata":        {[]string{"Upload-Metadata", ""}, 400, "must carry sha256"},
		"no digest":          {[]string{"Upload-Metadata", "type " + b64("image/png")}, 400, "must carry sha256"},
		"digest not hex":     {[]string{"Upload-Metadata", "sha256 " + b64("xyz")}, 400, "64 lower-case hex"},
		"digest upper-case":  {[]string{"Upload-Metadata", "sha256 " + b64(strings.ToUpper(blobtest.DigestOf(data).String()))}, 400, "64 lower-case hex"},
		"metadata not coded": {[]string{"Upload-Metadata", "sha256 ???"}, 400, "not base64"},
	} {
		a := w.do("POST", w.url, nil, append([]string{"Upload-Length", "1000", "Upload-Metadata", meta}, test.headers...)...)
		if a.status != test.status || !strings.Contains(a.err.Message, test.text) {
			t.Errorf("%s: %d %s, want %d and %q", name, a.status, a.body, test.status, test.text)
		}
	}
	url := w.create(data)
	unknown := w.url + "/" + strings.Repeat("0", 32)
	w.patch(url, 0, data, "Content-Type", "image/jpeg").want(t, 415)
	w.patch(url, 0, data, "Upload-Offset", "").want(t, 400)
	w.patch(url, 0, data, "Upload-Offset", "00").want(t, 400)
	w.patch(url, 5, data[:5]).want(t, 409, "Upload-Offset", "0")
	w.patch(url, 0, append(bytes.Clone(data), 'x')).want(t, 413)
	w.patch(url, 0, data, "Upload-Checksum", "md5 AAAA").want(t, 400)
	w.patch(url, 0, data, "Upload-Checksum", "sha-256 AAAA").want(t, 400)
	w.patch(url, 0, data, "X-Owner", "").want(t, 401)
	for _, u := range []string{unknown, w.url + "/..%2f", w.url + "/" + strings.Repeat("f", 64)} {
		w.head(u).want(t, 404)
		w.patch(u, 0, data).want(t, 404)
		w.do("DELETE", u, nil).want(t, 404)
	}
	// Another sender's upload is not there.
	w.head(url, "X-Owner", "boris").want(t, 404)
	w.patch(url, 0, data, "X-Owner", "boris").want(t, 404)
	w.do("DELETE", url, nil, "X-Owner", "boris").want(t, 404)
	w.do("POST", url, nil).want(t, 405)
	w.head(url).want(t, 200, "Upload-Offset", "0")
	w.wantCounts(0, 0)
}

func TestMethodOverride(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(1000, 6)
	url := w.create(data)
	w.do("POST", url, bytes.NewReader(data[:400]), "X-HTTP-Method-Override", "PATCH", "Upload-Offset", "0", "Content-Type", chunkType).want(t, 204, "Upload-Offset", "400")
	w.do("POST", url, nil, "X-HTTP-Method-Override", "HEAD").want(t, 200, "Upload-Offset", "400")
	w.do("POST", url, nil, "X-HTTP-Method-Override", "DELETE").want(t, 204)
	w.head(url).want(t, 410)
}

func TestChecksum(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(100_000, 7)
	url := w.create(data)
	bad := bytes.Clone(data[:50_000])
	bad[49_999] ^= 1
	a := w.patch(url, 0, bad, "Upload-Checksum", checksumOf(data[:50_000])).want(t, 460, "Upload-Offset", "0")
	if a.err.Code != wire.CodeBadRequest {
		t.Fatalf("%+v", a.err)
	}
	w.head(url).want(t, 200, "Upload-Offset", "0")
	w.patch(url, 0, data[:50_000], "Upload-Checksum", strings.Replace(checksumOf(data[:50_000]), "sha-256", "sha256", 1)).want(t, 204)
	// A chunk that breaks off cannot be checked, so nothing of it is kept.
	c := w.dial()
	path := url[len("http://")+len(w.addr):]
	_, err := io.WriteString(c, "PATCH "+path+" HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nX-Owner: anna\r\nContent-Type: "+chunkType+
		"\r\nUpload-Offset: 50000\r\nContent-Length: 50000\r\nUpload-Checksum: "+checksumOf(data[50_000:])+"\r\n\r\n"+string(data[50_000:90_000]))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 400 || res.Header.Get("Upload-Offset") != "50000" {
		t.Fatalf("%+v, %v", res, err)
	}
	w.patch(url, 50_000, data[50_000:]).want(t, 204)
	w.wantHeld(data)
}

func TestWrongDigest(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(100_000, 8)
	bad := bytes.Clone(data)
	bad[7] ^= 1
	url := w.create(data)
	for i := range 3 {
		offset, chunk := 0, bad
		if i > 0 {
			offset, chunk = len(bad), nil
		}
		a := w.patch(url, offset, chunk).want(t, 422)
		want := wire.ErrorBody{Code: wire.CodeDigest, Message: a.err.Message, Wanted: blobtest.DigestOf(data).String(), Got: blobtest.DigestOf(bad).String()}
		if a.err != want || a.err.Message == "" {
			t.Fatalf("%+v", a.err)
		}
		w.head(url).want(t, 422)
	}
	w.wantCounts(0, 1)
	if want := blobtest.DigestOf(data).String() + " " + blobtest.DigestOf(bad).String() + " image/jpeg anna"; w.ledger.quarantined[0] != want {
		t.Fatalf("recorded as %q", w.ledger.quarantined[0])
	}
	w.do("DELETE", url, nil).want(t, 409)
	w.patch(w.create(data), 0, data).want(t, 204)
	w.wantHeld(data)
}

func TestTermination(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(1000, 9)
	url := w.create(data)
	w.patch(url, 0, data[:10]).want(t, 204)
	w.do("DELETE", url, nil).want(t, 204)
	w.head(url).want(t, 410)
	w.patch(url, 10, data[10:]).want(t, 410)
	w.do("DELETE", url, nil).want(t, 410)
	n := 0
	if err := w.store.Uploads(context.Background(), func(u blob.Upload) error {
		n++
		if u.State != blob.Abandoned || u.Offset != 10 {
			t.Errorf("%+v", u)
		}
		return nil
	}); err != nil || n != 1 {
		t.Fatalf("%d uploads are kept, %v", n, err)
	}
	url = w.create(data)
	w.patch(url, 0, data).want(t, 204)
	w.do("DELETE", url, nil).want(t, 409)
	w.wantHeld(data)
}

func TestConnectionLost(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(2_000_000, 10)
	url := w.create(data)
	c := w.dial()
	rawPatch(t, c, url, 0, len(data), data[:1_234_567])
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	var at int
	until(t, "the bytes that came are acknowledged", func() bool {
		at, _ = strconv.Atoi(w.head(url).header.Get("Upload-Offset"))
		return at == 1_234_567
	})
	w.patch(url, at, data[at:]).want(t, 204)
	w.wantHeld(data)
}

// A phone that changed networks leaves a dead connection behind; its next request
// must not wait until that one times out, and nothing that came over it is lost.
func TestStalledTransferGivesWay(t *testing.T) {
	w := newPatientWorld(t, time.Hour, nil)
	w.svc.grace = 50 * time.Millisecond
	data := blobtest.Bytes(100_000, 11)
	url := w.create(data)
	rawPatch(t, w.dial(), url, 0, len(data), data[:60_000])
	until(t, "the transfer is under way", func() bool {
		w.svc.mu.Lock()
		defer w.svc.mu.Unlock()
		for _, tr := range w.svc.transfers {
			return tr.body != nil
		}
		return false
	})
	until(t, "it gives way", func() bool {
		at, err := strconv.Atoi(w.head(url).header.Get("Upload-Offset"))
		return err == nil && at == 60_000
	})
	w.patch(url, 60_000, data[60_000:]).want(t, 204)
	w.wantHeld(data)
}

// While a transfer flows, another PATCH is refused and does not disturb it.
func TestParallelPatches(t *testing.T) {
	w := newWorld(t, nil)
	w.svc.wait = 20 * time.Millisecond
	data := blobtest.Bytes(100_000, 12)
	url := w.create(data)
	c := w.dial()
	rawPatch(t, c, url, 0, len(data), data[:50_000])
	until(t, "the transfer is under way", func() bool { w.svc.mu.Lock(); defer w.svc.mu.Unlock(); return len(w.svc.transfers) == 1 })
	w.patch(url, 0, data).want(t, 409)
	if _, err := c.Write(data[50_000:]); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 204 {
		t.Fatalf("%+v, %v", res, err)
	}
	w.wantHeld(data)
}

func TestTwentyAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(200_000, 13)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			a := w.do("POST", w.url, bytes.NewReader(data), "Upload-Length", "200000", "Upload-Metadata", metadataOf(data), "Content-Type", chunkType)
			if a.status != 201 || a.header.Get("Upload-Offset") != "200000" {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	wg.Wait()
	w.wantHeld(data)
	w.wantCounts(20, 0)
}

// What a refused request leaves unread of its body is not taken for a request.
func TestNoSmuggling(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(1000, 14)
	url := w.create(data)
	path := url[len("http://")+len(w.addr):]
	smuggled := "DELETE " + path + " HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nX-Owner: anna\r\n\r\n"
	for name, length := range map[string]string{
		"declared": "Content-Length: " + strconv.Itoa(9000+len(smuggled)) + "\r\n\r\n",
		"chunked":  "Transfer-Encoding: chunked\r\n\r\n3E8\r\n" + string(data) + "\r\n3\r\nabc\r\n",
	} {
		c := w.dial()
		text := "PATCH " + path + " HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nX-Owner: boris\r\nContent-Type: " + chunkType + "\r\nUpload-Offset: 0\r\n" + length
		if name == "declared" {
			text += strings.Repeat("x", 9000)
		}
		if _, err := io.WriteString(c, text+smuggled); err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(c)
		if err != nil || strings.Count(string(all), "HTTP/1.1 ") != 1 || !strings.HasPrefix(string(all), "HTTP/1.1 404") {
			t.Fatalf("%s: %v %s", name, err, all)
		}
	}
	w.head(url).want(t, 200, "Upload-Offset", "0")
}

// An early refusal reaches a client that is still sending.
func TestEarlyAnswerIsRead(t *testing.T) {
	w := newWorld(t, nil)
	url := w.create(blobtest.Bytes(1000, 15))
	for range 20 {
		w.patch(url, 0, blobtest.Bytes(3_000_000, 16)).want(t, 413)
	}
}

func TestChunkedBody(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(200_000, 17)
	url := w.create(data)
	unsized := func(b []byte) io.Reader { return io.MultiReader(bytes.NewReader(b)) }
	w.do("PATCH", url, unsized(data[:100_000]), "Upload-Offset", "0", "Content-Type", chunkType).want(t, 204, "Upload-Offset", "100000")
	w.do("PATCH", url, unsized(append(bytes.Clone(data[100_000:]), 'x')), "Upload-Offset", "100000", "Content-Type", chunkType).want(t, 413, "Upload-Offset", "200000")
	w.patch(url, 200_000, nil).want(t, 204)
	w.wantHeld(data)
	w.wantCounts(1, 0)
}

// The ledger fails: no client is told that the file is there, and every way of
// asking again records it, once it can.
func TestLedgerFails(t *testing.T) {
	down := errors.New("ledger database is locked: secret detail")
	for name, retry := range map[string]func(w *world, url string, data []byte) answer{
		"PATCH": func(w *world, url string, data []byte) answer { return w.patch(url, len(data), nil) },
		"HEAD":  func(w *world, url string, _ []byte) answer { return w.head(url) },
		"POST": func(w *world, _ string, data []byte) answer {
			return w.do("POST", w.url, nil, "Upload-Length", strconv.Itoa(len(data)), "Upload-Metadata", metadataOf(data))
		},
	} {
		for _, spoil := range []bool{false, true} {
			if spoil && name == "POST" {
				continue // a new upload, not a repetition
			}
			w := newWorld(t, nil)
			data := blobtest.Bytes(100_000, 18)
			sent := bytes.Clone(data)
			if spoil {
				sent[0]++
			}
			url := w.create(data)
			w.ledger.setFail(down)
			a := w.patch(url, 0, sent).want(t, 503)
			if a.err.Code != wire.CodeUnavailable || strings.Contains(string(a.body), "secret") {
				t.Fatalf("%s", a.body)
			}
			if err := <-w.failed; !errors.Is(err, down) {
				t.Fatalf("Failed was told %v", err)
			}
			retry(w, url, data).want(t, 503)
			w.wantCounts(0, 0)
			w.ledger.setFail(nil)
			if a := retry(w, url, data); !spoil && a.status >= 300 || spoil && a.status != 422 {
				t.Fatalf("%s: %d %s", name, a.status, a.body)
			}
			if spoil {
				w.wantCounts(0, 1)
			} else {
				w.wantCounts(1, 0)
				w.wantHeld(data)
			}
		}
	}
}

// The process ends in each of the windows between the bytes and the ledger; the
// sweep of the next start closes it, once.
func TestSweep(t *testing.T) {
	ctx := context.Background()
	for name, test := range map[string]struct {
		spoil                bool
		finish               bool
		arrived, quarantined int
	}{
		"before Finish":             {false, false, 1, 0},
		"after Finish":              {false, true, 1, 0},
		"before Finish, other file": {true, false, 0, 1},
		"after Finish, other file":  {true, true, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			data := blobtest.Bytes(1000, 19)
			sent := bytes.Clone(data)
			if test.spoil {
				sent[0]++
			}
			open := w.create(blobtest.Bytes(10, 20))
			url := w.create(data)
			id, err := blob.ParseUploadID(url[len(url)-32:])
			if err != nil {
				t.Fatal(err)
			}
			if _, err = w.store.Append(ctx, id, 0, bytes.NewReader(sent), nil); err != nil {
				t.Fatal(err)
			}
			var wrong *blob.MismatchError
			if test.finish {
				if _, err = w.store.Finish(ctx, id); err != nil && !errors.As(err, &wrong) {
					t.Fatal(err)
				}
			}
			w.ledger.setFail(errors.New("not up yet"))
			if _, err := Sweep(ctx, w.cfg); err == nil || !strings.Contains(err.Error(), "not up yet") {
				t.Fatalf("got %v", err)
			}
			w.ledger.setFail(nil)
			for range 2 {
				done, err := Sweep(ctx, w.cfg)
				if err != nil || done.Open != 1 {
					t.Fatalf("%+v, %v", done, err)
				}
				w.wantCounts(test.arrived, test.quarantined)
			}
			status := map[bool]int{false: 200, true: 422}[test.spoil]
			w.head(url).want(t, status)
			w.head(open).want(t, 200, "Upload-Offset", "0")
			w.wantCounts(test.arrived, test.quarantined)
		})
	}
}

func TestRegisterNeedsItsParts(t *testing.T) {
	err := Register(nil, Config{})
	for _, part := range []string{"Store", "Authorize", "OnArrived", "OnQuarantined"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
}
