package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// impatient is a Web that notes how long it would wait.
func impatient(t *testing.T, handler http.HandlerFunc) (*Web, *[]time.Duration) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	w, err := NewWeb(s.URL+"/log/", s.Client())
	if err != nil {
		t.Fatal(err)
	}
	var waits []time.Duration
	w.pause = func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}
	return w, &waits
}

func TestWebWaitsAndTriesAgain(t *testing.T) {
	asked := 0
	w, waits := impatient(t, func(w http.ResponseWriter, r *http.Request) {
		switch asked++; asked {
		case 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.Header().Set("Retry-After", "999999999999")
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			w.Header().Set("Content-Length", "100") // and breaks off
			fmt.Fprint(w, "half")
		case 4:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			fmt.Fprint(w, "found ", r.URL.Path)
		}
	})
	data, err := w.Get(t.Context(), "tile/0/000", 100)
	if err != nil || string(data) != "found /log/tile/0/000" {
		t.Errorf("%q, %v", data, err)
	}
	if want := fmt.Sprint([]time.Duration{7 * time.Second, maxPause, time.Second, 2 * time.Second}); fmt.Sprint(*waits) != want {
		t.Errorf("waits %v, want %s", *waits, want)
	}
}

func TestWebGivesUp(t *testing.T) {
	for status, tried := range map[int]int{404: 1, 410: 1, 403: 1, 400: 1, 500: tries, 429: tries} {
		asked := 0
		w, _ := impatient(t, func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.WriteHeader(status)
		})
		_, err := w.Get(t.Context(), "checkpoint", 100)
		if err == nil || asked != tried || errors.Is(err, fs.ErrNotExist) != (status == 404 || status == 410) {
			t.Errorf("status %d: asked %d times, %v", status, asked, err)
		}
	}
	asked := 0
	w, _ := impatient(t, func(w http.ResponseWriter, _ *http.Request) {
		asked++
		fmt.Fprint(w, strings.Repeat("x", 1<<20))
	})
	if _, err := w.Get(t.Context(), "checkpoint", 100); !errors.As(err, new(*TooLongError)) || asked != 1 {
		t.Errorf("a longer answer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	w, _ = impatient(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	w.pause = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return wait(ctx, time.Hour)
	}
	if _, err := w.Get(ctx, "checkpoint", 100); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, bad := range []string{"", "ftp://x/log", "https:///log", "https://x/log?a=1", "https://x/log#a", "http://x\n/"} {
		if _, err := NewWeb(bad, http.DefaultClient); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
}
