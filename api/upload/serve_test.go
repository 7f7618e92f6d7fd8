package upload

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/blob"
	"fieldseal/sync/blob/blobtest"

	"github.com/go-json-experiment/json"
	"github.com/gofiber/fiber/v2"
)

// ledger stands for what follows an arrival; it can be made to fail.
type ledger struct {
	mu          sync.Mutex
	fail        error
	arrived     []string // "digest size type owner"
	quarantined []string // "wanted got type owner"
}

func (l *ledger) note(list *[]string, format string, args ...any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	*list = append(*list, fmt.Sprintf(format, args...))
	return nil
}

func (l *ledger) setFail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
}

func (l *ledger) counts() (int, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.arrived), len(l.quarantined)
}

// world is a server on real loopback HTTP with its store.
type world struct {
	t      testing.TB
	store  *blob.Files
	ledger *ledger
	cfg    Config
	svc    *service
	url    string
	addr   string
	failed chan error
}

const idle = 2 * time.Second

func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	return newPatientWorld(t, idle, change)
}

// newPatientWorld has a server that waits that long for a silent peer.
func newPatientWorld(t testing.TB, patience time.Duration, change func(*Config)) *world {
	t.Helper()
	store, err := blob.OpenFiles(blob.FilesConfig{Dir: t.TempDir(), MaxLength: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: store, ledger: &ledger{}, failed: make(chan error, 1000)}
	w.cfg = Config{
		Store: store, MaxLength: store.MaxLength(),
		Authorize: func(c *fiber.Ctx) (string, error) {
			if owner := c.Get("X-Owner"); owner != "" {
				return owner, nil
			}
			return "", fiber.NewError(fiber.StatusUnauthorized, "who are you")
		},
		AuthorizeRead: func(c *fiber.Ctx, d blob.Digest) error {
			if c.Get("X-Owner") == "" {
				return fiber.NewError(fiber.StatusForbidden, "not for you")
			}
			return nil
		},
		OnArrived: func(_ context.Context, d blob.Digest, size int64, mediaType, owner string) error {
			return w.ledger.note(&w.ledger.arrived, "%s %d %s %s", d, size, mediaType, owner)
		},
		OnQuarantined: func(_ context.Context, e *blob.MismatchError, mediaType, owner string) error {
			return w.ledger.note(&w.ledger.quarantined, "%s %s %s %s", e.Wanted, e.Got, mediaType, owner)
		},
		Failed: func(_ context.Context, err error) {
			select {
			case w.failed <- err:
			default:
			}
		},
	}
	if change != nil {
		change(&w.cfg)
	}
	w.serve(patience)
	return w
}

func (w *world) serve(patience time.Duration) {
	w.t.Helper()
	svc, err := newService(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.svc = svc
	// The body limit is below what the tests send: it must not apply.
	app := fiber.New(Configure(fiber.Config{DisableStartupMessage: true, BodyLimit: 64 << 10, IdleTimeout: idle}))
	svc.register(app.Group("/v1"))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.addr = ln.Addr().String()
	w.url = "http://" + w.addr + "/v1/media/uploads"
	done := make(chan error, 1)
	go func() { done <- app.Listener(RollingDeadlineListener(ln, patience)) }()
	// fiber's Shutdown misses a server that has not begun to accept.
	w.do("OPTIONS", w.url, nil).want(w.t, 204)
	w.t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := errors.Join(app.ShutdownWithTimeout(5*time.Second), <-done); err != nil {
			w.t.Error(err)
		}
	})
}

type answer struct {
	status int
	header http.Header
	body   []byte
	err    wire.ErrorBody
}

// do sends a request as the owner "anna" unless the headers say otherwise.
func (w *world) do(method, url string, body io.Reader, headers ...string) answer {
	w.t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	req.Header.Set("X-Owner", "anna")
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Content-Length" {
			if req.ContentLength, err = strconv.ParseInt(headers[i+1], 10, 64); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, url, err)
	}
	defer res.Body.Close()
	a := answer{status: res.StatusCode, header: res.Header}
	if a.body, err = io.ReadAll(res.Body); err != nil {
		w.t.Fatal(err)
	}
	if a.status >= 400 && res.Header.Get("Content-Type") == "application/json" && method != http.MethodHead {
		var e wire.Error
		if err := json.Unmarshal(a.body, &e, json.RejectUnknownMembers(true)); err != nil {
			w.t.Fatalf("%s: %v", a.body, err)
		}
		a.err = e.Error
	}
	return a
}

func (a answer) want(t testing.TB, status int, headers ...string) answer {
	t.Helper()
	if a.status != status {
		t.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	for i := 0; i < len(headers); i += 2 {
		if got := a.header.Get(headers[i]); got != headers[i+1] {
			t.Fatalf("%s is %q, want %q", headers[i], got, headers[i+1])
		}
	}
	return a
}

func metadataOf(data []byte) string {
	return "sha256 " + b64(blobtest.DigestOf(data).String()) + ",type " + b64("image/jpeg")
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func checksumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha-256 " + base64.StdEncoding.EncodeToString(sum[:])
}

// create begins an upload and returns its address.
func (w *world) create(data []byte, headers ...string) string {
	w.t.Helper()
	a := w.do("POST", w.url, nil, append([]string{"Upload-Length", strconv.Itoa(len(data)), "Upload-Metadata", metadataOf(data)}, headers...)...)
	a.want(w.t, 201, "Tus-Resumable", "1.0.0", "Upload-Offset", "0", "Fieldseal-Media", "")
	return "http://" + w.addr + a.header.Get("Location")
}

func (w *world) patch(url string, offset int, chunk []byte, headers ...string) answer {
	w.t.Helper()
	return w.do("PATCH", url, bytes.NewReader(chunk), append([]string{"Upload-Offset", strconv.Itoa(offset), "Content-Type", chunkType}, headers...)...)
}

func (w *world) head(url string, headers ...string) answer {
	w.t.Helper()
	return w.do("HEAD", url, nil, headers...)
}

func (w *world) wantHeld(data []byte) {
	w.t.Helper()
	d := blobtest.DigestOf(data)
	if err := w.store.Verify(context.Background(), d); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) wantCounts(arrived, quarantined int) {
	w.t.Helper()
	if a, q := w.ledger.counts(); a != arrived || q != quarantined {
		w.t.Fatalf("%d arrivals and %d quarantinings are on record, want %d and %d", a, q, arrived, quarantined)
	}
}

// dial opens a bare connection, for what an HTTP client does not do.
func (w *world) dial() *net.TCPConn {
	w.t.Helper()
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// rawPatch writes the head of a PATCH and some bytes of its body.
func rawPatch(t testing.TB, c net.Conn, url string, offset, length int, some []byte) {
	t.Helper()
	path := url[len("http://")+len(c.RemoteAddr().String()):]
	_, err := fmt.Fprintf(c, "PATCH %s HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nX-Owner: anna\r\nContent-Type: %s\r\nUpload-Offset: %d\r\nContent-Length: %d\r\n\r\n%s",
		path, chunkType, offset, length, some)
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("does not come about: " + what)
		}
	}
}
