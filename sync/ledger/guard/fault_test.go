package guard

import (
	"bufio"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/ledger"
)

var errInjected = errors.New("injected: the disk does not answer")

// faults makes the call number at, counted from 0, fail: lost, or applied but
// reported failed. It stands between database/sql and the real SQLite.
type faults struct {
	at, calls int
	applied   bool
}

func (f *faults) next() (fail bool) {
	fail = f.calls == f.at
	f.calls++
	return fail
}

type faultyConnector struct {
	driver.Connector
	f *faults
}

func (c faultyConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyConn{conn, c.f}, nil
}

type faultyConn struct {
	driver.Conn
	f *faults
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	fail := c.f.next()
	if fail && !c.f.applied {
		return nil, errInjected
	}
	res, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	if fail {
		return nil, errInjected
	}
	return res, err
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.f.next() {
		return nil, errInjected
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c *faultyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	if c.f.next() {
		return nil, errInjected
	}
	tx, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	return &faultyTx{tx, c.f}, err
}

type faultyTx struct {
	driver.Tx
	f *faults
}

func (t *faultyTx) Commit() error {
	fail := t.f.next()
	if fail && !t.f.applied {
		return errors.Join(errInjected, t.Rollback())
	}
	err := t.Tx.Commit()
	if fail {
		return errInjected
	}
	return err
}

// life opens the guard, checks, and advances to 1000 and 2000; it stops at the first error.
func life(path string, wrap func(driver.Connector) driver.Connector) error {
	ctx := context.Background()
	g, err := open(ctx, path, wrap)
	if err != nil {
		return err
	}
	defer func() { _ = g.Close() }()
	if _, err := g.Check(ctx, origin, 0, theLog.rootAt); err != nil && !errors.As(err, new(*RollbackError)) {
		return err
	}
	for _, n := range []ledger.Size{1000, 2000} {
		if err := g.Advance(ctx, theLog.sign(n), theLog.rootAt); err != nil {
			return err
		}
	}
	return nil
}

// TestEveryCallFails makes each call to SQLite fail in turn, lost and applied,
// and then lives on by the normal path: nothing special has to be done.
func TestEveryCallFails(t *testing.T) {
	for _, applied := range []bool{false, true} {
		failed, unknown := 0, 0
		for at := 0; ; at++ {
			path := filepath.Join(t.TempDir(), "log.guard")
			f := &faults{at: at, applied: applied}
			err := life(path, func(c driver.Connector) driver.Connector { return faultyConnector{c, f} })
			if err == nil {
				if f.calls > at {
					t.Fatalf("call %d failed and nobody noticed", at)
				}
				break
			}
			if !errors.Is(err, errInjected) {
				t.Fatalf("call %d: %v", at, err)
			}
			if failed++; errors.Is(err, ErrOutcomeUnknown) {
				unknown++
			}
			g := openAt(t, path)
			if s, ok, err := g.State(t.Context(), origin); err != nil || ok && s.Size != 0 && s.Size != 1000 && s.Size != 2000 {
				t.Fatalf("call %d left %+v, %v", at, s, err)
			}
			if err := life(path, func(c driver.Connector) driver.Connector { return c }); err != nil {
				t.Fatalf("after call %d failed: %v", at, err)
			}
			if got := size(t, g); got != 2000 {
				t.Fatalf("after call %d failed the guard is at %d", at, got)
			}
		}
		// Begin, three questions, three statements, commit, the journal; then the log's life.
		if failed < 15 || unknown != 3 {
			t.Errorf("applied %v: %d calls failed, %d of them with unknown outcome, want 3: the insert and two updates", applied, failed, unknown)
		}
	}
}

// TestMain runs the test binary as a server's process when asked to.
func TestMain(m *testing.M) {
	if path := os.Getenv("FIELDSEAL_GUARD_CHILD"); path != "" {
		if err := child(path, os.Getenv("FIELDSEAL_GUARD_SEED")); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child advances by small steps and prints each size once it is guarded.
func child(path, seed string) error {
	ctx := context.Background()
	g, err := Open(ctx, path)
	if err != nil {
		return err
	}
	s, err := g.Check(ctx, origin, theLog.size, theLog.rootAt)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(n, 9))
	for at := s.Size; at < theLog.size; {
		at = min(at+1+ledger.Size(rng.Int64N(3)), theLog.size)
		if err := g.Advance(ctx, theLog.sign(at), theLog.rootAt); err != nil {
			return err
		}
		fmt.Println(at)
	}
	return g.Close()
}

func startChild(t *testing.T, path string, seed int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "FIELDSEAL_GUARD_CHILD="+path, "FIELDSEAL_GUARD_SEED="+strconv.Itoa(seed))
	out := must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// readSizes reads what a child acknowledges, to the end, and gives the last.
func readSizes(t *testing.T, lines *bufio.Scanner, each func(ledger.Size)) (last ledger.Size) {
	t.Helper()
	for lines.Scan() {
		n, err := strconv.ParseInt(lines.Text(), 10, 64)
		if err != nil {
			if strings.HasPrefix(lines.Text(), "error:") {
				t.Fatal(lines.Text())
			}
			continue // a line that the kill cut
		}
		last = ledger.Size(n)
		each(last)
	}
	return last
}

// TestKill kills a process at random moments of its advancing: what it has
// acknowledged is guarded, and its successor goes on from there.
func TestKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.guard")
	g := openAt(t, path)
	if _, err := g.Check(t.Context(), origin, 0, theLog.rootAt); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 25 {
		start := size(t, g)
		cmd, lines := startChild(t, path, round)
		patience := start + 1 + ledger.Size(rng.Int64N(40))
		delay := time.Duration(rng.IntN(300)) * time.Microsecond
		killed := false
		acknowledged := readSizes(t, lines, func(n ledger.Size) {
			if n >= patience && !killed {
				killed = true
				time.Sleep(delay) // not a wait: the random moment of the kill
				_ = cmd.Process.Kill()
			}
		})
		_ = cmd.Wait()
		s, err := g.Check(t.Context(), origin, theLog.size, theLog.rootAt)
		if err != nil || s.Size < acknowledged || s.Size < start {
			t.Fatalf("round %d: acknowledged %d, guarded %+v, %v", round, acknowledged, s.Size, err)
		}
		// At most the one advance that it did not live to acknowledge.
		if s.Size > max(acknowledged, start)+3 {
			t.Fatalf("round %d: acknowledged %d, guarded %d", round, acknowledged, s.Size)
		}
	}
}

// TestProcessesTogether: three processes advance one guard to the end.
func TestProcessesTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.guard")
	g := openAt(t, path)
	if _, err := g.Check(t.Context(), origin, 0, theLog.rootAt); err != nil {
		t.Fatal(err)
	}
	var cmds []*exec.Cmd
	var outs []*bufio.Scanner
	for i := range 3 {
		cmd, lines := startChild(t, path, 100+i)
		cmds, outs = append(cmds, cmd), append(outs, lines)
	}
	for i, lines := range outs {
		if last := readSizes(t, lines, func(ledger.Size) {}); last != theLog.size && last != 0 {
			t.Errorf("process %d ended at %d", i, last)
		}
		if err := cmds[i].Wait(); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
	if got := size(t, g); got != theLog.size {
		t.Errorf("the guard is at %d", got)
	}
}
