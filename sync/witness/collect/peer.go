package collect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
)

// attempts is how often a witness is asked within a round: at the size that is
// believed, at the one that it names, and once more where the log has grown in between.
const attempts = 3

// peer is a witness. The loop of Run owns busy, again and rest; confirmed is owned by
// the submission that runs, of which there is one at a time; report by the
// collector's mu.
type peer struct {
	Witness
	at     int // in the configuration's order
	client *http.Client

	busy, again bool
	// rest: it is asked at heartbeats alone.
	rest bool
	// confirmed is the largest size of which a cosignature was verified.
	confirmed ledger.Size

	report WitnessStatus
}

// outcome is what became of one submission.
type outcome struct {
	peer *peer
	// cp is the checkpoint that was submitted, with the log's signature alone.
	cp    *ledger.SignedCheckpoint
	state State
	// detail says what is wrong, for an operator.
	detail string
	// silent: there was no answer. The state is then Slow, or Dead by how long it has been so.
	silent bool
	// rest: it said that it is asked too often.
	rest bool
	// sig and at are set where it cosigned.
	sig  *ledger.Signature
	at   time.Time
	took time.Duration
	// skew is how far the witness's clock is ahead of this one; 0 where they agree
	// as far as can be known.
	skew time.Duration
	// find is evidence against somebody; nil where there is none.
	find *finding
	// fault is of this side: it says nothing about the witness.
	fault error
}

// The kinds of findings.
const (
	kindHistory = "history" // the witness has seen another history
	kindForgot  = "forgot"  // the witness has lost its memory
)

// finding is an exchange that must not be lost.
type finding struct {
	kind, detail    string
	status          int
	request, answer []byte
}

// submit asks a witness for a cosignature of cp, or of a newer checkpoint where
// it has seen more already.
func (c *Collector) submit(ctx context.Context, p *peer, cp *ledger.SignedCheckpoint) outcome {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Limits.Timeout)
	defer cancel()
	o := outcome{peer: p, cp: cp}
	old := min(p.confirmed, cp.Size)
	for range attempts {
		proof, err := c.cfg.Log.ConsistencyProof(ctx, int64(old), int64(o.cp.Size))
		if err != nil {
			o.fault = fmt.Errorf("the proof from %d to %d: %w", old, o.cp.Size, err)
			return o
		}
		body := (&witness.Request{Old: old, Proof: proof, Note: o.cp.Note()}).Marshal()
		sent := c.cfg.Now()
		status, answer, err := p.post(ctx, body)
		got := c.cfg.Now()
		o.took = got.Sub(sent)
		if err != nil {
			o.state, o.detail, o.silent = Slow, err.Error(), true
			return o
		}
		find := finding{status: status, request: body, answer: answer}
		switch status {
		case witness.StatusCosigned:
			return c.cosigned(o, answer, sent, got)
		case witness.StatusConflict:
			next, again := c.conflict(ctx, &o, old, find)
			if !again {
				return o
			}
			old = next
		case witness.StatusInconsistent:
			return o.history(find, "it does not accept the proof that the %d entries which it cosigned are the beginning of this log", old)
		case http.StatusTooManyRequests:
			o.state, o.detail, o.rest = Refuses, "it is asked too often; until the next heartbeat it is left alone", true
			return o
		default:
			o.state, o.detail = Refuses, fmt.Sprintf("it answered %d: %s", status, clip(answer))
			return o
		}
	}
	o.state, o.detail = Refuses, "it names another size at each attempt"
	return o
}

func (o outcome) history(f finding, format string, args ...any) outcome {
	f.kind, f.detail = kindHistory, fmt.Sprintf(format, args...)
	o.state, o.detail, o.find = History, f.detail, &f
	return o
}

