package blob

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failOnce lets the first operation of that kind on a name with that ending fail
// without effect.
func (s *simFS) failOnce(op, ending string) {
	s.fault = func(o, name string) (error, bool) {
		if o == op && strings.HasSuffix(name, ending) {
			s.fault = nil
			return syscall.EIO, false
		}
		return nil, false
	}
}

// A slot that one process wrote and could not flush is seen by another, which
// knows an older one to be durable. It must not take the new one's word.
func TestSlotOfAnotherProcess(t *testing.T) {
	s := newSimFS()
	a, b := openSim(t, s), openSim(t, s)
	c := newClaim(photo(2000, 1), false)
	must(t, c.create(a))
	s.failOnce("sync", recordName)
	if err := c.send(b, 1000, false, nil); !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v", err)
	}
	up, err := a.Upload(bg, c.id)
	must(t, err)
	c.acked = up.Offset
	check(t, s.powerCut(nil), "after the other process told the offset", c)
}

// Content whose directory could not be flushed is visible; to answer that it is
// held, it must be made durable first.
func TestHeldIsDurable(t *testing.T) {
	s := newSimFS()
	f := openSim(t, s)
	c, twin := newClaim(photo(100, 1), false), newClaim(photo(100, 1), false)
	must(t, c.create(f))
	must(t, c.send(f, 100, false, nil))
	s.failOnce("syncdir", c.wanted.String()[:2])
	if err := c.finish(f); !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v", err)
	}
	must(t, twin.create(f))
	if twin.state != Arrived {
		t.Fatal("the content is not said to be held")
	}
	must(t, openSim(t, s.powerCut(nil)).Verify(bg, c.wanted))
}

func TestPutIsDurable(t *testing.T) {
	s := newSimFS()
	d, _, err := openSim(t, s).Put(bg, bytes.NewReader(photo(3000, 1)))
	must(t, err)
	must(t, openSim(t, s.powerCut(nil)).Verify(bg, d))
}

// Every operation of Put fails in turn; what it then leaves is nothing.
func TestPutFails(t *testing.T) {
	for k := 0; ; k++ {
		s := newSimFS()
		f := openSim(t, s)
		left := k
		s.fault = func(string, string) (error, bool) { left--; return faultAt(left) }
		d, _, err := f.Put(bg, bytes.NewReader(photo(3000, 1)))
		s.fault = nil
		if err == nil {
			if k < 5 {
				t.Fatalf("Put takes only %d operations", k)
			}
			return
		}
		held, herr := f.Has(bg, d)
		must(t, herr)
		if left := s.find("/d/store/tmp").entries; held || len(left) > 0 {
			t.Fatalf("operation %d failed: held %v, %d files left in tmp", k, held, len(left))
		}
	}
}

// While a long Append runs, checkpoints make its bytes durable; inside a chunk
// with a checksum there are none.
func TestCheckpoints(t *testing.T) {
	for _, checked := range []bool{false, true} {
		s := newSimFS()
		f := openSim(t, s)
		f.checkpoint = 1
		c := newClaim(photo(5000, 1), false)
		must(t, c.create(f))
		var seen int64
		asking := funcReader(func([]byte) (int, error) {
			// The writer is behind the reader; wait until the first half is told.
			for seen < 2500 && !checked {
				up, err := f.Upload(bg, c.id)
				must(t, err)
				seen = up.Offset
			}
			c.acked = seen
			check(t, s.powerCut(nil), "in the middle of an Append", c)
			return 0, io.EOF
		})
		var sum *Digest
		if checked {
			sum = &Digest{1}
		}
		_, err := f.Append(bg, c.id, 0, io.MultiReader(bytes.NewReader(c.sent[:2500]), asking), sum)
		var wrong *ChecksumError
		if checked != errors.As(err, &wrong) || !checked && err != nil {
			t.Fatalf("checked %v: %v", checked, err)
		}
		up, err := f.Upload(bg, c.id)
		must(t, err)
		if want := map[bool]int64{false: 2500, true: 0}[checked]; up.Offset != want {
			t.Fatalf("checked %v: offset %d, want %d", checked, up.Offset, want)
		}
	}
}

