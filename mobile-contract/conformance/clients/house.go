package clients

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"fieldseal/api/access"
	"fieldseal/api/server"
	"fieldseal/sync/blob"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/ledger/guard"
	"fieldseal/sync/projection"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

const (
	// origin is the name of a trial's log.
	origin = "conformance.fieldseal.example/log"
	// labelsEach is the label numbers that each device gets once it is enrolled.
	labelsEach = 500
)

// house is the real server, whole, listening where only the go-between asks.
type house struct {
	url    string
	store  *store.Store
	guard  *guard.Guard
	blobs  *blob.Files
	engine *ingest.Engine
	book   *access.Book
	logKey *ledger.Key
	org    event.UUID

	stop   context.CancelFunc
	served sync.WaitGroup
	failed error
}

func newUUID() event.UUID {
	var b [10]byte
	_, _ = rand.Read(b[:])
	return event.NewUUID(time.Now(), b)
}

// openHouse starts a server that calls itself by its public address.
func openHouse(ctx context.Context, dir, public string) (h *house, err error) {
	h = &house{org: newUUID()}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
			h = nil
		}
	}()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return h, err
	}
	if h.store, err = store.Open(ctx, store.Config{Driver: store.SQLite, Path: filepath.Join(dir, "fieldseal.sqlite")}); err != nil {
		return h, err
	}
	if h.guard, err = guard.Open(ctx, filepath.Join(dir, "guard.sqlite")); err != nil {
		return h, err
	}
	if h.blobs, err = blob.OpenFiles(blob.FilesConfig{Dir: filepath.Join(dir, "media")}); err != nil {
		return h, err
	}
	if h.logKey, err = ledger.GenerateKey(origin); err != nil {
		return h, err
	}
	authority, err := seal.GenerateKey()
	if err != nil {
		return h, err
	}
	if h.engine, err = ingest.Open(ctx, ingest.Config{Store: h.store, LogKey: h.logKey, AuthorityKey: authority, Guard: h.guard, Name: "Conformance trial", NameZH: "一致性测试"}); err != nil {
		return h, err
	}
	hasher, err := access.NewHasher()
	if err != nil {
		return h, err
	}
	h.book = &access.Book{Store: h.store, Hasher: hasher}
	if _, err := h.engine.Author(ctx, ingest.Draft{Body: &event.OrgRegistered{Org: h.org, Kind: "environment", Name: "Trial Bureau", NameZH: "测试局"}}); err != nil {
		return h, err
	}
	return h, h.serve(public)
}

func (h *house) serve(public string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h.url = "http://" + l.Addr().String()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	s, err := server.New(server.Config{Audience: public, Version: "conformance trial"}, server.Parts{Engine: h.engine, Store: h.store, Blobs: h.blobs,
		Book: h.book, Minter: access.NewMinter(key, public, time.Now), Now: time.Now})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	h.served.Go(func() { h.failed = s.Serve(ctx, l) })
	return nil
}

// person registers an inspector and gives a one-time code.
func (h *house) person(ctx context.Context, name string) (code string, err error) {
	id := newUUID()
	_, err = h.engine.Author(ctx, ingest.Draft{Body: &event.PersonRegistered{Person: id, Org: h.org, Name: name, Login: "login-" + id.String()[24:],
		Roles: []event.Role{event.RoleInspector}, CredentialNo: "T-" + id.String()[24:], CredentialUntil: "2099-12-31"}})
	if err != nil {
		return "", err
	}
	code, _, err = h.book.IssueCode(ctx, id, id, codeLife)
	return code, err
}

// labels reserves label numbers for every device that has none yet.
func (h *house) labels(ctx context.Context) error {
	var devices []projection.Device
	err := h.store.Read(ctx, func(tx *store.Tx) error {
		all, err := projection.Devices(tx)
		for _, d := range all {
			blocks, berr := projection.LabelBlocks(tx, d.ID)
			if berr != nil {
				return berr
			}
			if !d.Authority() && len(blocks) == 0 {
				devices = append(devices, d)
			}
		}
		return err
	})
	for _, d := range devices {
		if err == nil {
			sum := sha256.Sum256(d.ID[:])
			prefix := "T" + event.Digest(sum).String()[:6] + "-"
			_, err = h.engine.Author(ctx, ingest.Draft{Body: &event.LabelBlock{Device: d.ID, Prefix: prefix, First: 1, Last: labelsEach}})
		}
	}
	return err
}

func (h *house) close() error {
	var faults []error
	if h.stop != nil {
		h.stop()
		h.served.Wait()
		faults = append(faults, h.failed)
	}
	if h.engine != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeWait)
		defer cancel()
		faults = append(faults, h.engine.Close(ctx))
	}
	if h.guard != nil {
		faults = append(faults, h.guard.Close())
	}
	if h.store != nil {
		faults = append(faults, h.store.Close())
	}
	return errors.Join(faults...)
}
