package custody

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/event"
)

// longCase is a case of n events of all the kinds that this part judges: photos
// with perceptual hashes, samples with fixes, checks, clock comparisons, and
// segments of a minute with ten channels.
func longCase(t tester, n int) *ground {
	a := newAir(t, func(a *air) {
		a.start.Preamble = []byte("time,pid[ppb],b,c,d,e,f,g,h,i,j\r\n")
		for _, name := range strings.Split("b c d e f g h i j", " ") {
			a.start.Channels = append(a.start.Channels, event.Channel{Name: name})
		}
	})
	s, r := a.s, rand.New(rand.NewPCG(1, 2))
	site := s.scenery()
	s.inspect.seal(at(2), site)
	s.inspect.fixAt(300005000, 1200005000)
	phone := s.device(s.officer[1])
	phone.fixAt(300005000, 1200005000)
	for i := 0; len(s.in.Entries) < n; i++ {
		when := at(60 + float64(i)/10)
		switch i % 10 {
		case 0:
			a.seg(wideRows(r))
		case 1:
			b := s.grab(site.Site)
			b.Label = fmt.Sprint("S-", i)
			phone.seal(when, b)
		case 2:
			phone.seal(when, &event.ClockObserved{ServerWall: event.StampOf(when), RoundTripMS: 80})
		case 3:
			phone.sees(s.checkpoint(when))
			phone.note(when)
		default:
			b := s.snap()
			b.Site = site.Site
			b.Exif = &event.Exif{PHash: fmt.Sprintf("%016x", r.Uint64()), Time: when.Format("2006:01:02 15:04:05"), Offset: "+08:00"}
			phone.seal(when, b)
		}
	}
	for i := 1; i < len(s.in.Entries); i++ { // a ledger's clock does not go back
		if e, last := &s.in.Entries[i], s.in.Entries[i-1].Received; e.Received.Before(last) {
			e.Received = last
		}
	}
	s.in.Now = at(float64(n))
	return s
}

// wideRows is a minute of rows with ten channels.
func wideRows(r *rand.Rand) []string {
	rows := make([]string, 60)
	for i := range rows {
		cells := make([]string, 10)
		for j := range cells {
			cells[j] = fmt.Sprintf("%d.%02d", 100+r.IntN(900), r.IntN(100))
		}
		rows[i] = strings.Join(cells, ",")
	}
	return rows
}

func BenchmarkEvaluateField(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		s := longCase(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Evaluate(s.in)
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(time.Second)*1e6/float64(n), "µs/event")
		})
	}
}
