package upload

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"fieldseal/sync/blob"
	"fieldseal/sync/blob/blobtest"
	"fieldseal/sync/thumbnail"
)

func (w *world) put(b []byte) string {
	w.t.Helper()
	d, _, err := w.store.Put(context.Background(), bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	return "http://" + w.addr + "/v1/media/" + d.String()
}

func TestDownload(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.MediaType = func(_ context.Context, d blob.Digest) (string, error) { return "image/jpeg", nil }
	})
	data := blobtest.Bytes(1_000_003, 30)
	url := w.put(data)
	etag := `"` + blobtest.DigestOf(data).String() + `"`
	common := []string{"Etag", etag, "Accept-Ranges", "bytes", "X-Content-Type-Options", "nosniff", "Content-Security-Policy", "default-src 'none'; sandbox",
		"Cache-Control", "private, no-cache"}
	full := append([]string{"Content-Type", "image/jpeg", "Content-Disposition", `attachment; filename="` + blobtest.DigestOf(data).String() + `.jpg"`}, common...)
	for name, test := range map[string]struct {
		headers  []string
		status   int
		from, to int
		ranged   string
	}{
		"whole":              {nil, 200, 0, 1_000_003, ""},
		"first byte":         {[]string{"Range", "bytes=0-0"}, 206, 0, 1, "bytes 0-0/1000003"},
		"middle":             {[]string{"Range", "bytes=500000-899999"}, 206, 500_000, 900_000, "bytes 500000-899999/1000003"},
		"rest":               {[]string{"Range", "bytes=1000000-"}, 206, 1_000_000, 1_000_003, "bytes 1000000-1000002/1000003"},
		"last":               {[]string{"Range", "bytes=-3"}, 206, 1_000_000, 1_000_003, "bytes 1000000-1000002/1000003"},
		"same as before":     {[]string{"Range", "bytes=0-9", "If-Range", etag}, 206, 0, 10, "bytes 0-9/1000003"},
		"other than before":  {[]string{"Range", "bytes=0-9", "If-Range", `"x"`}, 200, 0, 1_000_003, ""},
		"several":            {[]string{"Range", "bytes=0-1,5-6"}, 200, 0, 1_000_003, ""},
		"other not matching": {[]string{"If-None-Match", `"x", W/"y"`}, 200, 0, 1_000_003, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.do("GET", url, nil, test.headers...).want(t, test.status, append(full, "Content-Range", test.ranged)...)
			if !bytes.Equal(a.body, data[test.from:test.to]) {
				t.Fatalf("%d other bytes", len(a.body))
			}
		})
		h := w.do("HEAD", url, nil, test.headers...).want(t, test.status, full...)
		if h.header.Get("Content-Length") != "" && len(h.body) != 0 {
			t.Fatalf("HEAD has a body of %d bytes", len(h.body))
		}
	}
	w.do("GET", url, nil, "If-None-Match", `"x", `+etag).want(t, 304, common...)
	w.do("GET", url, nil, "If-None-Match", "*").want(t, 304)
	w.do("GET", url, nil, "Range", "bytes=1000003-").want(t, 416, "Content-Range", "bytes */1000003")
	w.do("GET", url, nil, "X-Owner", "").want(t, 403)
	w.do("GET", url[:len(url)-64]+"ABC", nil).want(t, 400)
	w.do("GET", w.put(nil), nil).want(t, 200, "Content-Length", "0")
	missing := blobtest.DigestOf([]byte("missing")).String()
	w.do("GET", url[:len(url)-64]+missing, nil).want(t, 404)
}

func TestDownloadWithoutType(t *testing.T) {
	w := newWorld(t, nil)
	w.do("GET", w.put([]byte("<script>")), nil).want(t, 200, "Content-Type", "application/octet-stream")
}

func TestThumbnailRoute(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		m, err := thumbnail.Open(thumbnail.Config{Content: c.Store, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Close)
		c.Thumbnails = m
	})
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, image.NewGray(image.Rect(0, 0, 1000, 500)), nil); err != nil {
		t.Fatal(err)
	}
	picture, text := w.put(buf.Bytes())+"/thumbnail", w.put([]byte("text"))+"/thumbnail"
	var a answer
	await := func(url string) answer {
		until(t, "the thumbnail", func() bool { a = w.do("GET", url, nil); return a.status != http.StatusAccepted })
		return a
	}
	await(picture).want(t, 200, "Content-Type", "image/jpeg", "X-Content-Type-Options", "nosniff")
	img, err := jpeg.Decode(bytes.NewReader(a.body))
	if err != nil || img.Bounds().Dx() != thumbnail.MaxSide {
		t.Fatalf("%v", err)
	}
	w.do("GET", picture, nil, "If-None-Match", a.header.Get("Etag")).want(t, 304)
	await(text).want(t, 415)
	w.do("GET", picture, nil, "X-Owner", "").want(t, 403)
	w.do("GET", "http://"+w.addr+"/v1/media/"+blobtest.DigestOf([]byte("missing")).String()+"/thumbnail", nil).want(t, 404)
}

// TestRealPhotos sends real photos in small chunks, gets them back and looks at
// their thumbnails.
func TestRealPhotos(t *testing.T) {
	names, err := filepath.Glob("../../../shared/data/photos/*.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Skip("no real photos in ../shared/data/photos; generated files are tested all the same")
	}
	w := newWorld(t, nil)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		url := w.create(data)
		for at := 0; at < len(data); at += 100_000 {
			chunk := data[at:min(at+100_000, len(data))]
			w.patch(url, at, chunk, "Upload-Checksum", checksumOf(chunk)).want(t, 204)
		}
		a := w.do("GET", "http://"+w.addr+"/v1/media/"+blobtest.DigestOf(data).String(), nil).want(t, 200)
		if !bytes.Equal(a.body, data) {
			t.Fatalf("%s comes back changed", filepath.Base(name))
		}
	}
	w.wantCounts(len(names), 0)
}
