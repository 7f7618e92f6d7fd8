package upload

import (
	"strings"
	"testing"

	"fieldseal/sync/blob"
)

func TestParseMetadata(t *testing.T) {
	d := strings.Repeat("ab", 32)
	sha := "sha256 " + b64(d)
	for header, mediaType := range map[string]string{
		sha:                                   octetStream,
		sha + ",type " + b64("image/png"):     "image/png",
		sha + ",filetype " + b64("image/png"): "image/png",
		sha + ",filetype " + b64("a/b") + ",type " + b64("c/d;q=1"):              "c/d;q=1",
		"filename " + b64("照片 1.jpg") + ", " + sha + ",flag,type ":               octetStream,
		sha + ",event " + b64("9b2f") + ",x_1.y " + b64(strings.Repeat("z", 99)): octetStream,
	} {
		m, err := parseMetadata(header)
		if err != nil || m.digest.String() != d || m.mediaType != mediaType || m.raw != header {
			t.Errorf("%q: %+v, %v", header, m, err)
		}
	}
	for _, bad := range []string{"", " ", ",", sha + ",", "," + sha, sha + "," + sha, "sha256", "sha256 ", sha + ",a b c", sha + ",ä " + b64("x"),
		"sha256 " + d, "sha256 " + b64(d[:63]), "sha256 " + b64(strings.ToUpper(d)), "sha256 " + b64(strings.Repeat("0", 64)),
		strings.Replace(sha, "=", "", 1), sha + ",type " + b64("jpeg"), sha + ",type " + b64("image/"), sha + ",type " + b64("a/b\r\nX: y"),
		sha + ",type " + b64("a/"+strings.Repeat("b", 300)), sha + ",k eA==\n", sha + ",k eB==", sha + ",k " + strings.Repeat("A", maxMetadata)} {
		if m, err := parseMetadata(bad); err == nil {
			t.Errorf("%.100q is taken as %+v", bad, m)
		} else if len(err.Error()) > 400 {
			t.Errorf("%.100q: the error has %d bytes", bad, len(err.Error()))
		}
	}
}

func TestParseChecksum(t *testing.T) {
	good := checksumOf([]byte("x"))
	if sum, err := parseChecksum(good); err != nil || sum.IsZero() {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "sha-256", "sha-256 ", "SHA-256 " + good[8:], "sha1 " + good[8:], "sha-256  " + good[8:], good + " ", good[:len(good)-1], "sha-256 " + b64("x")} {
		if _, err := parseChecksum(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestParseCount(t *testing.T) {
	for _, bad := range []string{"", "-1", "+1", "01", " 1", "1 ", "0x1", "1.0", "9223372036854775808", "1_000"} {
		if n, err := parseCount("N", bad); err == nil {
			t.Errorf("%q is taken as %d", bad, n)
		}
	}
	if n, err := parseCount("N", "9223372036854775807"); err != nil || n != 1<<63-1 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestParseRange(t *testing.T) {
	const whole, outside = -1, -2
	for header, want := range map[string][2]int64{
		"bytes=0-0": {0, 1}, "bytes=0-99": {0, 100}, "bytes=0-1000": {0, 100}, "bytes=99-": {99, 1}, "bytes=10-19": {10, 10},
		"bytes=-1": {99, 1}, "bytes=-100": {0, 100}, "bytes=-1000": {0, 100}, "bytes= 5-6": {5, 2},
		"bytes=100-": {outside}, "bytes=100-200": {outside}, "bytes=-0": {outside},
		"": {whole}, "bytes": {whole}, "bytes=": {whole}, "bytes=-": {whole}, "bytes=a-b": {whole}, "bytes=5-4": {whole}, "bytes=0-1,5-6": {whole},
		"items=0-1": {whole}, "bytes=0-1-2": {whole}, "bytes=--1": {whole}, "bytes=99999999999999999999-": {whole},
	} {
		r, isWhole, ok := parseRange(header, 100)
		got := [2]int64{r.first, r.length}
		if isWhole {
			got = [2]int64{whole}
		} else if !ok {
			got = [2]int64{outside}
		}
		if got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
	if _, _, ok := parseRange("bytes=0-", 0); ok {
		t.Error("a range of an empty file is satisfied")
	}
}

func FuzzMetadata(f *testing.F) {
	f.Add("sha256 " + b64(strings.Repeat("ab", 32)) + ",type " + b64("image/png"))
	f.Add("a,b c,, ")
	f.Fuzz(func(t *testing.T, header string) {
		m, err := parseMetadata(header)
		if err == nil && (m.digest == blob.Digest{} || strings.ContainsAny(m.mediaType, "\r\n") || m.raw != header || !strings.Contains(header, "sha256 ")) {
			t.Fatalf("%q: %+v", header, m)
		}
	})
}

func FuzzRange(f *testing.F) {
	f.Add("bytes=0-1", int64(100))
	f.Add("bytes=-5", int64(3))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		if size < 0 {
			return
		}
		r, whole, ok := parseRange(header, size)
		if !whole && ok && (r.first < 0 || r.length <= 0 || r.first+r.length > size) {
			t.Fatalf("%q of %d: %+v", header, size, r)
		}
	})
}