type funcReader func([]byte) (int, error)

func (f funcReader) Read(p []byte) (int, error) { return f(p) }

// The flush of an Append hangs; meanwhile its offset is told as it was.
func TestOffsetBeforeFlush(t *testing.T) {
	s := newSimFS()
	f := openSim(t, s)
	c := newClaim(photo(5000, 1), false)
	must(t, c.create(f))
	reached, goOn := make(chan struct{}), make(chan struct{})
	hung := false
	s.fault = func(op, name string) (error, bool) {
		if op == "sync" && strings.HasSuffix(name, recordName) && !hung {
			hung = true
			s.mu.Unlock()
			close(reached)
			<-goOn
			s.mu.Lock()
		}
		return nil, false
	}
	done := make(chan error, 1)
	go func() { _, err := f.Append(bg, c.id, 0, bytes.NewReader(c.sent), nil); done <- err }()
	<-reached
	up, err := f.Upload(bg, c.id)
	must(t, err)
	if up.Offset != 0 {
		t.Fatalf("offset %d is told before it is durable", up.Offset)
	}
	close(goOn)
	must(t, <-done)
}

// What a failed chunk wrote is cut off when the upload is next touched.
func TestUnacknowledgedIsCut(t *testing.T) {
	f, err := OpenFiles(FilesConfig{Dir: t.TempDir()})
	must(t, err)
	data := photo(5000, 1)
	up, err := f.Create(bg, Promise{Wanted: sha256.Sum256(data), Length: 5000})
	must(t, err)
	_, err = f.Append(bg, up.ID, 0, bytes.NewReader(data[:4000]), nil)
	must(t, err)
	_, err = f.Append(bg, up.ID, 4000, bytes.NewReader(data[4000:4500]), &Digest{1})
	var wrong *ChecksumError
	if !errors.As(err, &wrong) {
		t.Fatal(err)
	}
	_, err = f.Append(bg, up.ID, 4000, strings.NewReader(""), nil)
	must(t, err)
	info, err := os.Stat(f.path(stagingDir, up.ID.String(), dataName))
	must(t, err)
	if info.Size() != 4000 {
		t.Fatalf("the data has %d bytes, 4000 are acknowledged", info.Size())
	}
}

// damage opens an upload with 4000 of 5000 bytes sent, lets spoil change its
// files, and opens the store anew.
func damage(t *testing.T, spoil func(dir string)) (*Files, UploadID, []byte) {
	t.Helper()
	root := t.TempDir()
	f, err := OpenFiles(FilesConfig{Dir: root})
	must(t, err)
	data := photo(5000, 7)
	up, err := f.Create(bg, Promise{Wanted: sha256.Sum256(data), Length: 5000})
	must(t, err)
	_, err = f.Append(bg, up.ID, 0, bytes.NewReader(data[:3000]), nil)
	must(t, err)
	_, err = f.Append(bg, up.ID, 3000, bytes.NewReader(data[3000:4000]), nil)
	must(t, err)
	spoil(f.path(stagingDir, up.ID.String()))
	f, err = OpenFiles(FilesConfig{Dir: root})
	must(t, err)
	return f, up.ID, data
}

func edit(t *testing.T, name string, change func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	must(t, os.WriteFile(name, change(b), 0o640))
}

