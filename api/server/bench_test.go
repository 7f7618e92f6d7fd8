//go:build unix

package server_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/server"
	"fieldseal/api/server/servertest"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	benchDevices = 4
	benchBatch   = 500
)

// packed are batches of one device's chain as a device would send them.
type packed struct {
	token   string
	batches [][]byte
}

// presealed makes zstd batches of chains, about 600 bytes of payload an event.
func presealed(b *testing.B, s *servertest.Server, batches int) (all []packed, lines, wire int64) {
	b.Helper()
	text := "The drum stands upright on the north bank, its lid is closed by a ring; a label in Chinese names the producer. Smell of solvent within two metres. Photographs 3 to 7."
	all = make([]packed, benchDevices)
	var wg sync.WaitGroup
	var raw, sent atomic.Int64
	for i := range all {
		d := s.AddDevice()
		k := s.ID()
		token, err := s.Minter.Mint(access.Identity{Person: d.Person, Device: d.ID, Scope: access.ScopeFull})
		if err != nil {
			b.Fatal(err)
		}
		all[i].token = token
		wg.Go(func() {
			enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
			if err != nil {
				b.Error(err)
				return
			}
			for n := range batches {
				batch := benchLines(d, k, n, text)
				data := bytes.Join(batch, []byte{'\n'})
				z := enc.EncodeAll(data, nil)
				raw.Add(int64(len(data)))
				sent.Add(int64(len(z)))
				all[i].batches = append(all[i].batches, z)
			}
		})
	}
	wg.Wait()
	return all, raw.Load(), sent.Load()
}

func benchLines(d *ingesttest.Device, k event.UUID, n int, text string) (batch [][]byte) {
	if n == 0 {
		batch = append(batch, d.Genesis(), d.Seal(k, &event.CaseOpened{Number: d.ID.String(), Title: "bench", Authority: "x"}))
	}
	for len(batch) < benchBatch {
		if len(batch)%2 == 0 {
			batch = append(batch, d.Sample(k, fmt.Sprintf("S-%d-%d", n, len(batch))))
		} else {
			batch = append(batch, d.Note(k, text))
		}
	}
	return batch
}

// BenchmarkIngestHTTP sends pre-sealed zstd batches of 500 from four devices at
// once over loopback HTTP to the real server on a durable SQLite file; one
// operation is one event. Run it with -benchtime=40000x.
func BenchmarkIngestHTTP(b *testing.B) {
	s := servertest.Start(b)
	all, raw, wire := presealed(b, s, max(b.N/benchBatch/benchDevices, 1))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchDevices}}
	var events, back atomic.Int64
	var wg sync.WaitGroup
	runtime.GC()
	cpu := cpuTime(b)
	b.ResetTimer()
	for _, p := range all {
		wg.Go(func() {
			for _, z := range p.batches {
				n, err := sendPacked(client, s.URL, p.token, z)
				if err != nil {
					b.Error(err)
					return
				}
				back.Add(n)
				events.Add(benchBatch)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	n := float64(events.Load())
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/n, "cpu-µs/event")
	b.ReportMetric(n/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(raw)/n, "line-B/event")
	b.ReportMetric(float64(wire)/n, "sent-B/event")
	b.ReportMetric(float64(back.Load())/n, "answer-B/event")
}

// cpuTime is what this process, server and senders, has used of all processors:
// other work on the machine disturbs it less than the clock.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func sendPacked(client *http.Client, url, token string, z []byte) (int64, error) {
	r, err := http.NewRequest(http.MethodPost, url+"/v1/batches", bytes.NewReader(z))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/x-ndjson")
	r.Header.Set("Content-Encoding", "zstd")
	r.Header.Set("Accept-Encoding", "gzip")
	res, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	packed := int64(len(data))
	if err == nil && res.Header.Get("Content-Encoding") == "gzip" {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			data, err = io.ReadAll(z)
		}
	}
	if err == nil && (res.StatusCode != http.StatusOK || bytes.Count(data, []byte(`"accepted"`)) != benchBatch) {
		err = fmt.Errorf("status %d: %.300s", res.StatusCode, data)
	}
	return packed, err
}

// BenchmarkAnswer is what answering a batch of 500 costs beside the engine.
func BenchmarkAnswer(b *testing.B) {
	s := servertest.Start(b)
	d := s.AddDevice()
	receipt := s.Submit(benchLines(d, s.ID(), 0, "a note")...)
	b.ReportAllocs()
	for b.Loop() {
		if len(server.EncodeBatch(receipt)) == 0 {
			b.Fatal("empty")
		}
	}
}
