package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"fieldseal/api/wire"

	"github.com/go-json-experiment/json"
)

const (
	// answerWait bounds one request: a rule that waits longer is broken by silence.
	answerWait = 60 * time.Second
	// maxAnswer bounds what an answer may weigh.
	maxAnswer = 64 << 20
	// maxComplaints bounds what is remembered of malformed error answers.
	maxComplaints = 8
)

// statuses is the HTTP status that each error code comes with.
var statuses = map[wire.ErrorCode]int{
	wire.CodeBadRequest: 400, wire.CodeUnauthenticated: 401, wire.CodeReuse: 401, wire.CodeForbidden: 403, wire.CodeNotFound: 404, wire.CodeMethod: 405,
	wire.CodeConflict: 409, wire.CodeFrozen: 409, wire.CodeGone: 410, wire.CodeTooLarge: 413, wire.CodeMediaType: 415, wire.CodeDigest: 422, wire.CodeRateLimited: 429,
	wire.CodeInternal: 500, wire.CodeUnavailable: 503, wire.CodeNoSpace: 507,
}

// otherStatuses also come with BAD_REQUEST: those of tus (version, chunk checksum), and a range outside a file.
var otherStatuses = []int{412, 416, 460}

// client sends exact requests and looks at every error answer's form.
type client struct {
	base *url.URL
	http *http.Client

	mu         sync.Mutex
	complaints []string
	errors     int // error answers seen
}

// request is one request; body is sent as it is.
type request struct {
	method, path string
	header       map[string]string
	body         []byte
	// open replaces body for one that breaks off.
	open func() (io.Reader, int64)
}

type reply struct {
	status int
	header http.Header
	body   []byte
	// code is that of an error answer.
	code wire.ErrorCode
	err  wire.ErrorBody
}

func (c *client) do(ctx context.Context, q request) (*reply, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	body, size := io.Reader(bytes.NewReader(q.body)), int64(len(q.body))
	if q.open != nil {
		body, size = q.open()
	}
	if size == 0 {
		body = http.NoBody
	}
	req, err := http.NewRequestWithContext(ctx, q.method, c.base.String()+q.path, body)
	if err != nil {
		return nil, err
	}
	req.ContentLength = size
	for k, v := range q.header {
		req.Header.Set(k, v)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, fmt.Errorf("%s %s: the answer broke off: %w", q.method, q.path, err)
	}
	r := &reply{status: resp.StatusCode, header: resp.Header, body: data}
	if r.status >= 400 && q.method != http.MethodHead {
		c.examine(q, r)
	}
	return r, nil
}

// examine reads an error answer and remembers what is wrong with its form.
func (c *client) examine(q request, r *reply) {
	var e wire.Error
	err := json.Unmarshal(r.body, &e, json.RejectUnknownMembers(true))
	r.code, r.err = e.Error.Code, e.Error
	want, known := statuses[r.code]
	var wrong string
	switch {
	case err != nil:
		wrong = fmt.Sprintf("the body %.80q is not an Error: %v", r.body, err)
	case !known:
		wrong = fmt.Sprintf("the code %q is not one of the contract", r.code)
	case want != r.status && !(r.code == wire.CodeBadRequest && slices.Contains(otherStatuses, r.status)):
		wrong = fmt.Sprintf("the code %s belongs to status %d", r.code, want)
	case strings.TrimSpace(e.Error.Message) == "":
		wrong = "there is no message for people"
	case !strings.HasPrefix(r.header.Get("Content-Type"), "application/json"):
		wrong = fmt.Sprintf("its Content-Type is %q", r.header.Get("Content-Type"))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errors++
	if wrong != "" && len(c.complaints) < maxComplaints {
		c.complaints = append(c.complaints, fmt.Sprintf("%s %s was answered %d: %s", q.method, q.path, r.status, wrong))
	}
}

// json sends v and reads the answer into out, which must be a success.
func (c *client) json(ctx context.Context, method, path, token string, v, out any) error {
	q := request{method: method, path: path, header: map[string]string{}}
	if v != nil {
		data, err := json.Marshal(v)
		if err != nil {
			return err
		}
		q.body, q.header["Content-Type"] = data, "application/json"
	}
	if token != "" {
		q.header["Authorization"] = "Bearer " + token
	}
	r, err := c.do(ctx, q)
	if err != nil {
		return err
	}
	return r.into(q, out)
}

// into reads a successful JSON answer. A newer server may say more: members that
// are not known are passed over.
func (r *reply) into(q request, out any) error {
	if r.status >= 400 {
		return fmt.Errorf("%s %s was answered %d %s: %s", q.method, q.path, r.status, r.code, r.err.Message)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(r.body, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not of the contract's form: %w", q.method, q.path, err)
	}
	return nil
}

// refused checks that an answer is an error with one of the codes.
func (r *reply) refused(q request, codes ...wire.ErrorCode) error {
	if r.status >= 400 && slices.Contains(codes, r.code) {
		return nil
	}
	return fmt.Errorf("%s %s was answered %d %s, want %v", q.method, q.path, r.status, r.code, codes)
}

// cut is a body that ends in an error after n of its bytes: a connection that broke.
type cut struct {
	data []byte
	n    int
}

var errCut = errors.New("cut on purpose")

func (b *cut) Read(p []byte) (int, error) {
	if b.n == 0 {
		return 0, errCut
	}
	n := copy(p, b.data[:b.n])
	b.data, b.n = b.data[n:], b.n-n
	return n, nil
}

// cutAt makes a request's body break off after n bytes of what it announces.
func (q request) cutAt(n int) request {
	body := q.body
	q.open = func() (io.Reader, int64) { return &cut{body, n}, int64(len(body)) }
	return q
}

// abandon sends a request whole and hangs up without reading the answer.
func (c *client) abandon(ctx context.Context, q request) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	req, err := http.NewRequestWithContext(ctx, q.method, c.base.String()+q.path, &lastRead{data: q.body, done: hangUp})
	if err != nil {
		return err
	}
	req.ContentLength = int64(len(q.body))
	for k, v := range q.header {
		req.Header.Set(k, v)
	}
	resp, err := c.http.Do(req)
	if err == nil {
		return resp.Body.Close() // it was answered before the line was cut
	}
	return nil
}

// lastRead calls done when its bytes have been taken.
type lastRead struct {
	data []byte
	done func()
}

func (b *lastRead) Read(p []byte) (int, error) {
	if len(b.data) == 0 {
		b.done()
		return 0, io.EOF
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}
