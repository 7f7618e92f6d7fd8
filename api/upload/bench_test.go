package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fieldseal/sync/blob"
)

// stream yields n bytes that differ by seed, without holding them.
type stream struct {
	block []byte
	n, at int64
}

func newStream(n int64, seed byte) *stream {
	b := make([]byte, 1<<20)
	x := uint32(seed)*2654435761 + 1
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return &stream{block: b, n: n}
}

func (s *stream) Read(p []byte) (int, error) {
	if s.at == s.n {
		return 0, io.EOF
	}
	from := s.at % int64(len(s.block))
	n := copy(p[:min(int64(len(p)), s.n-s.at)], s.block[from:])
	s.at += int64(n)
	return n, nil
}

func (s *stream) digest() blob.Digest {
	h := sha256.New()
	_, _ = io.Copy(h, s) // a stream does not fail, nor does a hash
	s.at = 0
	return blob.Digest(h.Sum(nil))
}

// send uploads a stream in one PATCH, as a client with a good line does.
func send(w *world, s *stream, d blob.Digest) error {
	do := func(method, url string, body io.Reader, length int64, headers map[string]string) (*http.Response, error) {
		req, err := http.NewRequest(method, url, body)
		if err != nil {
			return nil, err
		}
		req.ContentLength = length
		req.Header.Set("Tus-Resumable", "1.0.0")
		req.Header.Set("X-Owner", "anna")
		for k, v := range headers {
			req.Header.Set(k, v)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		return res, err
	}
	res, err := do("POST", w.url, nil, 0, map[string]string{"Upload-Length": strconv.FormatInt(s.n, 10),
		"Upload-Metadata": "sha256 " + base64.StdEncoding.EncodeToString([]byte(d.String()))})
	if err == nil {
		res, err = do("PATCH", "http://"+w.addr+res.Header.Get("Location"), s, s.n, map[string]string{"Upload-Offset": "0", "Content-Type": chunkType})
	}
	if err == nil && res.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("status %d", res.StatusCode)
	}
	return err
}

// watchHeap samples the heap until stop is called, which returns its peak above
// the start, in bytes.
func watchHeap() (stop func() uint64) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	start, quit, done := m.HeapInuse, make(chan struct{}), make(chan uint64)
	go func() {
		peak := start
		for {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse)
			select {
			case <-quit:
				done <- peak - start
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(quit); return <-done }
}

// TestMemoryIsFlat: memory does not grow with the size of uploads. Client and
// server are in one process, so the figure holds both.
func TestMemoryIsFlat(t *testing.T) {
	w := newWorld(t, nil)
	const size, parallel, limit = 96 << 20, 4, 32 << 20
	streams := make([]*stream, parallel)
	digests := make([]blob.Digest, parallel)
	for i := range streams {
		streams[i] = newStream(size, byte(i))
		digests[i] = streams[i].digest()
	}
	stop := watchHeap()
	var wg sync.WaitGroup
	for i, s := range streams {
		wg.Go(func() {
			if err := send(w, s, digests[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	peak := stop()
	t.Logf("%d uploads of %d MiB at a time: heap grew by %d KiB at most", parallel, size>>20, peak>>10)
	if peak > limit {
		t.Fatalf("the heap grew by %d MiB, more than %d", peak>>20, limit>>20)
	}
	w.wantCounts(parallel, 0)
}

// BenchmarkUpload is POST and PATCH over loopback HTTP, client included, digest
// checked, data and records flushed to disk before each answer.
func BenchmarkUpload(b *testing.B) {
	for _, size := range []int64{3 << 20, 200 << 20} {
		for _, parallel := range []int{1, 4} {
			b.Run(fmt.Sprintf("%dMiB,%d at a time", size>>20, parallel), func(b *testing.B) {
				w := newWorld(b, nil)
				var jobs, made atomic.Int64
				streams := make([]*stream, b.N)
				digests := make([]blob.Digest, b.N)
				for i := range streams {
					streams[i] = newStream(size, 0)
					copy(streams[i].block, strconv.Itoa(i))
					digests[i] = streams[i].digest()
				}
				b.SetBytes(size)
				stop := watchHeap()
				b.ResetTimer()
				var wg sync.WaitGroup
				for range parallel {
					wg.Go(func() {
						for i := jobs.Add(1) - 1; i < int64(b.N); i = jobs.Add(1) - 1 {
							if err := send(w, streams[i], digests[i]); err != nil {
								b.Error(err)
								return
							}
							made.Add(1)
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				b.ReportMetric(float64(stop())/(1<<20), "peak-MiB")
				if made.Load() != int64(b.N) {
					b.Fatalf("%d of %d were sent", made.Load(), b.N)
				}
			})
		}
	}
}

// BenchmarkRawDisk is what the disk alone takes: files of 3 MiB written in one
// piece and flushed, one and four at a time.
func BenchmarkRawDisk(b *testing.B) {
	for _, parallel := range []int{1, 4} {
		b.Run(fmt.Sprintf("3MiB,%d at a time", parallel), func(b *testing.B) {
			dir, block := b.TempDir(), bytes.Repeat(newStream(0, 1).block, 3)
			var jobs atomic.Int64
			b.SetBytes(int64(len(block)))
			b.ResetTimer()
			var wg sync.WaitGroup
			for range parallel {
				wg.Go(func() {
					for i := jobs.Add(1); i <= int64(b.N); i = jobs.Add(1) {
						f, err := os.Create(filepath.Join(dir, strconv.FormatInt(i, 10)))
						if err == nil {
							_, err = f.Write(block)
						}
						if err == nil {
							err = f.Sync()
						}
						if err == nil {
							err = f.Close()
						}
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

func BenchmarkDownload(b *testing.B) {
	w := newWorld(b, nil)
	data := bytes.Repeat(newStream(0, 1).block, 64)
	d, _, err := w.store.Put(context.Background(), bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		req, err := http.NewRequest("GET", "http://"+w.addr+"/v1/media/"+d.String(), nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("X-Owner", "anna")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, res.Body); err != nil || n != int64(len(data)) {
			b.Fatal(n, err)
		}
	}
}
