package server_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
)

// raw writes bytes to a connection of their own and reads one answer.
func (c *client) raw(request string) (answer, error) {
	c.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(c.s.URL, "http://"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, request) }()
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, body}, err
}

// What is no request of this interface gets a clear refusal in the usual form.
func TestHostileRequests(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	token := c.signIn(s.AddDevice()).AccessToken
	auth := "Host: x\r\nAuthorization: Bearer " + token + "\r\n"
	post := func(path, header, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s", path, auth, header, len(body), body)
	}
	const isJSON, isLines = "Content-Type: application/json\r\n", "Content-Type: application/x-ndjson\r\n"
	for name, request := range map[string]string{
		"no such method":           "FOO /v1/me HTTP/1.1\r\n" + auth + "\r\n",
		"method in lower case":     "get /v1/me HTTP/1.1\r\n" + auth + "\r\n",
		"CONNECT":                  "CONNECT /v1/me HTTP/1.1\r\n" + auth + "\r\n",
		"TRACE":                    "TRACE /v1/me HTTP/1.1\r\n" + auth + "\r\n",
		"PUT":                      "PUT /v1/me HTTP/1.1\r\n" + auth + "Content-Length: 2\r\n\r\n{}",
		"DELETE on a case":         "DELETE /v1/cases/" + s.Org.String() + " HTTP/1.1\r\n" + auth + "\r\n",
		"no request at all":        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"no version":               "GET /v1/me\r\n\r\n",
		"header without a colon":   "GET /v1/me HTTP/1.1\r\nHost x\r\nA: b\r\n\r\n",
		"huge header":              "GET /v1/me HTTP/1.1\r\n" + auth + "X-A: " + strings.Repeat("a", 200_000) + "\r\n\r\n",
		"many headers":             "GET /v1/me HTTP/1.1\r\n" + auth + strings.Repeat("X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 5000) + "\r\n",
		"huge path":                "GET /v1/cases/" + strings.Repeat("a", 200_000) + " HTTP/1.1\r\n" + auth + "\r\n",
		"huge token":               "GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + strings.Repeat("a", 6000) + "\r\n\r\n",
		"basic authentication":     "GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\n\r\n",
		"negative length":          "POST /v1/log/proofs HTTP/1.1\r\n" + auth + isJSON + "Content-Length: -5\r\n\r\n{}",
		"length that is no number": "POST /v1/log/proofs HTTP/1.1\r\n" + auth + isJSON + "Content-Length: 1e3\r\n\r\n{}",
		"length beyond all":        "POST /v1/log/proofs HTTP/1.1\r\n" + auth + isJSON + "Content-Length: 99999999999999999999\r\n\r\n{}",
		"length of gigabytes":      "POST /v1/log/proofs HTTP/1.1\r\n" + auth + isJSON + "Content-Length: 9999999999\r\n\r\n" + strings.Repeat("a", 10_000),
		"batch of gigabytes":       "POST /v1/batches HTTP/1.1\r\n" + auth + isLines + "Content-Length: 9999999999\r\n\r\n" + strings.Repeat("a", 10_000),
		"bad chunk":                "POST /v1/log/proofs HTTP/1.1\r\n" + auth + isJSON + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
		"endless chunks":           "POST /v1/log/proofs HTTP/1.1\r\n" + auth + isJSON + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+strings.Repeat("a", 0x1000)+"\r\n", 40) + "0\r\n\r\n",
		"dots in the path":         "GET /v1/cases/../../../../etc/passwd HTTP/1.1\r\n" + auth + "\r\n",
		"coded dots":               "GET /v1/media/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\n" + auth + "\r\n",
		"coded dots, state":        "GET /v1/media/..%2f..%2fsecret/state HTTP/1.1\r\n" + auth + "\r\n",
		"backslashes":              "GET /v1\\media\\..\\x HTTP/1.1\r\n" + auth + "\r\n",
		"NUL in the path":          "GET /v1/cases/%00 HTTP/1.1\r\n" + auth + "\r\n",
		"not UTF-8 in the path":    "GET /v1/cases/%ff%fe HTTP/1.1\r\n" + auth + "\r\n",
		"bytes in the path":        "GET /v1/cases/\xff\xfe HTTP/1.1\r\n" + auth + "\r\n",
		"bad escape in the path":   "GET /v1/cases/%zz HTTP/1.1\r\n" + auth + "\r\n",
		"two slashes":              "GET /v1/cases//record HTTP/1.1\r\n" + auth + "\r\n",
		"slash at the end":         "GET /v1/me/ HTTP/1.1\r\n" + auth + "\r\n",
		"capitals":                 "GET /V1/ME HTTP/1.1\r\n" + auth + "\r\n",
		"UUID in capitals":         "GET /v1/cases/01932F6E-0000-7000-8000-00000000000A HTTP/1.1\r\n" + auth + "\r\n",
		"not UTF-8 in the query":   "GET /v1/items?q=%ff%fe%fd HTTP/1.1\r\n" + auth + "\r\n",
		"NUL in the query":         "GET /v1/items?q=a%00b HTTP/1.1\r\n" + auth + "\r\n",
		"too short a search":       "GET /v1/items?q=a HTTP/1.1\r\n" + auth + "\r\n",
		"number with a sign":       "GET /v1/changes?after=+5 HTTP/1.1\r\n" + auth + "\r\n",
		"number with a tail":       "GET /v1/changes?after=5x HTTP/1.1\r\n" + auth + "\r\n",
		"number beyond 64 bits":    "GET /v1/changes?after=99999999999999999999 HTTP/1.1\r\n" + auth + "\r\n",
		"limit of nought":          "GET /v1/changes?limit=0 HTTP/1.1\r\n" + auth + "\r\n",
		"limit too high":           "GET /v1/changes?limit=1001 HTTP/1.1\r\n" + auth + "\r\n",
		"index that is no number":  "GET /v1/log/proof/inclusion?index=a HTTP/1.1\r\n" + auth + "\r\n",
		"no index":                 "GET /v1/log/proof/inclusion HTTP/1.1\r\n" + auth + "\r\n",
		"index beyond the log":     "GET /v1/log/proof/inclusion?index=999999 HTTP/1.1\r\n" + auth + "\r\n",
		"size beyond the log":      "GET /v1/log/proof/inclusion?index=0&size=999999 HTTP/1.1\r\n" + auth + "\r\n",
		"from after to":            "GET /v1/log/proof/consistency?from=4&to=2 HTTP/1.1\r\n" + auth + "\r\n",
		"event id too short":       "GET /v1/events/abc HTTP/1.1\r\n" + auth + "\r\n",
		"no JSON":                  post("/v1/log/proofs", isJSON, "indexes"),
		"empty body":               post("/v1/log/proofs", isJSON, ""),
		"cut JSON":                 post("/v1/log/proofs", isJSON, `{"size":0,"indexes":[`),
		"two objects":              post("/v1/log/proofs", isJSON, `{"size":0,"indexes":[0]}{}`),
		"duplicate member":         post("/v1/log/proofs", isJSON, `{"size":0,"size":1,"indexes":[0]}`),
		"duplicate, other case":    post("/v1/log/proofs", isJSON, `{"size":0,"Size":1,"indexes":[0]}`),
		"unknown member":           post("/v1/log/proofs", isJSON, `{"size":0,"indexes":[0],"x":1}`),
		"string for a number":      post("/v1/log/proofs", isJSON, `{"size":"0","indexes":[0]}`),
		"fraction":                 post("/v1/log/proofs", isJSON, `{"size":0.5,"indexes":[0]}`),
		"array":                    post("/v1/log/proofs", isJSON, `[]`),
		"null":                     post("/v1/log/proofs", isJSON, `null`),
		"deep nesting":             post("/v1/log/proofs", isJSON, strings.Repeat("[", 30_000)),
		"not UTF-8":                post("/v1/auth/login", isJSON, "{\"login\":\"\xff\",\"password\":\"x\"}"),
		"lone surrogate":           post("/v1/auth/login", isJSON, `{"login":"\ud800","password":"x"}`),
		"no indexes":               post("/v1/log/proofs", isJSON, `{"size":0,"indexes":[]}`),
		"negative index":           post("/v1/log/proofs", isJSON, `{"size":0,"indexes":[-1]}`),
		"negative size":            post("/v1/log/proofs", isJSON, `{"size":-7,"indexes":[0]}`),
		"too many indexes":         post("/v1/log/proofs", isJSON, `{"size":0,"indexes":[0`+strings.Repeat(",0", wire.MaxProofs)+`]}`),
		"form":                     post("/v1/auth/login", "Content-Type: application/x-www-form-urlencoded\r\n", "login=a&password=b"),
		"multipart":                post("/v1/auth/login", "Content-Type: multipart/form-data; boundary=x\r\n", "--x--"),
		"no content type":          post("/v1/auth/login", "", "{}"),
		"body too large":           post("/v1/auth/login", isJSON, `{"login":"`+strings.Repeat("a", 70_000)+`"}`),
		"NUL in a login":           post("/v1/auth/login", isJSON, `{"login":"a\u0000b","password":"x"}`),
		"empty login":              post("/v1/auth/login", isJSON, `{"login":"","password":""}`),
		"endless password":         post("/v1/auth/login", isJSON, `{"login":"a","password":"`+strings.Repeat("p", 50_000)+`"}`),
		"device login, no line":    post("/v1/auth/device", isJSON, `{"envelope":"x"}`),
		"enrolment of nothing":     post("/v1/enrol", isJSON, `{}`),
		"refresh of nothing":       post("/v1/auth/refresh", isJSON, `{}`),
		"unknown encoding":         post("/v1/batches", isLines+"Content-Encoding: br\r\n", "{}"),
		"two encodings":            post("/v1/batches", isLines+"Content-Encoding: gzip, zstd\r\n", "{}"),
		"upload without version":   "POST /v1/media/uploads HTTP/1.1\r\n" + auth + "Content-Length: 0\r\n\r\n",
		"upload, bad metadata":     "POST /v1/media/uploads HTTP/1.1\r\n" + auth + "Tus-Resumable: 1.0.0\r\nUpload-Length: 5\r\nUpload-Metadata: sha256 !!!\r\nContent-Length: 0\r\n\r\n",
		"upload id with dots":      "PATCH /v1/media/uploads/..%2f..%2fx HTTP/1.1\r\n" + auth + "Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: 1\r\n\r\na",
	} {
		a, err := c.raw(request)
		switch {
		case err != nil:
			t.Errorf("%s: no answer: %v", name, err)
			continue
		case a.status < 400 || a.status >= 500:
			t.Errorf("%s: status %d: %.200s", name, a.status, a.body)
		}
		c.described("ANY", "/"+name, a)
	}
	if a := c.as(token).get("/v1/me"); a.status != http.StatusOK {
		t.Errorf("afterwards: %d", a.status)
	}
}

