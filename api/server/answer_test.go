package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"fieldseal/api/server"
	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/seal"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

// The answer written out by hand says what the receipt says.
func TestBatchAnswer(t *testing.T) {
	at := time.UnixMicro(1796000000123456)
	receipt := ingest.Receipt{Checkpoints: map[int64]string{5: "origin\n5\n…\n", 9: "\"<&>\\\u2028"}, Results: []ingest.Result{
		{ID: event.ID{1, 0xff}, Status: "accepted", Index: 4, Received: at, Kind: 1, CheckpointSize: 5},
		{ID: event.ID{2}, Status: "accepted", Index: 1 << 50, Received: at, Kind: 2, Pending: true, WaitsFor: 17, CheckpointSize: 9},
		{ID: event.ID{3}, Status: "quarantined", Code: seal.Code("FORK"), Detail: "line \"\\\x00\x1f\xff\u2029 北", Index: 0, Received: at, Kind: 3, CheckpointSize: 5},
		{ID: event.ID{4}, Status: "duplicate"},
	}}
	for _, r := range []ingest.Receipt{receipt, {}, {Results: receipt.Results[:1]}} {
		want := wire.BatchAnswer{Results: []wire.EventResult{}, Checkpoints: map[string]string{}}
		for _, x := range r.Results {
			detail := x.Detail
			if detail != "" {
				detail = "line \"\\\x00\x1f\uFFFD\u2029 北"
			}
			want.Results = append(want.Results, wire.EventResult{ID: x.ID.String(), Status: wire.Status(x.Status), Code: string(x.Code), Detail: detail, Index: x.Index,
				ReceivedUS: x.Received.UnixMicro(), Kind: int(x.Kind), Pending: x.Pending, WaitsFor: x.WaitsFor, CheckpointSize: x.CheckpointSize})
		}
		for size, note := range r.Checkpoints {
			want.Checkpoints[strconv.FormatInt(size, 10)] = note
		}
		var got wire.BatchAnswer
		data := server.EncodeBatch(r)
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%v: %s", err, data)
		}
		if got.ServerTimeUS == 0 {
			t.Error("no server time")
		}
		got.ServerTimeUS = 0
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}

// Large answers are packed for those who take gzip, and only for those.
func TestPackedAnswers(t *testing.T) {
	s := servertest.Start(t)
	d := s.AddDevice()
	c := visitor(t, s)
	c.token = c.signIn(d).AccessToken
	lines := [][]byte{d.Genesis()}
	for range 50 {
		lines = append(lines, d.Note(s.Org, "a note"))
	}
	body := bytes.Join(lines, []byte{'\n'})
	plainly := c.send(http.MethodPost, "/v1/batches", bytes.NewReader(body), "Content-Type", "application/x-ndjson")
	if plainly.header.Get("Content-Encoding") != "" {
		t.Error("packed for nobody")
	}
	for header, packed := range map[string]bool{"gzip": true, "br, gzip": true, "*": true, "gzip;q=0": false, "br": false, "identity": false} {
		r, err := http.NewRequest(http.MethodGet, s.URL+"/v1/changes", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+c.token)
		r.Header.Set("Accept-Encoding", header)
		res, err := plain.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var in io.Reader = res.Body
		if got := res.Header.Get("Content-Encoding") == "gzip"; got != packed {
			t.Errorf("Accept-Encoding %q: packed %v", header, got)
		} else if got {
			if in, err = gzip.NewReader(res.Body); err != nil {
				t.Fatal(err)
			}
		}
		var page wire.Changes
		if err := json.NewDecoder(in).Decode(&page); err != nil || len(page.Events) == 0 {
			t.Errorf("Accept-Encoding %q: %d events, %v", header, len(page.Events), err)
		}
		if res.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("Vary is %q", res.Header.Get("Vary"))
		}
		_ = res.Body.Close()
	}
}
