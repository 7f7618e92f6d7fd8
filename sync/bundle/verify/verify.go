package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"runtime"
	"sync"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/container"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/rules"
	"fieldseal/sync/stamp"
	"fieldseal/sync/witness"

	"golang.org/x/mod/sumdb/note"
)

// Options say how to verify.
type Options struct {
	// TrustedLogKeys are the ledger verifier keys (vkey) that the reader trusts,
	// and TrustedAuthorities the key ids of authorities. Where either is given, a
	// bundle that matches none of both is not authentic. Where none is given, the
	// bundle shows only that it agrees with itself, and the verdict says so.
	TrustedLogKeys     []string
	TrustedAuthorities []event.Digest
	// TrustedTSA are the time-stamping authorities that the reader trusts; nil means
	// none, and time-stamps then bound no time. TSAPolicies are the policies that the
	// reader accepts; none means any.
	TrustedTSA  *stamp.Roots
	TSAPolicies []string
	// TrustedWitnesses are the verifier keys (vkey) of the witnesses that the reader
	// trusts, and WitnessQuorum how many of them must have cosigned the checkpoint: 0
	// means more than half. Where any is given, a bundle without that quorum is not
	// authentic. Where none is given, cosignatures count for nothing.
	TrustedWitnesses []string
	WitnessQuorum    int
	// Workers is the number of goroutines that check signatures; 0 means all cores.
	Workers int
	// Progress is told now and then how far the work has come, from one
	// goroutine at a time. It may be nil.
	Progress func(Progress)
}

// Progress is how far the verification has come.
type Progress struct {
	// Stage is "events" or "files"; Done and Total count the bytes of it.
	Stage       string
	Done, Total int64
}

// Verify judges the bundle that r holds in its first size bytes; r is read from
// several goroutines. The error wraps ErrUnreadable, or is that of ctx or of
// Options; a bundle that fails is a verdict, not an error.
func Verify(ctx context.Context, r io.ReaderAt, size int64, o Options) (*Verdict, error) {
	for _, k := range o.TrustedLogKeys {
		if _, err := ledger.ParseVerifier(k); err != nil {
			return nil, fmt.Errorf("a trusted ledger key cannot be read: %w", err)
		}
	}
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	v := &verifier{ctx: ctx, o: o, verdict: &Verdict{Failures: []Failure{}}}
	if err := v.readWitnesses(); err != nil {
		return nil, err
	}
	v.ask()
	if err := v.run(r, size); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	v.conclude()
	return v.verdict, nil
}

func (v *verifier) conclude() {
	v.verdict.limits(v.facts())
	v.verdict.order()
	v.verdict.settle()
}

// ask lists the checks.
func (v *verifier) ask() {
	for _, c := range checkTitles {
		v.verdict.Checks = append(v.verdict.Checks, Check{Name: c.name, Title: Text{EN: c.en, ZH: c.zh}, State: NotReached})
	}
}

// verifier is one run. What several goroutines touch is guarded by mu.
type verifier struct {
	ctx     context.Context
	o       Options
	verdict *Verdict
	mu      sync.Mutex

	arc    *container.Archive
	folder string
	dsse   bag.FileLine
	m      *bag.Manifest
	files  map[string]*pinned

	keys   *keyring
	logKey note.Verifier
	// witnesses are those that the reader trusts, cosigned what they say of cp.
	witnesses []*witness.Verifier
	cosigned  witnessed
	cp        *ledger.SignedCheckpoint
	tiles     *ledger.VerifiedTiles
	seen      map[ledger.Size]*seenTree
	dated     map[ledger.Size]*datedTree
	tokens    []custody.Token // over cp
	chains    map[event.UUID]*bag.ChainLine
	media     map[event.Digest]*Media
	rules     *rules.Pack
	found     *collector
	// former is the verification of the former ledger's bundle, where there is one;
	// depth is how many bundles this one lies within.
	former *verifier
	depth  int
	// before is how many bytes of payloads the bundles have that this one lies within.
	before int64
	// late are proofs about this ledger in the bundle of the one that continues it.
	late map[ledger.Size]*seenTree
}

// errStop ends a run whose failure leaves nothing further to check.
var errStop = errors.New("stopped after a failure")

// run passes the stages in order.
func (v *verifier) run(r io.ReaderAt, size int64) error {
	stages := []func() error{
		func() error { return v.openContainer(r, size) },
		v.readManifest, v.readFiles, v.checkTags, v.checkTrust,
		v.readCheckpoint, v.readTiles, v.readSeen, v.readTokens, v.readChains, v.readMediaList, v.readRules,
		v.readEvents, v.checkChains, v.checkFormer, v.checkSeen, v.checkDisclosure, v.checkMedia, v.checkKeys, v.hashRest,
		v.judge,
	}
	for _, stage := range stages {
		if err := v.ctx.Err(); err != nil {
			return err
		}
		switch err := stage(); {
		case errors.Is(err, errStop) && v.verdict.FailureCount == 0:
			return fmt.Errorf("%w: the verification stopped for no stated reason", ErrUnreadable)
		case errors.Is(err, errStop):
			return nil
		case err != nil:
			return err
		}
	}
	return nil
}

