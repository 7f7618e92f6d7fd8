package device

import (
	"strconv"
	"testing"
	"time"

	"fieldseal/sync/event"
)

func BenchmarkCapture(b *testing.B) {
	for _, n := range []int{0, 1000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s, k := benchStore(b, n)
			b.ResetTimer()
			for b.Loop() {
				if _, err := s.Capture(b.Context(), Draft{Case: k, Body: &event.SampleCollected{Label: newUUID(time.Now()).String(), Matrix: "water"}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchStore is a store with n notes in it.
func benchStore(b *testing.B, n int) (*Store, event.UUID) {
	b.Helper()
	s, err := Create(b.Context(), b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	enrolWithout(b, s)
	saved, err := s.Capture(b.Context(), Draft{Body: &event.CaseOpened{Number: "1", Title: "t", Authority: "a"}})
	if err != nil {
		b.Fatal(err)
	}
	drafts := make([]Draft, maxTogether)
	for i := range drafts {
		drafts[i] = Draft{Case: saved.Case, Body: &event.NoteWritten{Text: "a note of ordinary length, as people write them in the field"}}
	}
	for ; n >= len(drafts); n -= len(drafts) {
		if _, err := s.CaptureAll(b.Context(), drafts...); err != nil {
			b.Fatal(err)
		}
	}
	return s, saved.Case
}
