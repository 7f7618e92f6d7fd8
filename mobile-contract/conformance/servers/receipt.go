package servers

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

// item is one line that is handed in, and the answer that it must get.
type item struct {
	line []byte
	id   event.ID
	// x is the event where the line is a good one; it tells what entry must be made.
	x      *sealed
	status wire.Status
	code   string
	waits  int64
	// any: accepted and duplicate are both right, since it is not known whether it arrived before.
	any bool
}

func ok(x *sealed) item { return item{line: x.line, id: x.id, x: x, status: wire.StatusAccepted} }

func dup(x *sealed) item { return item{line: x.line, id: x.id, x: x, status: wire.StatusDuplicate} }

func either(x *sealed) item { return item{line: x.line, id: x.id, x: x, any: true} }

func (i item) waitingFor(n int64) item {
	i.waits = n
	return i
}

// quarantine is a line that is refused; id is the event id, or the line's digest where no payload can be read.
func quarantine(line []byte, id event.ID, code seal.Code) item {
	return item{line: line, id: id, status: wire.StatusQuarantined, code: string(code)}
}

func oks(list []*sealed) (out []item) {
	for _, x := range list {
		out = append(out, ok(x))
	}
	return out
}

func dups(list []*sealed) (out []item) {
	for _, x := range list {
		out = append(out, dup(x))
	}
	return out
}

func join(items []item) []byte {
	var b bytes.Buffer
	for _, i := range items {
		b.Write(i.line)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// post is the request that hands a batch in.
func (p *peer) post(body []byte, encoding string) request {
	h := map[string]string{"Content-Type": "application/x-ndjson", "Authorization": "Bearer " + p.token}
	if encoding != "" {
		h["Content-Encoding"] = encoding
	}
	return request{method: http.MethodPost, path: "/v1/batches", header: h, body: body}
}

// hand hands lines in as one batch and checks every receipt.
func (p *peer) hand(items ...item) (*wire.BatchAnswer, error) {
	return p.send(p.post(join(items), ""), items)
}

func (p *peer) send(q request, items []item) (*wire.BatchAnswer, error) {
	r, err := p.r.http.do(p.r.ctx, q)
	if err != nil {
		return nil, err
	}
	var a wire.BatchAnswer
	if err := r.into(q, &a); err != nil {
		return nil, err
	}
	return &a, p.r.receipts(items, &a)
}

// receipts checks an answer against what was sent: each id, outcome and covering
// checkpoint, and that no entry was ever promised to be something else.
func (r *run) receipts(items []item, a *wire.BatchAnswer) error {
	if len(a.Results) != len(items) {
		return fmt.Errorf("%d results came back for %d lines", len(a.Results), len(items))
	}
	if a.ServerTimeUS <= 0 {
		return errors.New("server_time_us is missing")
	}
	for i := range items {
		if err := r.receipt(&items[i], &a.Results[i], a); err != nil {
			return fmt.Errorf("line %d of %d: %w", i+1, len(items), err)
		}
	}
	return nil
}

func (r *run) receipt(i *item, e *wire.EventResult, a *wire.BatchAnswer) error {
	status := i.status
	if i.any && e.Status != wire.StatusQuarantined {
		status = e.Status
	}
	switch {
	case e.Status != status || e.Code != i.code:
		return fmt.Errorf("answered %s %s (%s), want %s %s", e.Status, e.Code, e.Detail, status, i.code)
	case e.ID != i.id.String():
		return fmt.Errorf("answered with id %.70q, want %s", e.ID, i.id)
	case e.Pending != (i.waits > 0) || e.WaitsFor != i.waits:
		return fmt.Errorf("pending %v, waits for %d; want %v, %d", e.Pending, e.WaitsFor, i.waits > 0, i.waits)
	case e.Status == wire.StatusQuarantined && e.Detail == "":
		return errors.New("in quarantine without a detail that says why")
	}
	note, named := a.Checkpoints[strconv.FormatInt(e.CheckpointSize, 10)]
	if !named {
		return fmt.Errorf("the receipt names a checkpoint of %d entries that is not in the answer", e.CheckpointSize)
	}
	cp, err := r.log.signed(note)
	if err != nil {
		return err
	}
	if int64(cp.Size) != e.CheckpointSize || e.Index < 0 || e.Index >= e.CheckpointSize {
		return fmt.Errorf("entry %d, under a checkpoint named %d that has %d entries", e.Index, e.CheckpointSize, cp.Size)
	}
	return r.log.promised(e.Index, leafOf(i, e))
}

// leafOf is the entry that a receipt promises.
func leafOf(i *item, e *wire.EventResult) ledger.Leaf {
	l := ledger.Leaf{Kind: ledger.Kind(e.Kind), Received: ledger.Micros(e.ReceivedUS)}
	if e.Status == wire.StatusQuarantined {
		l.Kind, l.Event = ledger.KindQuarantine, ledger.EventID(seal.LineDigest(i.line))
		if e.Kind != int(ledger.KindQuarantine) {
			l.Kind = 0 // no entry can be of it: the promise is refused
		}
		return l
	}
	l.Event, l.Signature, l.Key = ledger.EventID(i.id), ledger.SignatureDigest(i.x.sig), ledger.KeyID(i.x.key)
	return l
}

// same checks that two answers gave the same receipts, but for accepted and duplicate.
func same(a, b *wire.BatchAnswer) error {
	if len(a.Results) != len(b.Results) {
		return fmt.Errorf("%d results, then %d", len(a.Results), len(b.Results))
	}
	for i := range a.Results {
		x, y := a.Results[i], b.Results[i]
		if x.ID != y.ID || x.Index != y.Index || x.ReceivedUS != y.ReceivedUS || x.Kind != y.Kind || x.Code != y.Code {
			return fmt.Errorf("line %d had the receipt (%d, %d µs, kind %d, %s) and then (%d, %d µs, kind %d, %s)", i+1, x.Index, x.ReceivedUS, x.Kind, x.Code, y.Index, y.ReceivedUS, y.Kind, y.Code)
		}
	}
	return nil
}
