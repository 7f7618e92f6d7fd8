package device

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
)

// attach keeps data and captures an event that names it.
func attach(t *testing.T, s *Store, k event.UUID, data []byte, name string) event.Media {
	t.Helper()
	m, err := s.AddMedia(t.Context(), bytes.NewReader(data), name, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.FileAttached{Media: m, Kind: "other", Title: name}}); err != nil {
		t.Fatal(err)
	}
	return m
}

// random-looking bytes of any length, the same each time.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

func fileOf(t *testing.T, s *Store, d event.Digest) MediaFile {
	t.Helper()
	list, err := s.Media(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if m.SHA256 == d {
			return m
		}
	}
	t.Fatalf("no file %s", d)
	return MediaFile{}
}

func TestAddMedia(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	data := noise(100_000)
	path := filepath.Join(t.TempDir(), "IMG.JPG")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := s.AddMediaFile(t.Context(), path)
	if err != nil || m.Type != "image/jpeg" || m.Size != 100_000 || m.Name != "IMG.JPG" {
		t.Fatalf("%+v, %v", m, err)
	}
	again, err := s.AddMedia(t.Context(), bytes.NewReader(data), "other.bin", "")
	if err != nil || again.SHA256 != m.SHA256 {
		t.Errorf("%+v, %v", again, err)
	}
	if list, _ := s.Media(t.Context()); len(list) != 1 {
		t.Errorf("%d files", len(list))
	}
	file, _, err := s.OpenMedia(t.Context(), m.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if got, err := io.ReadAll(file); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the bytes changed, %v", err)
	}
	// A file that no event names is not sent.
	f.mustSync(s)
	if len(f.media) != 0 {
		t.Error("a file that no event names was sent")
	}
	broken := io.MultiReader(strings.NewReader("half"), errReader{})
	if _, err := s.AddMedia(t.Context(), broken, "x", ""); !errors.Is(err, ErrMedia) {
		t.Errorf("a broken source: %v", err)
	}
	if left, _ := os.ReadDir(filepath.Join(s.Dir(), mediaName, "tmp")); len(left) != 0 {
		t.Errorf("%d temporary files are left", len(left))
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("the card was pulled out") }

// What a crash left in the temporary folder goes when it is a day old, not before.
func TestSweep(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	dir := filepath.Join(s.Dir(), mediaName, "tmp")
	for _, name := range []string{"in-old", "in-new"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-2 * temporaryAge)
	if err := os.Chtimes(filepath.Join(dir, "in-old"), past, past); err != nil {
		t.Fatal(err)
	}
	reopen(t, s.Dir())
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "in-new" {
		t.Errorf("left %v, %v", left, err)
	}
}

// An upload that is cut off goes on where it stopped, within a sync and in the next one.
func TestUploadResumes(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	data := noise(3*chunkBytes + 12345)
	m := attach(t, s, k, data, "video.mp4")
	patches := 0
	dead := true
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPatch {
			return false
		}
		patches++
		if patches >= 2 && dead {
			panic(http.ErrAbortHandler)
		}
		return false
	}
	r := f.mustSync(s) // data is not held up by the file
	if r.MediaSent != 0 || len(r.Notes) != 1 || states(t, s)[StateProven] == 0 {
		t.Fatalf("%+v", r)
	}
	half := fileOf(t, s, m.SHA256)
	if half.Uploaded != chunkBytes || half.State != MediaWaiting || half.LastError == "" {
		t.Errorf("half-way: %+v", half)
	}
	dead, patches = false, 0
	if r := f.mustSync(s); r.MediaSent != 1 {
		t.Errorf("%+v", r)
	}
	if patches != 3 {
		t.Errorf("%d chunks were sent in the second sync, 3 were missing", patches)
	}
	if got := f.media[m.SHA256.String()]; !bytes.Equal(got, data) {
		t.Errorf("%d bytes arrived, %d were sent", len(got), len(data))
	}
	if st := fileOf(t, s, m.SHA256); st.State != MediaSent || st.LastError != "" {
		t.Errorf("%+v", st)
	}
}

