package clients

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"fieldseal/api/wire"

	"github.com/go-json-experiment/json"
	"github.com/klauspost/compress/zstd"
)

const (
	// retryAfter is the pause that a 503 asks for; late is how long a slow answer takes.
	retryAfter = time.Second
	late       = 2 * time.Second
	// settle is the pause between questions about an upload that was just cut.
	settle = 20 * time.Millisecond
	// haste is how much earlier a client may come back: clocks are read at both ends.
	haste = 100 * time.Millisecond
)

var errCut = errors.New("cut by the trial")

// unpack undoes a Content-Encoding.
func unpack(encoding string, body []byte) ([]byte, error) {
	var src io.Reader
	switch encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		src = z
	case "zstd":
		z, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		src = z
	default:
		return nil, fmt.Errorf("the encoding %q is not of the contract", encoding)
	}
	out, err := io.ReadAll(io.LimitReader(src, wire.MaxBatchBytes+1))
	return out, err
}

// drop ends the connection without an answer.
func (x *exchange) drop() {
	c, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 cannot be hijacked; this resets the stream
	}
	_ = c.Close() // it is to be broken
}

func (x *exchange) loseAnswer() {
	_, _, _ = x.ask() // whether it took effect or not, the client is not told
	x.drop()
}

// cutAnswer announces the whole answer and sends half of it.
func (x *exchange) cutAnswer() {
	a, data, err := x.ask()
	if err != nil || a.StatusCode != http.StatusOK || len(data) < 2 {
		x.drop()
		return
	}
	c, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	fmt.Fprintf(rw, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(data), data[:len(data)/2])
	_ = rw.Flush() // what arrives of it is left to chance
	_ = c.Close()
}

// refuse answers 503 and remembers until when the client was asked to wait.
func (x *exchange) refuse() {
	x.p.mu.Lock()
	x.p.waits[x.r.Header.Get("Authorization")] = time.Now().Add(retryAfter - haste)
	x.p.mu.Unlock()
	x.w.Header().Set("Retry-After", "1")
	x.json(http.StatusServiceUnavailable, wire.Error{Error: wire.ErrorBody{Code: wire.CodeUnavailable, Message: "The server does not take work now. Nothing was acknowledged; send the request again later."}})
}

func (x *exchange) json(status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // wire types hold nothing that cannot be marshalled
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.WriteHeader(status)
	_, _ = x.w.Write(data) // a client that hung up asks again
}

func (x *exchange) delay() {
	select {
	case <-time.After(late):
	case <-x.r.Context().Done():
	}
	x.pass()
}

// cutUpload lets half of a chunk reach the server and breaks both connections.
func (x *exchange) cutUpload() {
	if len(x.body) < 2 {
		x.declined = true
		return
	}
	half := len(x.body) / 2
	ctx, cancel := context.WithTimeout(context.WithoutCancel(x.r.Context()), 2*late)
	defer cancel()
	_, _, err := x.forward(ctx, io.MultiReader(bytes.NewReader(x.body[:half]), breakingOff{}), int64(len(x.body)))
	before, _ := strconv.ParseInt(x.r.Header.Get("Upload-Offset"), 10, 64)
	at := x.stored(ctx)
	for at <= before && ctx.Err() == nil { // the server may still be reading what came
		time.Sleep(settle)
		at = x.stored(ctx)
	}
	x.p.mu.Lock()
	u := x.p.uploads[x.r.URL.Path]
	u.cut = u.cut || err != nil && at > before
	u.offset = max(u.offset, at)
	x.p.mu.Unlock()
	x.drop()
}

// stored asks the server how much of the upload it has, in the client's name.
func (x *exchange) stored(ctx context.Context) int64 {
	q, err := http.NewRequestWithContext(ctx, http.MethodHead, x.p.house.url+x.r.URL.RequestURI(), nil)
	if err != nil {
		return 0
	}
	q.Header.Set("Authorization", x.r.Header.Get("Authorization"))
	q.Header.Set("Tus-Resumable", "1.0.0")
	a, err := x.p.http.Do(q)
	if err != nil {
		return 0
	}
	_ = a.Body.Close() // a HEAD has none
	at, _ := strconv.ParseInt(a.Header.Get("Upload-Offset"), 10, 64)
	return at
}

type breakingOff struct{}

func (breakingOff) Read([]byte) (int, error) { return 0, errCut }

// flip turns one bit of the last chunk of a file, so that its digest is wrong.
func (x *exchange) flip() {
	if len(x.body) == 0 || x.r.Header.Get("Upload-Checksum") != "" {
		x.declined = true // a chunk's own checksum would find it at once
		return
	}
	x.body[len(x.body)/2] ^= 1
	x.pass()
}
