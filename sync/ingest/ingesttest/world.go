// Package ingesttest makes whole worlds for tests: a store, a guard, an engine
// and enrolled devices that seal real events. It never takes short cuts: what a
// world holds came through the engine.
package ingesttest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// Origin is the name of every test log.
const Origin = "ledger.test/agency"

// World is a server without its HTTP, and what belongs to it.
type World struct {
	T         testing.TB
	Store     *store.Store
	Guard     *guard.Guard
	Engine    *ingest.Engine
	LogKey    *ledger.Key
	Authority *seal.PrivateKey
	Org       event.UUID
	count     int
	change    func(*ingest.Config)
}

// Keys makes the two keys of a server.
func Keys(t testing.TB) (*ledger.Key, *seal.PrivateKey) {
	t.Helper()
	logKey, err := ledger.GenerateKey(Origin)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return logKey, authority
}

// New makes a world on SQLite in a temporary folder, with one organisation.
func New(t testing.TB) *World {
	t.Helper()
	return OnWith(t, func(*ingest.Config) {})
}

// OnWith is New with a change to the engine's configuration.
func OnWith(t testing.TB, change func(*ingest.Config)) *World {
	t.Helper()
	return begin(t, store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "fieldseal.db")}, change)
}

// On makes a world on a given database, which is empty.
func On(t testing.TB, c store.Config) *World {
	t.Helper()
	return begin(t, c, func(*ingest.Config) {})
}

func begin(t testing.TB, c store.Config, change func(*ingest.Config)) *World {
	t.Helper()
	w := &World{T: t, change: change}
	w.LogKey, w.Authority = Keys(t)
	w.start(c)
	w.Org = w.AddOrg("environment")
	return w
}

// Empty makes a world on SQLite whose log has another name and nothing but what
// begins it.
func Empty(t testing.TB, origin string, change func(*ingest.Config)) *World {
	t.Helper()
	w := &World{T: t, change: change, count: 500_000}
	_, w.Authority = Keys(t)
	var err error
	if w.LogKey, err = ledger.GenerateKey(origin); err != nil {
		t.Fatal(err)
	}
	w.start(store.Config{Driver: store.SQLite, Path: filepath.Join(t.TempDir(), "fieldseal.db")})
	return w
}

func (w *World) start(c store.Config) {
	w.T.Helper()
	t := w.T
	var err error
	if w.Guard, err = guard.Open(context.Background(), filepath.Join(t.TempDir(), "guard.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.must(w.Guard.Close()) })
	if w.Store, err = store.Open(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.must(w.Store.Close()) })
	w.Engine = w.Open()
}

// Config is the engine's configuration.
func (w *World) Config() ingest.Config {
	c := ingest.Config{Store: w.Store, LogKey: w.LogKey, AuthorityKey: w.Authority, Guard: w.Guard, Name: "Test authority"}
	if w.change != nil {
		w.change(&c)
	}
	return c
}

// Open opens one more engine on the world's store.
func (w *World) Open() *ingest.Engine {
	w.T.Helper()
	e, err := ingest.Open(context.Background(), w.Config())
	if err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { w.must(e.Close(context.Background())) })
	return e
}

func (w *World) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Error(err)
	}
}

// ID gives a stable new UUID of this world.
func (w *World) ID() event.UUID {
	w.count++
	return ID(w.count)
}

// ID is a stable UUIDv7 for a number.
func ID(n int) event.UUID {
	sum := sha256.Sum256(fmt.Append(nil, "fieldseal test ", n))
	return event.NewUUID(time.UnixMilli(1796000000000+int64(n)), [10]byte(sum[:10]))
}

// Author authors drafts that must be accepted.
func (w *World) Author(drafts ...ingest.Draft) []ingest.Result {
	w.T.Helper()
	results, err := w.Engine.Author(context.Background(), drafts...)
	if err != nil {
		w.T.Fatal(err)
	}
	return results
}

// AddOrg registers an organisation.
func (w *World) AddOrg(kind event.OrgKind) event.UUID {
	w.T.Helper()
	id := w.ID()
	w.Author(ingest.Draft{Body: &event.OrgRegistered{Org: id, Kind: kind, Name: "Org " + id.String()[:8]}})
	return id
}

// AddPerson registers a person.
func (w *World) AddPerson(org event.UUID, roles ...event.Role) event.UUID {
	w.T.Helper()
	id := w.ID()
	if len(roles) == 0 {
		roles = []event.Role{event.RoleInspector}
	}
	w.Author(ingest.Draft{Body: &event.PersonRegistered{Person: id, Org: org, Name: "Person " + id.String()[24:], Login: "p" + id.String()[24:], Roles: roles}})
	return id
}

// Submit hands lines in and fails the test on an error.
func (w *World) Submit(lines ...[]byte) ingest.Receipt {
	w.T.Helper()
	r, err := w.Engine.Submit(context.Background(), lines, event.UUID{})
	if err != nil {
		w.T.Fatal(err)
	}
	if len(r.Results) != len(lines) {
		w.T.Fatalf("%d results for %d lines", len(r.Results), len(lines))
	}
	return r
}

// Read runs fn in a read transaction.
func (w *World) Read(fn func(*store.Tx) error) {
	w.T.Helper()
	if err := w.Store.Read(context.Background(), fn); err != nil {
		w.T.Fatal(err)
	}
}
