package verify

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
)

const (
	// batchLeaves and batchBytes bound what is handed to a worker at once: enough
	// to make the handing over cheap, little enough to keep memory flat.
	batchLeaves = 64
	batchBytes  = 256 << 10
	// maxJudged bounds the payloads that are kept for custody to judge. Deflated, a
	// hostile bundle of a few megabytes could ask for more memory than there is. A
	// case that is truly larger is disclosed by exhibits.
	maxJudged = 4 << 30
)

// ErrTooLarge is wrapped, beside ErrUnreadable, where a bundle shows more than a
// program can hold in memory.
var ErrTooLarge = errors.New("the events shown are too many to be judged at once")

// job is one leaf with what the bundle shows of it.
type job struct {
	bag.LeafLine
	line []byte
	tile *tile
	// What the worker found:
	failures []Failure
	event    *seal.Verified      // for RoleEvent, where it verifies
	kept     *bag.QuarantineLine // for RoleQuarantine
	refusal  *seal.Refusal       // what this program finds wrong with kept
	claimed  *event.Payload      // what kept says of itself
}

type batch struct {
	jobs []job
	// text holds the lines of jobs. It goes back to the pool once the collector is
	// through with them, which keep nothing of it.
	text *[]byte
	done chan struct{}
}

var texts = sync.Pool{New: func() any { b := make([]byte, 0, 2*batchBytes); return &b }}

func newBatch() *batch {
	text := texts.Get().(*[]byte)
	*text = (*text)[:0]
	return &batch{jobs: make([]job, 0, batchLeaves), text: text, done: make(chan struct{})}
}

// keep copies a line into the batch.
func (b *batch) keep(line []byte) []byte {
	from := len(*b.text)
	*b.text = append(*b.text, line...)
	return (*b.text)[from:len(*b.text):len(*b.text)]
}

func (b *batch) release() {
	if cap(*b.text) <= 4*batchBytes { // a huge line's buffer is not kept
		texts.Put(b.text)
	}
}