// Bytes that are at the server already are never sent again.
func TestUploadHeld(t *testing.T) {
	f := newFake(t)
	a, b := f.enrolled("a"), f.enrolled("b")
	data := noise(5000)
	attach(t, a, openCase(t, a, "1"), data, "x.bin")
	f.mustSync(a)
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			t.Error("bytes were sent again")
		}
		return false
	}
	attach(t, b, openCase(t, b, "2"), data, "y.bin")
	if r := f.mustSync(b); r.MediaSent != 1 {
		t.Errorf("%+v", r)
	}
}

// A link that changes bytes: the file is sent anew a few times, then shown to a person.
func TestUploadDigest(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	m := attach(t, s, openCase(t, s, "1"), noise(5000), "x.bin")
	broken := 2
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch && broken != 0 {
			broken--
			r.Body = io.NopCloser(bytes.NewReader(make([]byte, 5000)))
		}
		return false
	}
	if r := f.mustSync(s); r.MediaSent != 1 {
		t.Errorf("after two bad tries: %+v", r)
	}
	bad := attach(t, s, openCase(t, s, "2"), noise(6000), "y.bin")
	broken = -1
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			r.Body = io.NopCloser(bytes.NewReader(make([]byte, 6000)))
		}
		return false
	}
	r := f.mustSync(s)
	if got := fileOf(t, s, bad.SHA256); got.State != MediaRefused || len(r.Notes) != 1 {
		t.Errorf("%+v %+v", got, r)
	}
	if got := fileOf(t, s, m.SHA256); got.State != MediaSent {
		t.Errorf("%+v", got)
	}
}

// A file that changed on the disk is never sent as what it was, is shown, and can
// be brought again.
func TestDamagedFile(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	data := noise(5000)
	m := attach(t, s, openCase(t, s, "1"), data, "x.bin")
	path := fileOf(t, s, m.SHA256).Path
	changed := bytes.Clone(data)
	changed[77] ^= 1
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	r := f.mustSync(s)
	if fileOf(t, s, m.SHA256).State != MediaDamaged || len(r.Notes) != 1 || len(f.uploads) != 0 {
		t.Errorf("%+v", r)
	}
	if err := s.ExportArchive(t.Context(), io.Discard); !errors.Is(err, ErrMedia) {
		t.Errorf("an archive without a word on the damaged file: %v", err)
	}
	if _, err := s.AddMedia(t.Context(), bytes.NewReader(data), "x.bin", ""); err != nil {
		t.Fatal(err)
	}
	if r := f.mustSync(s); r.MediaSent != 1 {
		t.Errorf("%+v", r)
	}
}

func TestEmptyFile(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	m := attach(t, s, openCase(t, s, "1"), nil, "empty.txt")
	r := f.mustSync(s)
	if _, ok := f.media[m.SHA256.String()]; r.MediaSent != 1 || !ok {
		t.Errorf("%+v", r)
	}
}

// What is captured while a file is under way does not wait for it.
func TestDataDuringUpload(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	attach(t, s, k, noise(1000), "x.bin")
	captured, arrived := make(chan Saved, 1), make(chan bool)
	f.beside = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			saved, err := s.Capture(t.Context(), Draft{Case: k, Body: &event.NoteWritten{Text: "meanwhile"}})
			if err != nil {
				t.Error(err)
			}
			captured <- saved
			<-arrived // the file does not move until the note is there
		}
		return false
	}
	go func() {
		saved := <-captured
		for {
			f.mu.Lock()
			_, ok := f.index[saved.ID]
			f.mu.Unlock()
			if ok {
				close(arrived)
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if r := f.mustSync(s); r.MediaSent != 1 {
		t.Errorf("%+v", r)
	}
}
