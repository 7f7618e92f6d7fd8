package clients_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"fieldseal/mobile-contract/conformance"
	"fieldseal/mobile-contract/conformance/clients"
	"fieldseal/mobile-contract/device"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

func start(t *testing.T, n int) *clients.Trial {
	t.Helper()
	trial, err := clients.Start(t.Context(), clients.Config{Dir: t.TempDir(), Clients: n, Tell: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := trial.Close(); err != nil {
			t.Error(err)
		}
	})
	return trial
}

// maxSyncs bounds how often the device is told to sync: each lie ends one.
const maxSyncs = 40

func enrol(t *testing.T, trial *clients.Trial, code string) (*device.Store, *device.Client) {
	t.Helper()
	d, err := device.Create(t.Context(), t.TempDir(), device.Options{Model: "trial", App: "device core"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	c, err := device.NewClient(trial.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	var id *device.Identity
	for range 5 {
		id, err = d.Enrol(t.Context(), device.EnrolRequest{Client: c, Code: code, Authority: seal.KeyID(trial.Fingerprint())})
		if !errors.Is(err, device.ErrOffline) {
			break
		}
	}
	if err != nil || id == nil {
		t.Fatal(err)
	}
	return d, c
}

func capture(t *testing.T, d *device.Store, k event.UUID, b event.Body) device.Saved {
	t.Helper()
	saved, err := d.Capture(t.Context(), device.Draft{Case: k, Body: b})
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

// Our own device core gets everything through, and believes no lie.
func TestOurDevice(t *testing.T) {
	trial := start(t, 2)
	for _, code := range trial.Codes {
		d, c := enrol(t, trial, code)
		k := capture(t, d, event.UUID{}, &event.CaseOpened{Number: "T-" + code[:4], Title: "Trial", Authority: "Bureau"}).Case
		var seed [32]byte
		copy(seed[:], code)
		for n := range 3 {
			data := make([]byte, 400_000)
			_, _ = rand.NewChaCha8(seed).Read(data)
			seed[31]++
			m, err := d.AddMedia(t.Context(), bytes.NewReader(data), fmt.Sprintf("photo-%d.jpg", n), "image/jpeg")
			if err != nil {
				t.Fatal(err)
			}
			capture(t, d, k, &event.PhotoCaptured{Media: m, Shows: "drum", SealVisible: "no"})
		}
		for round := 0; ; round++ {
			if round == maxSyncs {
				st, err := d.Status(t.Context())
				t.Fatalf("not done after %d syncs: %+v %v; still to come: %v", round, st, err, trial.Left())
			}
			if len(trial.Left()) > 0 {
				for n := range 12 {
					capture(t, d, k, &event.NoteWritten{Text: fmt.Sprintf("round %d, note %d", round, n)})
				}
			}
			_, err := d.Sync(t.Context(), device.SyncOptions{Client: c, Batch: 5})
			var fault *device.ServerFault
			if err != nil && !errors.Is(err, device.ErrOffline) && !errors.As(err, &fault) {
				t.Fatal(err)
			}
			st, serr := d.Status(t.Context())
			if serr != nil {
				t.Fatal(serr)
			}
			if err == nil && st.Unproven() == 0 && st.Events[device.StateLocal] == 0 && mediaDone(t, d) {
				break
			}
		}
	}
	check(t, trial, nil)
	if left := trial.Left(); len(left) > 0 {
		t.Errorf("these troubles never happened: %v", left)
	}
}

func mediaDone(t *testing.T, d *device.Store) bool {
	t.Helper()
	waiting, err := d.Media(context.Background(), device.MediaWaiting)
	if err != nil {
		t.Fatal(err)
	}
	return len(waiting) == 0
}

// check compares the broken rules with those expected, and that none was left untried where all is well.
func check(t *testing.T, trial *clients.Trial, want map[string]bool) {
	t.Helper()
	report, err := trial.Judge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		if want[f.Rule] != (f.Outcome == conformance.Fail) || want == nil && f.Outcome != conformance.Pass {
			t.Errorf("%s: %s %s", f.Rule, f.Outcome, f.Reason)
		}
	}
}