// A query that asks for nothing sensible must not be answered with everything.
func TestWildcardsFindNothing(t *testing.T) {
	k := newScene(t)
	c := visitor(t, k.s)
	c.token = c.signIn(k.device).AccessToken
	for q, n := range map[string]int{"S-0001": 1, "s-00": 1, "%25%25": 0, "__": 0, "**": 0, "2026-1": 2, k.photo.String()[:6]: 1, k.photo.String()[:5]: 0, "%20%20": 0, "'--": 0} {
		if got := into[wire.Items](t, c.get("/v1/items?q="+q)); len(got.Items) != n {
			t.Errorf("q=%s: %d items, want %d: %+v", q, len(got.Items), n, got.Items)
		}
	}
	lab := k.s.AddOrg("lab")
	foreign := c.as(c.signIn(k.s.AddDeviceOf(lab, k.s.AddPerson(lab))).AccessToken)
	for _, q := range []string{"S-0001", k.photo.String(), "2026-1"} {
		if got := into[wire.Items](t, foreign.get("/v1/items?q="+q)); len(got.Items) != 0 {
			t.Errorf("q=%s for another organisation: %+v", q, got.Items)
		}
	}
}

// Sign-ins are counted by address.
func TestSignInRate(t *testing.T) {
	s := servertest.Start(t)
	c := visitor(t, s)
	var last answer
	for range 121 {
		last = c.post("/v1/auth/challenge", struct{}{})
	}
	c.refused("the 121st", last, wire.CodeRateLimited)
	if last.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if a := c.post("/v1/auth/logout", wire.Refresh{RefreshToken: "x"}); a.status != http.StatusNoContent {
		t.Errorf("signing out is not a sign-in: %d", a.status)
	}
}

