package ingest

import (
	"context"
	"time"

	"fieldseal/sync/projection"
	"fieldseal/sync/store"
)

const (
	// indexIdle is how long the writer must have had nothing to do before event
	// ids are indexed.
	indexIdle = 100 * time.Millisecond
	// indexWorth is the fewest entries that are worth a transaction: going through
	// so many takes a millisecond.
	indexWorth = 1024
	// indexStep is how many entries are indexed in one transaction: some 30 ms, in
	// which submissions wait.
	indexStep = 8192
	// indexLag is how far the index may lag behind under load that never ends. Looking
	// for an id goes through what is not indexed: 128 Ki entries are a tenth of a second.
	indexLag = 128 << 10
)

// indexer keeps event_ids, from which events are found by their ids, near the
// log without touching it in the transactions that append; see
// projection.IndexIDs. It belongs to the commit loop.
type indexer struct {
	lag   int64 // entries that are not indexed
	timer *time.Timer
}

func newIndexer(lag int64) *indexer { return &indexer{lag: lag, timer: time.NewTimer(indexIdle)} }

// added notes that the log has grown, and indexes at once what lags too far behind.
func (x *indexer) added(e *Engine, n int64) {
	if x.lag += n; x.lag > indexLag {
		x.step(e)
	}
	x.timer.Reset(indexIdle)
}

// idle indexes a part of what is not indexed yet, and asks to be called again while there is more.
func (x *indexer) idle(e *Engine) {
	if x.lag >= indexWorth {
		x.step(e)
	}
	if x.lag >= indexWorth {
		x.timer.Reset(0)
	}
}

// step indexes a part. Its failure hurts nobody: ids are found all the same, more
// slowly, and it is tried again when the log has grown.
func (x *indexer) step(e *Engine) {
	e.writer.Lock()
	defer e.writer.Unlock()
	err := e.cfg.Store.Write(context.Background(), func(tx *store.Tx) (err error) {
		if err := tx.LockLedger(); err != nil {
			return err
		}
		if err := projection.IndexIDs(tx, indexStep); err != nil {
			return err
		}
		x.lag, err = projection.UnindexedIDs(tx)
		return err
	})
	if err != nil {
		x.lag = 0
		e.log.Warn("event ids were not indexed", "error", err)
	}
}
