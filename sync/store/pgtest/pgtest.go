// Package pgtest starts real PostgreSQL servers for tests: from Debian's
// binaries, in a temporary folder, as an unprivileged user where the tests run
// as root, on a unix socket of their own.
//
// Where there is no PostgreSQL, Start skips the test and names the package to
// install, but fails it where CI=true or FIELDSEAL_REQUIRE_POSTGRES=1.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// startTimeout is far above the second or two that a server takes to start.
	startTimeout = time.Minute
	// stopTimeout is how long a fast shutdown may take before the server is killed.
	stopTimeout = 20 * time.Second
)

// settings keep a test server small; durability is as in production.
var settings = []string{"-c", "listen_addresses=", "-c", "shared_buffers=32MB", "-c", "max_connections=40", "-c", "timezone=UTC"}

// server is one running server.
type server struct {
	dir string
	cmd *exec.Cmd
	out bytes.Buffer
}

// shared is the server of a test binary: databases are cheap, servers are not.
var shared struct {
	sync.Mutex
	server *server
	users  int
	count  int
}

// Start gives the connection string of a new, empty database. The server behind
// it is shared by the tests of a binary that run at the same time and stops with
// the last of them: a test with many parts calls Start before it runs them.
func Start(t testing.TB) (dsn string) {
	t.Helper()
	bin := binaries()
	if bin == "" {
		msg := "there is no PostgreSQL in /usr/lib/postgresql/*/bin or PATH: install the Debian package postgresql"
		if os.Getenv("CI") == "true" || os.Getenv("FIELDSEAL_REQUIRE_POSTGRES") == "1" {
			t.Fatal(msg)
		}
		t.Skip(msg)
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil {
		s, err := start(bin)
		if err != nil {
			t.Fatal(err)
		}
		shared.server = s
	}
	shared.users++
	t.Cleanup(func() { release(t) })
	shared.count++
	name := fmt.Sprintf("fieldseal_%d", shared.count)
	if err := shared.server.exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	return shared.server.dsn(name)
}

func release(t testing.TB) {
	shared.Lock()
	defer shared.Unlock()
	if shared.users--; shared.users > 0 {
		return
	}
	if err := shared.server.stop(); err != nil {
		t.Error(err)
	}
	shared.server = nil
}

// binaries finds the folder of the newest server.
func binaries() string {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1])
	}
	if p, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(p)
	}
	return ""
}

func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

func start(bin string) (_ *server, err error) {
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	// A socket's path has at most 107 bytes, so not below the test's own folder.
	dir, err := os.MkdirTemp("/tmp", "fieldseal-pg-")
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.stop())
		}
	}()
	if err := as.own(dir); err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "fieldseal", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = dir, as.process()
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("pgtest: initdb: %w\n%s", err, out)
	}
	s.cmd = exec.Command(filepath.Join(bin, "postgres"), append([]string{"-D", data, "-k", dir}, settings...)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, &s.out, &s.out
	s.cmd.SysProcAttr = as.server()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("pgtest: %w", err)
	}
	deadline := time.Now().Add(startTimeout)
	for s.exec("SELECT 1") != nil {
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("pgtest: the server does not answer after %v", startTimeout)
		}
		time.Sleep(20 * time.Millisecond) // between two attempts to connect
	}
	return s, nil
}

func (s *server) dsn(database string) string {
	return fmt.Sprintf("host=%s user=fieldseal dbname=%s sslmode=disable", s.dir, database)
}

func (s *server) exec(text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	c, err := pgx.Connect(ctx, s.dsn("postgres"))
	if err != nil {
		return err
	}
	_, err = c.Exec(ctx, text)
	return errors.Join(err, c.Close(ctx))
}

// stop ends the server with a fast shutdown and removes its folder.
func (s *server) stop() error {
	var err error
	if s.cmd != nil && s.cmd.Process != nil {
		done := make(chan error, 1)
		go func() { done <- s.cmd.Wait() }()
		err = s.cmd.Process.Signal(os.Interrupt)
		select {
		case ended := <-done:
			if ended != nil {
				err = errors.Join(err, fmt.Errorf("pgtest: %w\n%s", ended, s.out.String()))
			}
		case <-time.After(stopTimeout):
			err = errors.Join(err, errors.New("pgtest: the server did not stop and was killed"), s.cmd.Process.Kill())
			<-done
		}
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
