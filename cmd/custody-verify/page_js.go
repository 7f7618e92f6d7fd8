package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
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
// source is {size, read(offset, length) → Promise of Uint8Array}, as a File in a
// browser gives with slice; options is {trust: [keys], tsa: "root certificates of time-stamping authorities, PEM", lang: "en"|"zh",
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
	v, err := verify.Verify(context.Background(), &reader{source, size}, size, o)
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

// reader reads a source of the page.
type reader struct {
	source js.Value
	size   int64
}

// ReadAt implements io.ReaderAt.
func (r *reader) ReadAt(p []byte, at int64) (int, error) {
	n := int(min(int64(len(p)), r.size-at))
	if n <= 0 {
		return 0, io.EOF
	}
	got, err := await(r.source.Call("read", float64(at), n))
	if err != nil {
		return 0, err
	}
	if k := js.CopyBytesToGo(p[:n], got); k < n {
		return k, io.ErrUnexpectedEOF
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
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
