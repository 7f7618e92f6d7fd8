//go:build unix

package device

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fieldseal/sync/event"
)

const (
	childDir  = "FIELDSEAL_TEST_CHILD_DIR"
	childCase = "FIELDSEAL_TEST_CHILD_CASE"
	childMode = "FIELDSEAL_TEST_CHILD_MODE"
	childURL  = "FIELDSEAL_TEST_CHILD_URL"
)

// TestMain is also the child of the crash tests: it captures until it is killed and
// says each acknowledged event on its output.
func TestMain(m *testing.M) {
	if os.Getenv(childDir) == "" {
		os.Exit(m.Run())
	}
	if err := child(); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func child() error {
	ctx := context.Background()
	s, err := Open(ctx, os.Getenv(childDir), Options{})
	if err != nil {
		return err
	}
	if os.Getenv(childMode) == "sync" {
		return childSync(ctx, s)
	}
	k, err := event.ParseUUID(os.Getenv(childCase))
	if err != nil {
		return err
	}
	if os.Getenv(childMode) == "limit" {
		// Writes beyond this size of a file fail, as on a disk that goes bad.
		lim := syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &lim); err != nil {
			return err
		}
	}
	for i := 0; ; i++ {
		body := strings.Repeat(strconv.Itoa(i), 1+i%400)
		saved, err := s.Capture(ctx, Draft{Case: k, Body: &event.NoteWritten{Text: "n" + body}})
		if err != nil {
			return err
		}
		if i%5 == 0 && os.Getenv(childMode) != "limit" {
			m, err := s.AddMedia(ctx, strings.NewReader(body+saved.ID.String()), "m.bin", "")
			if err != nil {
				return err
			}
			if saved, err = s.Capture(ctx, Draft{Case: k, Body: &event.FileAttached{Media: m, Kind: "other", Title: "t"}}); err != nil {
				return err
			}
		}
		fmt.Println("ok", saved.ID)
	}
}

// childSync syncs again and again.
func childSync(ctx context.Context, s *Store) error {
	c, err := NewClient(os.Getenv(childURL), nil)
	if err != nil {
		return err
	}
	fmt.Println("ok")
	for {
		if _, err := s.Sync(ctx, SyncOptions{Client: c, Batch: 3}); err != nil {
			return err
		}
	}
}

func startChild(t *testing.T, s *Store, k event.UUID, mode string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+s.Dir(), childCase+"="+k.String(), childMode+"="+mode, childURL+"="+os.Getenv(childURL))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// kill -9 at random moments, of several processes that capture into one store at
// once: everything acknowledged is there, in one whole chain.
func TestKilledAnywhere(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	rounds, children := 12, 2
	var acknowledged []string
	for round := range rounds {
		var wg sync.WaitGroup
		var mu sync.Mutex
		for n := range children {
			cmd, out := startChild(t, s, k, "")
			wg.Add(1)
			go func() {
				defer wg.Done()
				lines := 0
				for out.Scan() {
					word, id, _ := strings.Cut(out.Text(), " ")
					if word != "ok" {
						t.Errorf("child: %s", out.Text())
						continue
					}
					mu.Lock()
					acknowledged = append(acknowledged, id)
					mu.Unlock()
					if lines++; lines == 1 {
						// Different moments each time, within the work of a few captures.
						time.AfterFunc(time.Duration((round*7+n*13)%40)*time.Millisecond/2, func() { _ = cmd.Process.Kill() })
					}
				}
				_ = cmd.Wait()
			}()
		}
		wg.Wait()
	}
	have := map[string]bool{}
	for _, e := range checkChain(t, s) {
		have[e.ID.String()] = true
	}
	if len(acknowledged) < rounds*children {
		t.Fatalf("only %d events were acknowledged", len(acknowledged))
	}
	for _, id := range acknowledged {
		if !have[id] {
			t.Errorf("acknowledged event %s is lost", id)
		}
	}
	files, err := s.Media(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range files {
		if _, _, err := s.OpenMedia(t.Context(), m.SHA256); err != nil {
			t.Error(err)
		}
	}
	writeNote(t, s, k, "and it goes on")
	if r := f.mustSync(s); r.Quarantined != 0 || r.Pending != 0 {
		t.Errorf("%+v", r)
	}
	t.Logf("%d kills, %d acknowledged events, %d files", rounds*children, len(acknowledged), len(files))
}

// A write that the system refuses: the process gets an error and loses nothing.
func TestWriteFails(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	cmd, out := startChild(t, s, k, "limit")
	var acknowledged []string
	last := ""
	for out.Scan() {
		last = out.Text()
		if id, ok := strings.CutPrefix(last, "ok "); ok {
			acknowledged = append(acknowledged, id)
		}
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the child did not fail")
	}
	if !strings.Contains(last, ErrStorage.Error()) && !strings.Contains(last, ErrDiskFull.Error()) {
		t.Errorf("the child's last words: %s", last)
	}
	have := map[string]bool{}
	for _, e := range checkChain(t, s) {
		have[e.ID.String()] = true
	}
	for _, id := range acknowledged {
		if !have[id] {
			t.Errorf("acknowledged event %s is lost", id)
		}
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged before the failure")
	}
}

// kill -9 in the middle of syncs: what is marked as sent is at the server, nothing is
// there twice, and the next sync completes it.
func TestKilledInSync(t *testing.T) {
	f := newFake(t)
	s := f.enrolled("a")
	k := openCase(t, s, "1")
	t.Setenv(childURL, f.http.URL)
	for round := range 15 {
		for i := range 6 {
			writeNote(t, s, k, strconv.Itoa(round*10+i))
		}
		attach(t, s, k, noise(200_000+round), "x.bin")
		cmd, out := startChild(t, s, k, "sync")
		for out.Scan() {
			if out.Text() != "ok" {
				t.Fatalf("child: %s", out.Text())
			}
			time.AfterFunc(time.Duration(round*11%60)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		}
		_ = cmd.Wait()
		f.mu.Lock()
		checkNothingFalse(t, f, s)
		f.mu.Unlock()
	}
	f.mustSync(s)
	list := checkChain(t, s)
	if st := states(t, s); st[StateProven] != len(list) {
		t.Errorf("%v", st)
	}
	id, _ := s.Identity(t.Context())
	n := 0
	for _, e := range f.entries {
		if e.device == id.Device {
			n++
		}
	}
	if n != len(list) || len(f.media) != 15 {
		t.Errorf("%d entries for %d events, %d files", n, len(list), len(f.media))
	}
}
