package thumbnail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"fieldseal/sync/blob"
)

const (
	version = "thumbnail-1"
	// defaultQueue is how many pictures may wait: an inspector's whole day.
	defaultQueue = 1000
	// maxReason bounds a recorded reason, in bytes.
	maxReason = 500
)

var (
	// ErrPending: the thumbnail is not there yet; it is being made, or will be when
	// asked for again.
	ErrPending = errors.New("the thumbnail is being made; ask again in a moment")
	// ErrBusy: the queue is full. The picture is made when somebody asks for it.
	ErrBusy = errors.New("too many thumbnails are waiting to be made")
)

// FailureError says that no thumbnail can be made of a file, and why. It is kept;
// deleting the .failed file lets it be tried again.
type FailureError struct {
	Digest blob.Digest
	Reason string
}

func (e *FailureError) Error() string {
	return fmt.Sprintf("there is no thumbnail of %s: %s", e.Digest, e.Reason)
}

// Config configures a Maker.
type Config struct {
	Content blob.Content // where originals are read. Required
	Dir     string       // of derivatives, not inside the originals'. Required; made where absent
	Workers int          // pictures decoded at a time; 0 is 1. Each may take 800 MB at worst
	Queue   int          // pictures waiting; 0 is 1000
	// Failed is told of failures that are not the picture's own, such as a full
	// disk. May be nil.
	Failed func(error)
}

// Maker makes thumbnails in the background. Its methods are safe for concurrent
// use, also by several processes on one directory.
type Maker struct {
	Config
	queue chan blob.Digest
	stop  context.CancelFunc
	done  sync.WaitGroup

	mu      sync.Mutex
	waiting map[blob.Digest]struct{} // queued or in the works
}

// Open makes the directory and starts the workers; Close ends them.
func Open(cfg Config) (*Maker, error) {
	if cfg.Workers == 0 {
		cfg.Workers = 1
	}
	if cfg.Queue == 0 {
		cfg.Queue = defaultQueue
	}
	if cfg.Content == nil || cfg.Dir == "" || cfg.Workers < 0 || cfg.Queue < 0 {
		return nil, fmt.Errorf("thumbnails: directory %q, %d workers, queue of %d: name a store, a directory and no negative figure", cfg.Dir, cfg.Workers, cfg.Queue)
	}
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, version, fmt.Sprintf("%02x", i)), 0o750); err != nil {
			return nil, fmt.Errorf("open thumbnails: %w", err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &Maker{Config: cfg, queue: make(chan blob.Digest, cfg.Queue), stop: stop, waiting: map[blob.Digest]struct{}{}}
	for range cfg.Workers {
		m.done.Go(func() { m.work(ctx) })
	}
	return m, nil
}

// Close lets the pictures in the works be finished and forgets the queue.
func (m *Maker) Close() {
	m.stop()
	m.done.Wait()
}

func (m *Maker) work(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case d := <-m.queue:
			err := m.Make(context.WithoutCancel(ctx), d)
			m.mu.Lock()
			delete(m.waiting, d)
			m.mu.Unlock()
			var own *FailureError
			if err != nil && !errors.As(err, &own) && m.Failed != nil {
				m.Failed(err)
			}
		}
	}
}

// Enqueue asks for a thumbnail without waiting, as after an arrival. A picture
// that waits already is not queued twice. It fails with ErrBusy only.
func (m *Maker) Enqueue(d blob.Digest) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.waiting[d]; there {
		return nil
	}
	select {
	case m.queue <- d:
		m.waiting[d] = struct{}{}
		return nil
	default:
		return ErrBusy
	}
}

// Get returns the JPEG of a thumbnail, or begins to make it: then ErrPending. A
// picture of which none can be made is a *FailureError; an original that is not
// there is blob.ErrNotHeld.
func (m *Maker) Get(ctx context.Context, d blob.Digest) ([]byte, error) {
	picture, err := m.cached(d)
	if err != nil || picture != nil {
		return picture, err
	}
	if _, err := m.Content.Stat(ctx, d); err != nil {
		return nil, err
	}
	if err := m.Enqueue(d); err != nil && !errors.Is(err, ErrBusy) {
		return nil, err
	}
	return nil, ErrPending
}

// Make makes a thumbnail now, in the caller's time, unless it or its failure is
// recorded. A picture of which none can be made is a *FailureError, which is then
// recorded.
func (m *Maker) Make(ctx context.Context, d blob.Digest) error {
	if picture, err := m.cached(d); err != nil || picture != nil {
		return err
	}
	f, err := m.Content.Open(ctx, d)
	if err != nil {
		return fmt.Errorf("make thumbnail: %w", err)
	}
	picture, err := render(f, "Derivative for viewing, not evidence. Made by fieldseal from the original with SHA-256 "+d.String())
	if cerr := f.Close(); cerr != nil {
		return fmt.Errorf("make thumbnail of %s: %w", d, cerr)
	}
	switch {
	case err == nil:
		err = m.keep(d, ".jpg", picture)
	case !errors.Is(err, errSource):
		reason := err.Error()
		if len(reason) > maxReason {
			reason = reason[:maxReason] + "…"
		}
		if err = m.keep(d, ".failed", []byte(reason)); err == nil {
			return &FailureError{Digest: d, Reason: reason}
		}
	}
	if err != nil {
		return fmt.Errorf("make thumbnail of %s: %w", d, err)
	}
	return nil
}

func (m *Maker) path(d blob.Digest, ending string) string {
	name := d.String()
	return filepath.Join(m.Dir, version, name[:2], name+ending)
}

// cached returns what is recorded of a file: a picture, a *FailureError, or nothing.
func (m *Maker) cached(d blob.Digest) ([]byte, error) {
	picture, err := os.ReadFile(m.path(d, ".jpg"))
	if !errors.Is(err, fs.ErrNotExist) {
		return picture, err
	}
	reason, err := os.ReadFile(m.path(d, ".failed"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return nil, &FailureError{Digest: d, Reason: string(reason)}
}

// keep writes a result under its name whole or not at all.
func (m *Maker) keep(d blob.Digest, ending string, b []byte) error {
	final := m.path(d, ending)
	f, err := os.CreateTemp(filepath.Dir(final), "tmp-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync() // else a power cut could leave an empty picture under the name
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), final)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