// conflict takes up the size that a witness names. It gives the size to go on
// from, or says in o why there is none.
func (c *Collector) conflict(ctx context.Context, o *outcome, old ledger.Size, f finding) (next ledger.Size, again bool) {
	n, err := witness.ParseSizeAnswer(f.answer)
	switch {
	case err != nil && old == o.cp.Size: // some name no size where it is the roots that differ
		*o = o.history(f, "it does not accept the tree of %d entries, of which it was asked to go on", old)
		return 0, false
	case err != nil:
		o.state, o.detail = Refuses, err.Error()
		return 0, false
	case n == old && n == o.cp.Size:
		*o = o.history(f, "it has cosigned another tree of %d entries", n)
		return 0, false
	case n == old:
		o.state, o.detail = Refuses, fmt.Sprintf("it says that it has cosigned %d entries, and was asked to go on from there", n)
		return 0, false
	}
	if n > o.cp.Size { // another process of this server may have been faster
		newer, err := c.cfg.Log.Signed(ctx)
		if err != nil {
			o.fault = err
			return 0, false
		}
		if newer == nil || newer.Size < n {
			*o = o.history(f, "it has cosigned %d entries, and this log has %d", n, o.cp.Size)
			return 0, false
		}
		o.cp = newer
	}
	if n < o.peer.confirmed {
		f.kind, f.detail = kindForgot, fmt.Sprintf("it has cosigned %d entries and knows only %d: its memory was lost or put back to an older state", o.peer.confirmed, n)
		o.find = &f
	}
	return n, true
}

// cosigned reads the answer 200. Lines by unknown keys are ignored.
func (c *Collector) cosigned(o outcome, answer []byte, sent, got time.Time) outcome {
	refuse := func(format string, args ...any) outcome {
		o.state, o.detail = Refuses, fmt.Sprintf(format, args...)
		return o
	}
	sigs, err := witness.ParseCosignatures(answer)
	if err != nil {
		return refuse("%v", err)
	}
	for _, sig := range sigs {
		if !o.peer.Key.Made(sig) {
			continue
		}
		if _, err := o.cp.WithSignature(sig, o.peer.Key); err != nil {
			return refuse("its cosignature is wrong: %v", err)
		}
		at, err := witness.Time(sig.Sig)
		if err != nil {
			return refuse("%v", err)
		}
		o.sig, o.at, o.skew = &sig, at, skew(at, sent, got)
		o.peer.confirmed = max(o.peer.confirmed, o.cp.Size)
		switch {
		case o.skew.Abs() > c.cfg.Limits.MaxSkew:
			o.state, o.detail = Clock, fmt.Sprintf("its clock is %v from this server's", o.skew.Round(time.Second))
		case o.took > c.cfg.Limits.SlowAfter:
			o.state, o.detail = Slow, fmt.Sprintf("it took %v", o.took.Round(time.Millisecond))
		default:
			o.state = OK
		}
		return o
	}
	return refuse("it answered with %d signatures, none by its key %s", len(sigs), o.peer.Key.Text())
}

// skew is how far a witness's second lies outside the time between sending and
// getting the answer.
func skew(at, sent, got time.Time) time.Duration {
	if early := at.Sub(sent.Truncate(time.Second)); early < 0 {
		return early
	}
	return max(at.Sub(got), 0)
}

// post makes one request.
func (p *peer) post(ctx context.Context, body []byte) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(p.URL, "/")+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", witness.TypeText)
	req.Header.Set("User-Agent", "fieldseal")
	resp, err := p.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, witness.MaxResponseBytes+1))
	if err != nil {
		return 0, nil, fmt.Errorf("the answer was cut short: %w", err)
	}
	if len(answer) > witness.MaxResponseBytes {
		return 0, nil, errors.New("the answer is longer than any that a witness gives")
	}
	return resp.StatusCode, answer, nil
}

// clip keeps a stranger's text short and on one line.
func clip(b []byte) string {
	const most = 200
	return fmt.Sprintf("%q", b[:min(len(b), most)])
}