// What many send at once has the outcome that one would have had.
func TestParallelIdenticalBatches(t *testing.T) {
	s := servertest.Start(t)
	d := s.AddDevice()
	c := visitor(t, s)
	c.token = c.signIn(d).AccessToken
	id, opened := d.Genesis(), []byte(nil)
	k, opened := d.OpenCase("1")
	lines := [][]byte{id, opened}
	for range 30 {
		lines = append(lines, d.Note(k, "a note"))
	}
	body := bytes.Join(lines, []byte{'\n'})
	answers := make(chan wire.BatchAnswer, 20)
	for range cap(answers) {
		go func() {
			answers <- into[wire.BatchAnswer](t, c.send(http.MethodPost, "/v1/batches", bytes.NewReader(body), "Content-Type", "application/x-ndjson"))
		}()
	}
	first, accepted := <-answers, 0
	for i := range cap(answers) {
		a := first
		if i > 0 {
			a = <-answers
		}
		for j, r := range a.Results {
			if r.Status == wire.StatusAccepted {
				accepted++
			}
			if r.Status == wire.StatusQuarantined || r.Index != first.Results[j].Index || r.ReceivedUS != first.Results[j].ReceivedUS || r.ID != first.Results[j].ID {
				t.Errorf("line %d: %+v, elsewhere %+v", j, r, first.Results[j])
			}
		}
	}
	if accepted != len(lines) {
		t.Errorf("%d lines were accepted %d times", len(lines), accepted)
	}
	if h := into[wire.Head](t, c.get("/v1/devices/"+d.ID.String()+"/head")); h.Seq != int64(len(lines)) || h.MaxSeq != h.Seq {
		t.Errorf("%+v", h)
	}
}
