package device

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"fieldseal/api/wire"

	"github.com/go-json-experiment/json"
)

const (
	// maxTries bounds how often one request is sent before the sync gives up until
	// the next time: with back-off about half a minute, as long as a person watches.
	maxTries = 5
	// backoffFirst and backoffMax are the first and the longest pause between tries.
	backoffFirst = 500 * time.Millisecond
	backoffMax   = 20 * time.Second
	// retryAfterMax is the longest Retry-After that is waited for within one sync.
	retryAfterMax = time.Minute
	// stallTimeout ends a request in which no byte moved for so long. There is no limit
	// on the whole: on a 2G link a batch may take minutes and still be fine.
	stallTimeout = 60 * time.Second
	// maxAnswer caps an answer: a page of changes with the largest events.
	maxAnswer = 64 << 20
	// userAgent names the client in the server's log.
	userAgent = "fieldseal-device/1"
)

// HTTPError is an answer with a status of 400 or above.
type HTTPError struct {
	Method, Path string
	Status       int
	Body         wire.ErrorBody
}

func (e *HTTPError) Error() string {
	text := e.Body.Message
	if text == "" {
		text = http.StatusText(e.Status)
	}
	return fmt.Sprintf("%s %s: %d %s: %s", e.Method, e.Path, e.Status, e.Body.Code, text)
}

// Is makes a failed request ErrOffline where a later try can succeed, ErrRefused elsewhere.
func (e *HTTPError) Is(target error) bool {
	if e.temporary() {
		return target == ErrOffline
	}
	return target == ErrRefused
}

func (e *HTTPError) temporary() bool {
	return e.Status >= 500 || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout
}

// Client speaks version 1 of the HTTP interface with one server. It keeps its
// tokens in memory only. It is safe for concurrent use.
type Client struct {
	base *url.URL
	http *http.Client
	// pause waits between tries; tests replace it.
	pause func(ctx context.Context, d time.Duration) error

	mu      sync.Mutex
	access  string
	refresh string
	expires time.Time
	scope   string
	signIn  func(ctx context.Context) (wire.Tokens, error)
}

// NewClient makes a client for the server at base, such as https://ledger.example.
// hc may be nil for a client with the system's trust roots.
func NewClient(base string, hc *http.Client) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.User != nil {
		return nil, inputf("%q is not a server's address: write one such as https://ledger.example", base)
	}
	if hc == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DialContext = (&net.Dialer{Timeout: 20 * time.Second, KeepAlive: 30 * time.Second}).DialContext
		hc = &http.Client{Transport: t}
	}
	return &Client{base: u, http: hc, pause: sleep}, nil
}

// Server is the server's address.
func (c *Client) Server() string { return c.base.String() }

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// call is one request; it can be sent again as it is.
type call struct {
	method, path string
	body         []byte
	header       map[string]string
	// open replaces body for what is streamed; it gives the body from its start.
	open func() (io.Reader, int64, error)
	// anonymous requests carry no token.
	anonymous bool
	// once: not sent again on a failure of the network or the server; the caller looks first.
	once bool
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   []byte
	// sent and got are when the request began and when the answer was there.
	sent, got time.Time
}

// do sends a call with back-off until it is answered with a status below 400.
// Errors: *HTTPError, or one that wraps ErrOffline.
func (c *Client) do(ctx context.Context, q call) (*reply, error) {
	signedIn := false
	for try := 1; ; try++ {
		r, err := c.try(ctx, q)
		if err == nil {
			return r, nil
		}
		var he *HTTPError
		if errors.As(err, &he) && he.Status == http.StatusUnauthorized && !q.anonymous && !signedIn {
			signedIn = true
			c.dropAccess()
			try--
			continue
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%w: %w", ErrOffline, ctx.Err())
		}
		if q.once || !errors.Is(err, ErrOffline) || try == maxTries {
			return nil, err
		}
		d, ok := waitFor(err, try)
		if !ok {
			return nil, err
		}
		if perr := c.pause(ctx, d); perr != nil {
			return nil, errors.Join(err, perr)
		}
	}
}

// retryAfterError carries the pause that a server asked for.
type retryAfterError struct {
	error
	after time.Duration
}

func (e *retryAfterError) Unwrap() error { return e.error }