// readEvents runs events, quarantine and leaves through the workers. One
// goroutine reads in ledger order, the workers check, and the collector takes
// the results in ledger order again.
func (v *verifier) readEvents() error {
	v.found = newCollector(v)
	ctx, cancel := context.WithCancel(v.ctx)
	defer cancel()
	todo := make(chan *batch)
	ordered := make(chan *batch, 2*v.o.Workers)
	var readErr error
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(todo)
		defer close(ordered)
		rd := &eventReader{v: v, emit: func(b *batch) error {
			select {
			case ordered <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
			select {
			case todo <- b:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}
		readErr = rd.run()
	})
	for range v.o.Workers {
		wg.Go(func() {
			for b := range todo {
				for i := range b.jobs {
					v.checkJob(&b.jobs[i])
				}
				close(b.done)
			}
		})
	}
	for b := range ordered {
		select {
		case <-b.done:
		case <-ctx.Done():
			cancel()
			wg.Wait()
			return ctx.Err()
		}
		for i := range b.jobs {
			v.found.take(&b.jobs[i])
		}
		b.release()
		if v.before+v.found.bytes > maxJudged {
			cancel()
			for range ordered { // let the reader end
			}
			wg.Wait()
			return fmt.Errorf("%w: %w: more than %d bytes of payloads", ErrUnreadable, ErrTooLarge, int64(maxJudged))
		}
	}
	wg.Wait()
	return readErr
}

// eventReader walks leaves.txt, and beside it events.ndjson and quarantine.ndjson.
type eventReader struct {
	v                          *verifier
	emit                       func(*batch) error
	leaves, events, quarantine *lines
	last                       ledger.Index
	tile                       *tile
	tileN                      int64
	batch                      *batch
}

func (r *eventReader) run() error {
	v := r.v
	r.leaves = v.lines(bag.PathLeaves, bag.MaxLeafLine)
	r.events = v.lines(bag.PathEvents, seal.MaxLine)
	r.quarantine = v.lines(bag.PathQuarantine, bag.MaxQuarantineLine)
	r.last, r.tileN = -1, -1
	err := r.walk()
	if err == nil || errors.Is(err, errStop) {
		if bad := r.finish(err == nil); bad != nil {
			return bad // that the file cannot be read outweighs what it says
		}
	}
	return err
}

// walk emits a job for every leaf.
func (r *eventReader) walk() error {
	v := r.v
	for {
		text, err := r.leaves.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		leaf, err := bag.ParseLeafLine(text)
		if err != nil {
			return v.stop(chkLeaves, bag.PathLeaves, "line %d: %v", r.leaves.n, err)
		}
		if v.hopeless() {
			return errStop
		}
		if leaf.Index <= r.last {
			return v.stop(chkLeaves, bag.PathLeaves, "line %d: entry %d does not come after entry %d", r.leaves.n, leaf.Index, r.last)
		}
		if ledger.Size(leaf.Index) >= v.cp.Size {
			return v.stop(chkLeaves, bag.PathLeaves, "line %d: entry %d is beyond the %d entries that the checkpoint covers", r.leaves.n, leaf.Index, v.cp.Size)
		}
		r.last = leaf.Index
		if err := r.add(leaf); err != nil {
			return err
		}
	}
	return r.flush()
}

// add makes the job of a leaf.
func (r *eventReader) add(leaf bag.LeafLine) error {
	j := job{LeafLine: leaf}
	if n := int64(leaf.Index) >> ledger.TileHeight; n != r.tileN {
		t, err := r.v.leafTile(leaf.Index)
		if err != nil {
			return err
		}
		r.tile, r.tileN = t, n
	}
	j.tile = r.tile
	if r.batch == nil {
		r.batch = newBatch()
	}
	var from *lines
	switch leaf.Role {
	case bag.RoleEvent:
		from = r.events
	case bag.RoleQuarantine:
		from = r.quarantine
	}
	if from != nil {
		line, err := from.next()
		if errors.Is(err, io.EOF) {
			return r.v.stop(chkLeaves, from.path, "it ends before the line of entry %d", leaf.Index)
		}
		if err != nil {
			return err
		}
		j.line = r.batch.keep(line)
	}
	if leaf.Role == bag.RoleEvent && leaf.Leaf.Kind == ledger.KindEnrolment {
		r.v.keys.enrol(leaf.Index, j.line)
	}
	r.batch.jobs = append(r.batch.jobs, j)
	if len(r.batch.jobs) == batchLeaves || len(*r.batch.text) >= batchBytes {
		return r.flush()
	}
	return nil
}

func (r *eventReader) flush() error {
	b := r.batch
	if r.batch = nil; b == nil {
		return nil
	}
	r.v.progress("events", r.events.read.n, r.events.read.f.Size)
	return r.emit(b)
}

// finish requires that the two files of lines are used up, and their digests.
func (r *eventReader) finish(whole bool) error {
	for _, l := range []*lines{r.events, r.quarantine} {
		if !whole {
			break
		}
		if _, err := l.next(); err == nil {
			r.v.failAt(chkLeaves, l.path, "line %d has no leaf in %s", l.n, bag.PathLeaves)
		} else if !errors.Is(err, io.EOF) && !errors.Is(err, errStop) {
			return err
		}
	}
	for _, l := range []*lines{r.leaves, r.events, r.quarantine} {
		if _, err := l.read.close(); err != nil {
			return err
		}
	}
	return nil
}

// lines reads a file line by line.
type lines struct {
	v    *verifier
	path string
	read *reading
	buf  *bufio.Reader
	long []byte
	most int
	n    int
}

func (v *verifier) lines(path string, most int) *lines {
	read := v.open(v.files[path])
	return &lines{v: v, path: path, read: read, buf: bufio.NewReaderSize(read, int(min(read.f.Size+1, 128<<10))), most: most}
}

// next gives a line without its newline, valid until the next call; io.EOF at the
// end; errStop, with the failure recorded, where the file is broken.
func (l *lines) next() ([]byte, error) {
	l.n++
	line, err := l.buf.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = append(l.long[:0], line...)
		for errors.Is(err, bufio.ErrBufferFull) && len(l.long) <= l.most+1 {
			line, err = l.buf.ReadSlice('\n')
			l.long = append(l.long, line...)
		}
		line = l.long
	}
	switch {
	case len(line) > l.most+1:
		return nil, l.v.stop(chkLeaves, l.path, "line %d has more than %d bytes", l.n, l.most)
	case errors.Is(err, io.EOF) && len(line) == 0:
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		return nil, l.v.stop(chkLeaves, l.path, "line %d does not end", l.n)
	case err != nil:
		return nil, errStop // reading.close reports it
	}
	return line[:len(line)-1], nil
}

