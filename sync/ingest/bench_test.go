package ingest_test

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
	"fieldseal/sync/store/pgtest"
)

const (
	benchDevices = 4
	benchBatch   = 500
)

// presealed makes batches of a device's chain: sample.collected and note.written
// in turn, about 600 bytes of payload each.
func presealed(b *testing.B, w *ingesttest.World, batches int) [][][][]byte {
	b.Helper()
	all := make([][][][]byte, benchDevices)
	var wg sync.WaitGroup
	text := "The drum stands upright on the north bank, its lid is closed by a ring; a label in Chinese names the producer. Smell of solvent within two metres. Photographs 3 to 7."
	for i := range all {
		d := w.AddDevice()
		id := w.ID()
		wg.Go(func() {
			for n := range batches {
				var batch [][]byte
				if n == 0 {
					batch = append(batch, d.Genesis(), d.Seal(id, &event.CaseOpened{Number: fmt.Sprint(i), Title: "bench", Authority: "x"}))
				}
				for len(batch) < benchBatch {
					if len(batch)%2 == 0 {
						batch = append(batch, d.Sample(id, fmt.Sprintf("S-%d-%d", n, len(batch))))
					} else {
						batch = append(batch, d.Note(id, text))
					}
				}
				all[i] = append(all[i], batch)
			}
		})
	}
	wg.Wait()
	return all
}

func benchmarkSubmit(b *testing.B, c store.Config) {
	w := ingesttest.On(b, c)
	batches := max(b.N/benchBatch/benchDevices+1, 1)
	all := presealed(b, w, batches)
	var bytes int
	for _, line := range all[0][0] {
		bytes += len(line)
	}
	runtime.GC()
	b.ResetTimer()
	before, cpu := w.Engine.Stats(), cpuTime(b)
	var wg sync.WaitGroup
	var done atomic.Int64
	for _, chain := range all {
		wg.Go(func() {
			for _, batch := range chain {
				r, err := w.Engine.Submit(context.Background(), batch, event.UUID{})
				if err != nil {
					b.Error(err)
					return
				}
				for i := range r.Results {
					if r.Results[i].Status != "accepted" {
						b.Errorf("%+v", r.Results[i])
						return
					}
				}
				done.Add(int64(len(batch)))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	after := w.Engine.Stats()
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/float64(done.Load()), "cpu-µs/event")
	b.ReportMetric(float64(done.Load())/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((after.Writing-before.Writing).Microseconds())/float64(done.Load()), "writer-µs/event")
	b.ReportMetric(float64(bytes)/benchBatch, "line-bytes")
	b.ReportMetric(float64(done.Load())/float64(after.Groups-before.Groups), "events/group")
}

// cpuTime is what this process has used of all processors, which other work on
// the machine disturbs less than the clock.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSubmit takes pre-sealed batches of 500 from four devices at once,
// durably; one operation is one event. Run it with -benchtime=40000x.
func BenchmarkSubmit(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		benchmarkSubmit(b, store.Config{Driver: store.SQLite, Path: filepath.Join(b.TempDir(), "bench.db")})
	})
	b.Run("postgres", func(b *testing.B) { benchmarkSubmit(b, store.Config{Driver: store.Postgres, DSN: pgtest.Start(b)}) })
}

// BenchmarkVerify is the limit that signatures alone set: P-256 checks, on all processors.
func BenchmarkVerify(b *testing.B) {
	key, err := seal.GenerateKey()
	if err != nil {
		b.Fatal(err)
	}
	signed := make([]byte, 700)
	sig, err := key.Sign(signed)
	if err != nil {
		b.Fatal(err)
	}
	pub := key.Public()
	cpu := cpuTime(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if !pub.Check(signed, sig) {
				b.Error("a good signature fails")
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/float64(b.N), "cpu-µs/check")
}

// BenchmarkSubmitOne hands in single events from 64 devices at once: what
// devices with a trickle of events see, grouped by the writer alone.
func BenchmarkSubmitOne(b *testing.B) {
	const devices = 64
	w := ingesttest.New(b)
	id := w.ID()
	chains := make([][][]byte, devices)
	for i := range chains {
		d := w.AddDevice()
		chains[i] = append(chains[i], d.Genesis())
		for len(chains[i]) < b.N/devices+1 {
			chains[i] = append(chains[i], d.Note(id, "one"))
		}
	}
	b.ResetTimer()
	before, cpu := w.Engine.Stats(), cpuTime(b)
	var wg sync.WaitGroup
	for _, chain := range chains {
		wg.Go(func() {
			for _, line := range chain {
				if _, err := w.Engine.Submit(context.Background(), [][]byte{line}, event.UUID{}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	after := w.Engine.Stats()
	events := float64(after.Accepted - before.Accepted)
	b.ReportMetric(events/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/events, "cpu-µs/event")
	b.ReportMetric(events/float64(after.Groups-before.Groups), "events/group")
}