// waitFor is how long to pause after a failed try; false where the server asks for too long.
func waitFor(err error, try int) (time.Duration, bool) {
	var ra *retryAfterError
	if errors.As(err, &ra) {
		return ra.after, ra.after <= retryAfterMax
	}
	d := min(backoffFirst<<(try-1), backoffMax)
	return d/2 + rand.N(d/2+1), true // jitter: devices that lost one server must not return in step
}

func (c *Client) try(ctx context.Context, q call) (*reply, error) {
	token := ""
	if !q.anonymous {
		var err error
		if token, err = c.token(ctx); err != nil {
			return nil, err
		}
	}
	watched, w := watch(ctx)
	defer w.stop()
	body, size := io.Reader(bytes.NewReader(q.body)), int64(len(q.body))
	if q.open != nil {
		var err error
		if body, size, err = q.open(); err != nil {
			return nil, err
		}
	}
	if size == 0 {
		body = http.NoBody
	} else {
		body = &watchedReader{w, body}
	}
	req, err := http.NewRequestWithContext(watched, q.method, c.base.String()+q.path, body)
	if err != nil {
		return nil, inputf("request %s %s: %w", q.method, q.path, err)
	}
	req.ContentLength = size
	req.Header.Set("User-Agent", userAgent)
	for k, v := range q.header {
		req.Header.Set(k, v)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	r := &reply{sent: time.Now()}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, w.explain(fmt.Errorf("%w: %w", ErrOffline, err))
	}
	r.got = time.Now()
	return r, c.read(q, resp, r, w)
}

func (c *Client) read(q call, resp *http.Response, r *reply, w *watcher) error {
	body, err := io.ReadAll(io.LimitReader(&watchedReader{w, resp.Body}, maxAnswer+1))
	err = errors.Join(err, resp.Body.Close())
	if err != nil {
		return w.explain(fmt.Errorf("%w: %s %s: the answer broke off: %w", ErrOffline, q.method, q.path, err))
	}
	if len(body) > maxAnswer {
		return fmt.Errorf("%w: %s %s: the answer has more than %d bytes", ErrRefused, q.method, q.path, maxAnswer)
	}
	r.status, r.header, r.body = resp.StatusCode, resp.Header, body
	if resp.StatusCode < 400 {
		return nil
	}
	he := &HTTPError{Method: q.method, Path: q.path, Status: resp.StatusCode}
	var e wire.Error
	if decode(body, &e) == nil {
		he.Body = e.Error
	}
	if s, err := strconv.ParseInt(resp.Header.Get("Retry-After"), 10, 32); err == nil && s >= 0 && he.temporary() {
		return &retryAfterError{he, time.Duration(s) * time.Second}
	}
	return he
}

// decode reads a server's answer. Members that this program does not know are
// passed over: a newer server may say more. Whatever is signed is read strictly elsewhere.
func decode(data []byte, v any) error { return json.Unmarshal(data, v) }

// getJSON and postJSON are do with JSON on both sides.
func (c *Client) getJSON(ctx context.Context, path string, v any) (*reply, error) {
	return c.json(ctx, call{method: http.MethodGet, path: path}, v)
}

func (c *Client) postJSON(ctx context.Context, path string, body, v any) (*reply, error) {
	return c.json(ctx, call{method: http.MethodPost, path: path}.with(body), v)
}

func (q call) with(body any) call {
	data, err := json.Marshal(body)
	if err != nil { // wire types hold nothing that cannot be marshalled
		panic(err)
	}
	q.body, q.header = data, map[string]string{"Content-Type": "application/json"}
	return q
}

func (c *Client) json(ctx context.Context, q call, v any) (*reply, error) {
	r, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	if err := decode(r.body, v); err != nil {
		return r, fmt.Errorf("%w: %s %s: the answer is not what version 1 says: %w", ErrRefused, q.method, q.path, err)
	}
	return r, nil
}

// watcher ends a request in which nothing moves.
type watcher struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
	ctx    context.Context
}

var errStalled = fmt.Errorf("nothing moved for %v", stallTimeout)

func watch(ctx context.Context) (context.Context, *watcher) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watcher{cancel: cancel, ctx: ctx}
	w.timer = time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	return ctx, w
}

func (w *watcher) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

func (w *watcher) explain(err error) error {
	if cause := context.Cause(w.ctx); errors.Is(cause, errStalled) {
		return fmt.Errorf("%w: %w", err, cause)
	}
	return err
}

type watchedReader struct {
	w *watcher
	r io.Reader
}

func (r *watchedReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if n > 0 {
		r.w.timer.Reset(stallTimeout)
	}
	return n, err
}
