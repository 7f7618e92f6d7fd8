package ingest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"fieldseal/sync/event"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
)

const (
	// MaxLines bounds one submission: four times what a device sends at once, and
	// about ten megabytes of events.
	MaxLines = 10_000
	// groupEvents is when a group is full: beyond a thousand events a transaction
	// gains nothing and everyone in it waits longer.
	groupEvents = 1000
	// maxQueue is how many requests may wait before Submit itself waits.
	maxQueue = 1024
	// verifyChunk is how many lines a worker takes at a time: half a millisecond of work.
	verifyChunk = 8
)

// request is one submission, or one list of drafts, on its way through a group.
type request struct {
	incoming []reconcile.Incoming
	carrier  event.UUID
	drafts   []Draft
	done     chan struct{}
	receipt  Receipt
	err      error
}

func newRequest(incoming []reconcile.Incoming, carrier event.UUID) *request {
	return &request{incoming: incoming, carrier: carrier, done: make(chan struct{})}
}

func (r *request) answer(receipt Receipt, err error) {
	r.receipt, r.err = receipt, err
	close(r.done)
}

// Submit takes lines that a device handed in and answers each, in order. It
// returns when everything that it reports is on stable storage, in the log and
// in the guard. The lines must not change until it returns. carrier is the
// device that delivered them, zero where that is not known.
//
// Bad lines are no error: they are quarantined and reported. An error means
// that nothing is acknowledged: submit the same lines again. When ctx ends while
// the lines wait, they may be stored all the same.
func (e *Engine) Submit(ctx context.Context, lines [][]byte, carrier event.UUID) (Receipt, error) {
	if len(lines) > MaxLines {
		return Receipt{}, fmt.Errorf("%w: %d, at most %d are taken; divide the batch", ErrTooManyLines, len(lines), MaxLines)
	}
	if len(lines) == 0 {
		return Receipt{Checkpoints: map[int64]string{}}, ctx.Err()
	}
	incoming, err := verify(ctx, lines, e.keys.session(ctx))
	if err != nil {
		return Receipt{}, err
	}
	return e.enqueue(ctx, newRequest(incoming, carrier))
}

func (e *Engine) enqueue(ctx context.Context, r *request) (Receipt, error) {
	select {
	case <-e.closed:
		return Receipt{}, ErrClosed
	default:
	}
	select {
	case e.queue <- r:
		return r.wait(ctx, e)
	case <-e.closed:
		return Receipt{}, ErrClosed
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	}
}

func (r *request) wait(ctx context.Context, e *Engine) (Receipt, error) {
	select {
	case <-r.done:
		return r.receipt, r.err
	case <-ctx.Done():
		return Receipt{}, ctx.Err()
	case <-e.ended:
		// The committer answers all that it took; what it did not take is not stored.
		select {
		case <-r.done:
			return r.receipt, r.err
		default:
			return Receipt{}, ErrClosed
		}
	}
}

// verify checks lines on all processors, keeping their order.
func verify(ctx context.Context, lines [][]byte, keys seal.Keys) ([]reconcile.Incoming, error) {
	out := make([]reconcile.Incoming, len(lines))
	var next atomic.Int64
	var failed atomic.Pointer[error]
	work := func() {
		for {
			from := int(next.Add(verifyChunk)) - verifyChunk
			if from >= len(lines) || failed.Load() != nil {
				return
			}
			if err := ctx.Err(); err != nil {
				failed.Store(&err)
				return
			}
			for i := from; i < min(from+verifyChunk, len(lines)); i++ {
				v, r, err := seal.Verify(lines[i], keys)
				if err != nil {
					failed.Store(&err)
					return
				}
				out[i] = reconcile.Incoming{Verified: v, Refusal: r, SHA: seal.LineDigest(lines[i])}
			}
		}
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (len(lines)+verifyChunk-1)/verifyChunk) - 1 {
		wg.Go(work)
	}
	work()
	wg.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	return out, nil
}
