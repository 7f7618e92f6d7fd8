package clients

import (
	"crypto/sha256"
	"net/http"
	"strconv"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// receipts makes up receipts of accepted events for a batch that goes nowhere.
func (x *exchange) receipts(first, size int64, note string) *wire.BatchAnswer {
	now := time.Now().UnixMicro()
	a := &wire.BatchAnswer{Checkpoints: map[string]string{strconv.FormatInt(size, 10): note}, ServerTimeUS: now}
	for i, line := range x.lines {
		id := event.ID(seal.LineDigest(line))
		if env, err := seal.ParseEnvelope(line); err == nil {
			id = seal.IDOf(env.Payload)
		}
		a.Results = append(a.Results, wire.EventResult{ID: id.String(), Status: wire.StatusAccepted, Index: first + int64(i), ReceivedUS: now, Kind: int(ledger.KindEvent), CheckpointSize: size})
	}
	return a
}

// fresh reports whether no line of the batch has ever been passed on; the lie is not told otherwise.
func (x *exchange) fresh() bool {
	x.p.mu.Lock()
	defer x.p.mu.Unlock()
	for _, line := range x.lines {
		x.declined = x.declined || x.p.passed[sha256.Sum256(line)]
	}
	return !x.declined
}

// newest is the log's newest checkpoint; ok is false where it cannot be had, and the lie is not told.
func (x *exchange) newest() (c *ledger.SignedCheckpoint, ok bool) {
	if !x.fresh() {
		return nil, false
	}
	c, err := x.p.house.engine.Signed(x.r.Context())
	x.declined = err != nil
	return c, err == nil
}

// ahead signs a checkpoint that is n entries ahead of the newest.
func (x *exchange) ahead(c *ledger.SignedCheckpoint, n int, key *ledger.Key, root ledger.Hash) (*ledger.SignedCheckpoint, bool) {
	next, err := ledger.Sign(ledger.Checkpoint{Origin: origin, Size: c.Size + ledger.Size(n), Root: root}, key)
	x.declined = err != nil
	return next, err == nil
}

// old makes receipts for entries that exist, under the newest checkpoint. Where the log is
// shorter than the batch, entries are named twice.
func (x *exchange) old() (*wire.BatchAnswer, bool) {
	c, ok := x.newest()
	if !ok {
		return nil, false
	}
	a := x.receipts(0, int64(c.Size), string(c.Note()))
	for i := range a.Results {
		a.Results[i].Index %= int64(c.Size)
	}
	return a, true
}

func (x *exchange) lieOld() {
	if a, ok := x.old(); ok {
		x.json(http.StatusOK, a)
	}
}

func (x *exchange) lieWrongID() {
	if a, ok := x.old(); ok {
		a.Results[0].ID = event.Digest(seal.LineDigest([]byte("another event"))).String()
		x.json(http.StatusOK, a)
	}
}

func (x *exchange) lieShort() {
	if a, ok := x.old(); ok {
		a.Results = a.Results[:len(a.Results)-1]
		x.json(http.StatusOK, a)
	}
}

func (x *exchange) lieUncovered() {
	if c, ok := x.newest(); ok {
		x.json(http.StatusOK, x.receipts(int64(c.Size), int64(c.Size), string(c.Note())))
	}
}

func (x *exchange) lieForged() {
	c, ok := x.newest()
	if !ok {
		return
	}
	if next, ok := x.ahead(c, len(x.lines), x.p.forger, c.Root); ok {
		x.json(http.StatusOK, x.receipts(int64(c.Size), int64(next.Size), string(next.Note())))
	}
}

// lieFork shows a checkpoint that the log's own key signed over a tree that is not its own.
func (x *exchange) lieFork() {
	c, ok := x.newest()
	if !ok {
		return
	}
	root := c.Root
	root[0] ^= 1
	if other, ok := x.ahead(c, 0, x.p.house.logKey, root); ok {
		x.json(http.StatusOK, wire.CheckpointAnswer{Checkpoint: string(other.Note()), ServerTimeUS: time.Now().UnixMicro()})
	}
}

// lieProofs answers with true proofs whose last hash is another.
func (x *exchange) lieProofs() {
	a, data, err := x.ask()
	if err != nil {
		x.drop()
		return
	}
	var p wire.Proofs
	if a.StatusCode != http.StatusOK || json.Unmarshal(data, &p) != nil || len(p.Proofs) == 0 || len(p.Proofs[0].Hashes) == 0 {
		x.declined = true
		return
	}
	for i := range p.Proofs {
		h := p.Proofs[i].Hashes
		h[len(h)-1] = ledger.Hash(seal.LineDigest([]byte("another hash"))).String()
	}
	x.json(http.StatusOK, p)
}
