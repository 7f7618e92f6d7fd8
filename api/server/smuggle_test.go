package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"fieldseal/api/server/servertest"
)

// A body that a refused request brought along must never be read as the next request.
func TestUnreadBodyIsNotARequest(t *testing.T) {
	s := servertest.Start(t)
	hidden := "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, route := range []string{"POST /v1/batches", "POST /nothing", "GET /v1/me", "POST /v1/log/proofs", "PUT /v1/media/uploads/a",
		"OPTIONS /v1/media/uploads", "POST /v1/media/uploads", "PATCH /v1/media/uploads/a", "GET /v1/media/uploadsx", "FOO /v1/me"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		body := strings.Repeat(hidden, 20_000) // beyond what is read ahead
		go fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", route, len(body), body)
		r := bufio.NewReader(conn)
		first, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%s: %v", route, err)
		}
		_, _ = io.Copy(io.Discard, first.Body)
		if second, err := http.ReadResponse(r, nil); err == nil {
			t.Errorf("%s: its body was answered as a request of its own: %s", route, second.Status)
		}
		_ = conn.Close()
	}
}
