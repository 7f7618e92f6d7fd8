package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"syscall/js"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/report"
	"fieldseal/sync/stamp"
)

// main gives a page the function
//
//	custodyVerify(source, options) → Promise of {status, json, html}
//
// source is {size, read(offset, length) → Promise of Uint8Array, done(array)}, as a
// File in a browser gives with slice; done, which may be absent, is told when what
// read gave is not needed any more. options is {trust: [keys], tsa: "root certificates of time-stamping authorities, PEM", lang: "en"|"zh",
// progress(stage, done, total)}, each optional. status is the exit status of the
// command; json the verdict, html the report. A file that is no bundle rejects
// the promise, and so do options that cannot be read, with a message that begins
// "options: ". The page then needs no server and no network.
func main() {
	js.Global().Set("custodyVerify", js.FuncOf(func(_ js.Value, args []js.Value) any {
		return promise(func() (any, error) {
			if len(args) == 0 {
				return nil, errors.New("custodyVerify needs a source")
			}
			options := js.Undefined()
			if len(args) > 1 {
				options = args[1]
			}
			return verifyInPage(args[0], options)
		})
	}))
	select {} // the page keeps the function
}

func verifyInPage(source, options js.Value) (any, error) {
	var o verify.Options
	lang := bag.English
	if options.Truthy() {
		keys := options.Get("trust")
		for i := range length(keys) {
			if err := trust(&o, keys.Index(i).String()); err != nil {
				return nil, fmt.Errorf("options: %w", err)
			}
		}
		if tsa := options.Get("tsa"); tsa.Truthy() {
			var err error
			if o.TrustedTSA, err = stamp.ParseRoots([]byte(tsa.String())); err != nil {
				return nil, fmt.Errorf("options: %w", err)
			}
		}
		if options.Get("lang").Truthy() && options.Get("lang").String() == string(bag.Chinese) {
			lang = bag.Chinese
		}
		if tell := options.Get("progress"); tell.Type() == js.TypeFunction {
			o.Progress = func(p verify.Progress) { tell.Invoke(p.Stage, float64(p.Done), float64(p.Total)) }
		}
	}
	size := int64(source.Get("size").Float())
	v, err := verify.Verify(context.Background(), &reader{source: source, size: size}, size, o)
	if err != nil {
		return nil, err
	}
	text, err := v.JSON()
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := report.Render(&page, v, report.Options{Language: lang}); err != nil {
		return nil, err
	}
	status := exitAuthentic
	if v.Result == verify.NotAuthentic {
		status = exitNotAuthentic
	}
	return map[string]any{"status": status, "json": string(text), "html": page.String()}, nil
}

func length(v js.Value) int {
	if !v.Truthy() {
		return 0
	}
	return v.Length()
}

// promise runs f beside the page's event loop.
func promise(f func() (any, error)) js.Value {
	var executor js.Func
	executor = js.FuncOf(func(_ js.Value, args []js.Value) any {
		resolve, reject := args[0], args[1]
		go func() {
			defer executor.Release()
			v, err := f()
			if err != nil {
				reject.Invoke(js.Global().Get("Error").New(err.Error()))
				return
			}
			resolve.Invoke(js.ValueOf(v))
		}()
		return nil
	})
	return js.Global().Get("Promise").New(executor)
}

// The verifier asks for small pieces, one after another, and each answer of the
// page costs a turn of its event loop: it is asked for blocks, of which a few stay.
const (
	blockSize  = 1 << 20
	blocksKept = 6
)

// reader reads a source of the page.
type reader struct {
	source js.Value
	size   int64

	mu     sync.Mutex
	blocks []block // the one used last at the end
}

type block struct {
	n    int64
	data []byte
}

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(p []byte, at int64) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n < len(p) {
		if at+int64(n) >= r.size {
			return n, io.EOF
		}
		data, err := r.block((at + int64(n)) / blockSize)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], data[(at+int64(n))%blockSize:])
	}
	return n, nil
}

// block gives a block of the source.
func (r *reader) block(n int64) ([]byte, error) {
	for i, b := range r.blocks {
		if b.n == n {
			r.blocks = append(slices.Delete(r.blocks, i, i+1), b)
			return b.data, nil
		}
	}
	want := min(blockSize, r.size-n*blockSize)
	got, err := await(r.source.Call("read", float64(n*blockSize), float64(want)))
	if err != nil {
		return nil, err
	}
	var data []byte
	if len(r.blocks) == blocksKept {
		data = r.blocks[0].data[:cap(r.blocks[0].data)]
		r.blocks = slices.Delete(r.blocks, 0, 1)
	} else {
		data = make([]byte, blockSize)
	}
	data = data[:want]
	if k := js.CopyBytesToGo(data, got); int64(k) < want {
		return nil, io.ErrUnexpectedEOF
	}
	if done := r.source.Get("done"); done.Type() == js.TypeFunction {
		done.Invoke(got)
	}
	r.blocks = append(r.blocks, block{n, data})
	return data, nil
}

// await waits for a promise. The goroutine waits, the page goes on.
func await(p js.Value) (js.Value, error) {
	type result struct {
		v   js.Value
		err error
	}
	done := make(chan result, 1)
	ok := js.FuncOf(func(_ js.Value, args []js.Value) any { done <- result{v: args[0]}; return nil })
	bad := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- result{err: fmt.Errorf("reading the file: %s", args[0].Call("toString").String())}
		return nil
	})
	defer ok.Release()
	defer bad.Release()
	p.Call("then", ok, bad)
	r := <-done
	return r.v, r.err
}