// Damage that can be made good: the upload goes on and ends with the right bytes.
func TestDamageMadeGood(t *testing.T) {
	blank := func(i int) func([]byte) []byte {
		return func(b []byte) []byte { clear(b[i*slotStride : i*slotStride+slotSize]); return b }
	}
	state := func(b []byte) []byte {
		for i := range 2 {
			s, ok := decodeSlot(b[i*slotStride : i*slotStride+slotSize])
			if !ok {
				t.Fatal("no slot")
			}
			s.state = []byte("a state of another version of the library")
			copy(b[i*slotStride:], encodeSlot(s))
		}
		return b
	}
	for name, test := range map[string]struct {
		offset int64
		file   string
		change func([]byte) []byte
	}{
		// Create wrote slot 1, the first Append slot 0, the second slot 1.
		"older slot lost":    {4000, recordName, blank(0)},
		"newer slot lost":    {3000, recordName, blank(1)},
		"both slots lost":    {4000, recordName, func(b []byte) []byte { return blank(0)(blank(1)(b)) }},
		"hash state unknown": {4000, recordName, state},
		"data too long":      {4000, dataName, func(b []byte) []byte { return append(b, "never acknowledged"...) }},
	} {
		t.Run(name, func(t *testing.T) {
			f, id, data := damage(t, func(dir string) { edit(t, filepath.Join(dir, test.file), test.change) })
			up, err := f.Upload(bg, id)
			must(t, err)
			if up.Offset != test.offset {
				t.Fatalf("offset %d, want %d", up.Offset, test.offset)
			}
			_, err = f.Append(bg, id, up.Offset, bytes.NewReader(data[up.Offset:]), nil)
			must(t, err)
			_, err = f.Finish(bg, id)
			must(t, err)
			must(t, f.Verify(bg, sha256.Sum256(data)))
		})
	}
}

// Damage that cannot: it is named, nothing is deleted, and others go on.
func TestDamageNamed(t *testing.T) {
	for name, spoil := range map[string]func(dir string){
		"data cut":    func(dir string) { must(t, os.Truncate(filepath.Join(dir, dataName), 3999)) },
		"data gone":   func(dir string) { must(t, os.Remove(filepath.Join(dir, dataName))) },
		"record gone": func(dir string) { must(t, os.Remove(filepath.Join(dir, recordName))) },
		"record cut":  func(dir string) { must(t, os.Truncate(filepath.Join(dir, recordName), 8200)) },
		"record longer": func(dir string) {
			edit(t, filepath.Join(dir, recordName), func(b []byte) []byte { return append(b, 0) })
		},
		"header flipped": func(dir string) {
			edit(t, filepath.Join(dir, recordName), func(b []byte) []byte { b[len(b)-3] ^= 1; return b })
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, id, _ := damage(t, spoil)
			other, err := f.Create(bg, Promise{Wanted: Digest{1}, Length: 1})
			must(t, err)
			var e *DamagedError
			if _, err := f.Upload(bg, id); !errors.As(err, &e) || e.ID != id {
				t.Fatalf("Upload: %v", err)
			}
			if _, err := f.Append(bg, id, 4000, strings.NewReader("x"), nil); !errors.As(err, &e) {
				t.Fatalf("Append: %v", err)
			}
			if _, err := f.Finish(bg, id); !errors.As(err, &e) {
				t.Fatalf("Finish: %v", err)
			}
			var listed []UploadID
			err = f.Uploads(bg, func(u Upload) error { listed = append(listed, u.ID); return nil })
			if !errors.As(err, &e) || !slices.Equal(listed, []UploadID{other.ID}) {
				t.Fatalf("Uploads: %v, %v", listed, err)
			}
			if _, err := os.Stat(f.path(stagingDir, id.String())); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Bytes go past the page cache in whole blocks, from any offset; a file system
// that cannot do it is noticed at the first write, and nothing is lost.
func TestDirectWrites(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		s := newSimFS()
		f := openSim(t, s)
		c := newClaim(photo(200_000, 1), false)
		must(t, c.create(f))
		must(t, c.send(f, 700, false, nil))
		direct := 0
		s.onDirect = func() error {
			if direct++; refuse {
				return syscall.EINVAL
			}
			return nil
		}
		must(t, c.send(f, 100_000, false, nil))
		must(t, c.send(f, 200_000, false, nil))
		if refuse && direct != 2 || !refuse && direct < 2 {
			t.Fatalf("refused %v: %d direct writes", refuse, direct)
		}
		must(t, c.finish(f))
		check(t, s.powerCut(nil), "after direct writes", c)
	}
	for range 100 {
		if b := alignedBuffer(5000); len(b) != 5000 || cap(b) != 5000 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%directAlign != 0 {
			t.Fatalf("buffer of %d at %p", len(b), b)
		}
	}
}
