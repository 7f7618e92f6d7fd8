package bundle_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
)

// many is a case of n events by ten devices.
func many(b *testing.B, n int) *bundletest.World {
	w := bundletest.New(b)
	org := w.Org("environment", "Bureau")
	var devices []*bundletest.Device
	for i := range 10 {
		devices = append(devices, w.Enrol(org, w.Person(org, fmt.Sprint("Officer ", i), event.RoleInspector)))
	}
	site := w.UUID()
	at := event.Stamp("2026-11-24T09:30:00.250+08:00")
	devices[0].Seal(w.Case, &event.CaseOpened{Number: "1", Title: "Case", Authority: "Bureau"})
	devices[0].Seal(w.Case, &event.SiteRecorded{Site: site, Name: "River bank", Centre: event.Place{LatE7: 311234567, LonE7: 1217654321, Datum: "WGS-84", Source: "gnss"}, Start: at})
	for i := len(w.Entries); i < n; i++ {
		d := devices[i%len(devices)]
		if i%2000 == 0 {
			seen := w.Checkpoint()
			d.Seen = &seen
		}
		d.Seal(w.Case, &event.NoteWritten{Text: fmt.Sprintf("Reading %d at the outfall: pH 6.%d, 11.%d °C, turbid, smell of solvent at the north end, drum D-%03d in sight.", i, i%10, i%7, i%300),
			About: []event.Ref{{Kind: "site", ID: site}}})
	}
	w.Checkpoint()
	return w
}

// cpuTime is what the process has used on all cores. Unlike the time on the wall
// it does not count what other programs on the machine take.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rawSpeed is how many P-256 signatures all cores check in a second, and nothing
// else; and how much of a core one takes.
func rawSpeed(b *testing.B) (perSecond float64, cpu time.Duration) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	h := sha256.Sum256([]byte("event"))
	sig, err := ecdsa.SignASN1(rand.Reader, key, h[:])
	if err != nil {
		b.Fatal(err)
	}
	const per = 8000
	start, used := time.Now(), cpuTime()
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for range per {
				if !ecdsa.VerifyASN1(&key.PublicKey, h[:], sig) {
					panic("the signature does not verify")
				}
			}
		})
	}
	wg.Wait()
	n := per * runtime.GOMAXPROCS(0)
	return float64(n) / time.Since(start).Seconds(), (cpuTime() - used) / time.Duration(n)
}

// BenchmarkVerify verifies a bundle of 100,000 events. Beside the events per
// second it gives the machine's raw signature speed, measured before and after in
// the same run, the ratio of both by wall clock and by processor time, and the
// peak of the heap.
func BenchmarkVerify(b *testing.B) {
	const n = 100_000
	w := many(b, n)
	path := filepath.Join(b.TempDir(), "bundle.zip")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	sum, err := bundle.Write(context.Background(), f, w.Source(), w.Options())
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("written in %v, %d bytes", time.Since(start).Round(time.Millisecond), sum.Length)
	*w = bundletest.World{}
	runtime.GC()
	var peak atomic.Uint64
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapInuse))
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
	before, rawCPU := rawSpeed(b)
	spent := cpuTime()
	b.ResetTimer()
	for b.Loop() {
		v, err := verify.Verify(context.Background(), f, sum.Length, verify.Options{})
		if err != nil || v.Result == verify.NotAuthentic {
			b.Fatal(err, bundletest.Summary(v))
		}
	}
	used := cpuTime() - spent
	perSecond := float64(n) * float64(b.N) / b.Elapsed().Seconds()
	after, _ := rawSpeed(b)
	raw := (before + after) / 2
	close(stop)
	watch.Wait()
	b.ReportMetric(perSecond, "events/s")
	b.ReportMetric(raw, "raw-P256/s")
	b.ReportMetric(100*perSecond/raw, "%raw")
	b.ReportMetric(100*rawCPU.Seconds()*n*float64(b.N)/used.Seconds(), "%raw-by-CPU")
	b.ReportMetric(float64(peak.Load())/(1<<20), "peak-MiB")
}

// BenchmarkVerifyMedia verifies a bundle with a gibibyte of media, which must not
// show in memory.
func BenchmarkVerifyMedia(b *testing.B) {
	s := bundletest.NewStory(bundletest.New(b))
	data := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	for i := range 16 {
		copy(data, fmt.Sprint(i))
		m := s.File(bytes.Clone(data), "video/mp4", "")
		s.Inspector.Seal(s.Case, &event.FileAttached{File: s.UUID(), Media: m, Kind: "video", Title: fmt.Sprint("video ", i)})
	}
	s.Checkpoint()
	f, err := os.Create(filepath.Join(b.TempDir(), "bundle.zip"))
	if err != nil {
		b.Fatal(err)
	}
	sum, err := bundle.Write(context.Background(), f, s.Source(), s.Options())
	if err != nil {
		b.Fatal(err)
	}
	clear(s.Files)
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.SetBytes(sum.Length)
	b.ResetTimer()
	for b.Loop() {
		if v, err := verify.Verify(context.Background(), f, sum.Length, verify.Options{}); err != nil || v.Result == verify.NotAuthentic {
			b.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.Sys-before.Sys)/(1<<20), "grown-MiB")
}

// BenchmarkWrite writes a bundle of 10,000 events.
func BenchmarkWrite(b *testing.B) {
	w := many(b, 10_000)
	o := w.Options()
	b.ReportAllocs()
	for b.Loop() {
		sum, err := bundle.Write(context.Background(), io.Discard, w.Source(), o)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(sum.Length)
	}
}