// checkJob does what needs no other leaf.
func (v *verifier) checkJob(j *job) {
	fail := func(check string, id event.ID, format string, args ...any) {
		index := j.Index
		j.failures = append(j.failures, Failure{Check: check, Index: &index, Event: id, Detail: fmt.Sprintf(format, args...)})
	}
	hash, err := j.Leaf.Hash()
	if err != nil {
		fail(chkLeaves, event.ID(j.Leaf.Event), "%v", err)
		return
	}
	if why := v.holds(j.tile, j.Index, hash); why != "" {
		fail(chkLeaves, event.ID(j.Leaf.Event), "%s", why)
	}
	switch j.Role {
	case bag.RoleEvent:
		v.checkEvent(j, fail)
	case bag.RoleQuarantine:
		v.checkQuarantined(j, fail)
	}
}

type failer func(check string, id event.ID, format string, args ...any)

func (v *verifier) checkEvent(j *job, fail failer) {
	ev, refusal, err := seal.Verify(j.line, keysAt{v.keys, j.Index})
	if err != nil {
		fail(chkSignatures, event.ID{}, "%v", err)
		return
	}
	if refusal != nil {
		check := chkSignatures
		if refusal.Code == seal.CodeUnknownDevice {
			check = chkEnrolments
		}
		fail(check, refusal.ID, "%v", refusal)
		return
	}
	j.event = ev
	if want := reconcile.LeafOf(ev, received(j.Leaf)); want != j.Leaf {
		fail(chkLeaves, ev.ID(), "the leaf is not the one of this event")
	}
	p := ev.Payload()
	if p.Type.AuthorityOnly() && p.Device != v.m.Authority.Device {
		fail(chkSignatures, ev.ID(), "a device sealed %s, which only the authority may seal", p.Type)
	}
	if !p.Case.IsZero() && p.Case != v.m.Case {
		fail(chkDisclosure, ev.ID(), "it belongs to case %s, the bundle is of case %s", p.Case, v.m.Case)
	}
	if b, ok := ev.Body().(*event.DeviceEnrolled); ok {
		index := j.Index
		if err := checkProof(b); err != nil {
			v.note("ENROLMENT_PROOF", &index, fmt.Sprintf("the enrolment of device %s does not show that the device had the key then: %v", b.Device, err),
				fmt.Sprintf("设备 %s 的登记未能显示其当时持有密钥：%v", b.Device, err))
		}
	}
}

func (v *verifier) checkQuarantined(j *job, fail failer) {
	q, err := bag.ParseJSON[bag.QuarantineLine](j.line)
	if err != nil {
		fail(chkQuarantine, event.ID{}, "%v", err)
		return
	}
	sum := event.Digest(sha256.Sum256(q.Line))
	if want := reconcile.QuarantineLeaf(sum, received(j.Leaf)); want != j.Leaf || q.Index != j.Index {
		fail(chkQuarantine, event.ID{}, "the bytes shown are not those that the ledger has an entry for")
		return
	}
	ev, refusal, err := seal.Verify(q.Line, keysAt{v.keys, j.Index})
	if err != nil {
		fail(chkQuarantine, event.ID{}, "%v", err)
		return
	}
	j.kept, j.refusal = q, refusal
	if refusal != nil {
		j.claimed = &refusal.Claimed
	} else {
		claimed := *ev.Payload()
		claimed.Body = nil
		j.claimed = &claimed
	}
}

// received is when a leaf says that its bytes arrived.
func received(l ledger.Leaf) time.Time { return l.Received.Time() }
