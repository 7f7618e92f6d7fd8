package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/projection"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// killDir tells the test binary to be the server that is killed.
const killDir = "FIELDSEAL_KILL_DIR"

// killRounds is how often the server is killed; FIELDSEAL_KILL_ROUNDS overrides it.
const killRounds = 40

func TestMain(m *testing.M) {
	if dir := os.Getenv(killDir); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// victim opens the world in dir and submits chains and authors statements until
// it is killed. Each acknowledgement is printed, after it was given, as the
// index and the SHA-256 of the line.
func victim(dir string) error {
	ctx := context.Background()
	s, g, cfg, err := openKilled(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(s.Close(), g.Close()) }() // it is killed before
	e, err := ingest.Open(ctx, cfg)
	if err != nil {
		return err
	}
	acks := make(chan string, 100)
	failed := make(chan error, 10)
	chains, err := filepath.Glob(filepath.Join(dir, "*.chain"))
	if err != nil {
		return err
	}
	for _, chain := range chains {
		data, err := os.ReadFile(chain)
		if err != nil {
			return err
		}
		go func() { failed <- submitChain(ctx, e, s, bytes.Split(bytes.TrimSpace(data), []byte("\n")), acks) }()
	}
	go func() { failed <- author(ctx, e, s, acks) }()
	for {
		select {
		case a := <-acks:
			if _, err := os.Stdout.WriteString(a + "\n"); err != nil {
				return err
			}
		case err := <-failed:
			return err
		}
	}
}

// submitChain goes on where the log has the chain, a little before that: a
// device whose acknowledgement was lost sends again.
func submitChain(ctx context.Context, e *ingest.Engine, s *store.Store, lines [][]byte, acks chan<- string) error {
	env, err := seal.ParseEnvelope(lines[0])
	if err != nil {
		return err
	}
	p, err := event.Parse(env.Payload)
	if err != nil {
		return err
	}
	var head projection.Head
	err = s.Read(ctx, func(tx *store.Tx) error {
		dev, _, err := projection.DeviceByID(tx, p.Device)
		if err != nil {
			return err
		}
		head, err = projection.HeadOf(tx, dev.N)
		return err
	})
	if err != nil {
		return err
	}
	for from := max(0, int(head.Seq)-2); ; {
		n := 1 + rand.IntN(4)
		if from+n > len(lines) {
			from = 0 // from the beginning: all are duplicates
		}
		r, err := e.Submit(ctx, lines[from:from+n], event.UUID{})
		if err != nil {
			return err
		}
		for i, res := range r.Results {
			acks <- fmt.Sprintf("%d %s", res.Index, seal.LineDigest(lines[from+i]))
		}
		from += n
	}
}

func author(ctx context.Context, e *ingest.Engine, s *store.Store, acks chan<- string) error {
	for n := uint64(1); ; n++ {
		sha := event.Digest{byte(rand.Uint32()), byte(rand.Uint32()), byte(rand.Uint32()), byte(n)}
		r, err := e.Author(ctx, ingest.Draft{Body: &event.MediaReceived{SHA256: sha, Size: int64(n)}})
		if err != nil {
			return err
		}
		acks <- fmt.Sprintf("%d %s", r[0].Index, seal.LineDigest(r[0].Line))
		if err := s.Write(ctx, func(tx *store.Tx) error { return projection.IndexIDs(tx, 20) }); err != nil {
			return err
		}
	}
}

func openKilled(ctx context.Context, dir string) (*store.Store, *guard.Guard, ingest.Config, error) {
	var cfg ingest.Config
	text, err := os.ReadFile(filepath.Join(dir, "log.key"))
	if err != nil {
		return nil, nil, cfg, err
	}
	if cfg.LogKey, err = ledger.ParseKey(string(text)); err != nil {
		return nil, nil, cfg, err
	}
	if text, err = os.ReadFile(filepath.Join(dir, "authority.pem")); err != nil {
		return nil, nil, cfg, err
	}
	if cfg.AuthorityKey, err = seal.ParsePrivateKey(text); err != nil {
		return nil, nil, cfg, err
	}
	g, err := guard.Open(ctx, filepath.Join(dir, "guard.db"))
	if err != nil {
		return nil, nil, cfg, err
	}
	s, err := store.Open(ctx, store.Config{Driver: store.SQLite, Path: filepath.Join(dir, "fieldseal.db")})
	if err != nil {
		return nil, nil, cfg, errors.Join(err, g.Close())
	}
	cfg.Store, cfg.Guard, cfg.Name = s, g, "Killed authority"
	return s, g, cfg, nil
}

// prepareKilled makes the world that is killed: keys, enrolled devices, and their chains as files.
func prepareKilled(t *testing.T, dir string, events int) ingest.Config {
	t.Helper()
	logKey, authority := ingesttest.Keys(t)
	pem, err := authority.PEM()
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("log.key", []byte(logKey.SecretText()))
	put("authority.pem", pem)
	s, g, cfg, err := openKilled(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &ingesttest.World{T: t, Store: s, Guard: g, LogKey: logKey, Authority: authority}
	if w.Engine, err = ingest.Open(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
	w.Org = w.AddOrg("environment")
	for i := range 3 {
		d := w.AddDevice()
		id := w.ID()
		chain := [][]byte{d.Genesis(), d.Seal(id, &event.CaseOpened{Number: fmt.Sprint(i), Title: "killed", Authority: "x"})}
		for n := range events {
			if n%2 == 0 {
				chain = append(chain, d.Note(id, "a note of some length, so that rows have some weight"))
			} else {
				chain = append(chain, d.Sample(id, fmt.Sprint("S-", n)))
			}
		}
		put(fmt.Sprint(i, ".chain"), bytes.Join(chain, []byte("\n")))
	}
	if err := errors.Join(w.Engine.Close(context.Background()), s.Close(), g.Close()); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// The server is killed at random moments under load, again and again on one
// database. Each time, everything that was acknowledged is in the log, once, at
// the place that was acknowledged, and fsck passes.
func TestKilledServerLosesNothing(t *testing.T) {
	rounds := killRounds
	if text := os.Getenv("FIELDSEAL_KILL_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	cfg := prepareKilled(t, dir, 1500)
	acked := map[string]string{} // line → index
	for round := range rounds {
		before := len(acked)
		killOnce(t, dir, acked)
		size := checkKilled(t, dir, cfg, acked)
		if round == rounds-1 || round%10 == 0 {
			t.Logf("round %d: %d acknowledged, %d before, %d entries", round, len(acked), before, size)
		}
	}
	if len(acked) < rounds {
		t.Errorf("only %d lines were acknowledged in %d rounds", len(acked), rounds)
	}
}

// killOnce runs the server until a random moment after its first acknowledgement.
func killOnce(t *testing.T, dir string, acked map[string]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killDir+"="+dir)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var first sync.Once
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		index, sha, ok := strings.Cut(lines.Text(), " ")
		if !ok || len(sha) != 64 {
			continue // cut off by the kill
		}
		if was, ok := acked[sha]; ok && was != index {
			t.Fatalf("line %s was acknowledged at %s and now at %s", sha, was, index)
		}
		acked[sha] = index
		first.Do(func() {
			time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = cmd.Process.Kill() }) // an error: it ended by itself, which Wait shows
		})
	}
	if err := cmd.Wait(); err == nil || complaint.Len() > 0 {
		t.Fatalf("the server was not killed but ended: %v %s", err, complaint.String())
	}
}

func checkKilled(t *testing.T, dir string, cfg ingest.Config, acked map[string]string) int64 {
	t.Helper()
	ctx := context.Background()
	s, g, _, err := openKilled(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(s.Close(), g.Close()); err != nil {
			t.Error(err)
		}
	}()
	report, err := ingest.Fsck(ctx, s, ingest.FsckOptions{LogKey: cfg.LogKey.VerifierText(), Guard: g, Projections: true})
	if err != nil || len(report.Findings) > 0 {
		t.Fatalf("%v %v", err, report.Findings)
	}
	kept := map[string]string{}
	err = s.Read(ctx, func(tx *store.Tx) error {
		return tx.Each("SELECT "+store.EventColumns+" FROM events", nil, func(scan func(...any) error) error {
			r, err := store.ScanEvent(scan)
			kept[seal.LineDigest(r.Line).String()] = fmt.Sprint(r.Index)
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(kept)) != report.Size {
		t.Errorf("%d lines in a log of %d entries", len(kept), report.Size)
	}
	for sha, index := range acked {
		if kept[sha] != index {
			t.Fatalf("line %s was acknowledged at %s, and is at %q", sha, index, kept[sha])
		}
	}
	return report.Size
}