func (v *verifier) check(name string) *Check {
	for i := range v.verdict.Checks {
		if v.verdict.Checks[i].Name == name {
			return &v.verdict.Checks[i]
		}
	}
	panic("verify: no check is named " + name)
}

// pass counts n things that a check found right, and marks it as reached.
func (v *verifier) pass(name string, n int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.check(name)
	c.Count += n
	if c.State == NotReached {
		c.State = Passed
	}
}

// fail records a failure.
func (v *verifier) fail(f Failure) {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := v.check(f.Check)
	c.State = Failed
	c.Count++
	c.Failed++
	v.verdict.FailureCount++
	if len(v.verdict.Failures) < MaxFailures {
		v.verdict.Failures = append(v.verdict.Failures, f)
	}
}

// hopeless reports whether so much has failed that reading on adds nothing.
func (v *verifier) hopeless() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.verdict.FailureCount > MaxFailures
}

// failAt records a failure about a file.
func (v *verifier) failAt(check, file, format string, args ...any) {
	v.fail(Failure{Check: check, File: file, Detail: fmt.Sprintf(format, args...)})
}

// stop records a failure and ends the run.
func (v *verifier) stop(check, file, format string, args ...any) error {
	v.failAt(check, file, format, args...)
	return errStop
}

func (v *verifier) note(code string, index *ledger.Index, en, zh string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.verdict.Notes) < MaxFailures {
		v.verdict.Notes = append(v.verdict.Notes, Note{code, index, Text{EN: en, ZH: zh}})
	}
}

func (v *verifier) progress(stage string, done, total int64) {
	if v.o.Progress != nil {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.o.Progress(Progress{stage, done, total})
	}
}

// pinned is a file of the bag with what pins it.
type pinned struct {
	bag.FileLine
	entry container.Entry
	path  bag.Path
	done  bool // its bytes have been hashed
}

// reading hashes a file as it is read.
type reading struct {
	v    *verifier
	f    *pinned
	body io.Reader
	sum  hash.Hash
	pack hash.Hash
	n    int64
	err  error
	// tick, where it is set, is told how many bytes were read.
	tick func(n int)
}

// open starts to read a file. The caller reads to the end, then calls close.
func (v *verifier) open(f *pinned) *reading {
	r := &reading{v: v, f: f, sum: sha256.New()}
	if f.Packed != nil {
		r.pack = sha256.New()
	}
	r.body = v.arc.Open(f.entry, r.pack)
	return r
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	r.sum.Write(p[:n])
	r.n += int64(n)
	if r.tick != nil {
		r.tick(n)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// close reads what is left and compares. ok is false, and the failure recorded,
// where the file is not what is pinned. err is for a bundle that cannot be read.
func (r *reading) close() (ok bool, err error) {
	if r.err == nil {
		r.drain()
	}
	r.f.done = true
	if r.err != nil {
		if !errors.Is(r.err, container.ErrData) {
			return false, fmt.Errorf("%w: %w", ErrUnreadable, r.err)
		}
		r.v.failAt(chkFiles, r.f.Path, "%v", r.err)
		return false, nil
	}
	if got := event.Digest(r.sum.Sum(nil)); got != r.f.SHA256 {
		r.v.failAt(chkFiles, r.f.Path, "its SHA-256 is %s, announced is %s", got, r.f.SHA256)
		return false, nil
	}
	if r.f.Packed != nil {
		if got := event.Digest(r.pack.Sum(nil)); got != r.f.Packed.SHA256 {
			r.v.failAt(chkFiles, r.f.Path, "the SHA-256 of its packed bytes is %s, announced is %s", got, r.f.Packed.SHA256)
			return false, nil
		}
	}
	r.v.pass(chkFiles, 1)
	return true, nil
}

// scratch are buffers for reading on.
var scratch = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// drain reads to the end; what goes wrong is in r.err.
func (r *reading) drain() {
	buf := scratch.Get().(*[128 << 10]byte)
	defer scratch.Put(buf)
	for {
		if err := r.v.ctx.Err(); err != nil && r.err == nil {
			r.err = err
		}
		if r.err != nil {
			return
		}
		if _, err := r.Read(buf[:]); err != nil {
			return
		}
	}
}

// load reads a small file whole. ok is false where it is not what is pinned.
func (v *verifier) load(f *pinned, most int64) (data []byte, ok bool, err error) {
	if f.Size > most {
		v.failAt(chkFiles, f.Path, "it has %d bytes, at most %d are read", f.Size, most)
		return nil, false, nil
	}
	r := v.open(f)
	data = make([]byte, f.Size)
	if _, err := io.ReadFull(r, data); err != nil && r.err == nil {
		r.err = err
	}
	ok, err = r.close()
	return data, ok, err
}
