package server

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"fieldseal/sync/ingest"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"
)

// packFrom is the length from which an answer is packed for those who take gzip:
// below, it fits into one packet anyway.
const packFrom = 1400

// packers are kept between requests: one owns several hundred KiB.
var packers = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(fmt.Sprintf("gzip level is wrong: %v", err))
	}
	return z
}}

// answerJSON answers with what devices fetch over slow links: lists of events,
// receipts and proofs. Answers with secrets in them do not go through here.
func answerJSON(c *fiber.Ctx, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return sendJSON(c, data)
}

func sendJSON(c *fiber.Ctx, data []byte) error { return sendPacked(c, fiber.MIMEApplicationJSON, data) }

// sendPacked answers with gzip where it is worth it and the client takes it.
func sendPacked(c *fiber.Ctx, mediaType string, data []byte) error {
	c.Set(fiber.HeaderContentType, mediaType)
	c.Vary(fiber.HeaderAcceptEncoding)
	if len(data) < packFrom || c.Get(fiber.HeaderAcceptEncoding) == "" || c.AcceptsEncodings("gzip") == "" {
		return c.Send(data)
	}
	out := bytes.NewBuffer(make([]byte, 0, len(data)/3))
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(out)
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentEncoding, "gzip")
	return c.Send(out.Bytes())
}

// resultBytes is about what one result takes in an answer.
const resultBytes = 200

// appendBatch appends a wire.BatchAnswer. It is the one answer that is made for
// every event, so it is written out by hand; a test reads it back.
func appendBatch(b []byte, r ingest.Receipt, now time.Time) []byte {
	b = append(b, `{"results":[`...)
	for i := range r.Results {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendResult(b, &r.Results[i])
	}
	b = append(b, `],"checkpoints":{`...)
	first := true
	for size, note := range r.Checkpoints {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = strconv.AppendInt(append(b, '"'), size, 10)
		b = appendText(append(b, `":`...), note)
	}
	b = strconv.AppendInt(append(b, `},"server_time_us":`...), now.UnixMicro(), 10)
	return append(b, '}')
}

func appendResult(b []byte, x *ingest.Result) []byte {
	b = hex.AppendEncode(append(b, `{"id":"`...), x.ID[:])
	b = append(append(b, `","status":"`...), x.Status...)
	b = append(b, '"')
	if x.Code != "" {
		b = appendText(append(b, `,"code":`...), string(x.Code))
	}
	if x.Detail != "" {
		b = appendText(append(b, `,"detail":`...), x.Detail)
	}
	b = strconv.AppendInt(append(b, `,"index":`...), x.Index, 10)
	b = strconv.AppendInt(append(b, `,"received_us":`...), x.Received.UnixMicro(), 10)
	b = strconv.AppendInt(append(b, `,"kind":`...), int64(x.Kind), 10)
	if x.Pending {
		b = append(b, `,"pending":true`...)
	}
	if x.WaitsFor != 0 {
		b = strconv.AppendInt(append(b, `,"waits_for":`...), x.WaitsFor, 10)
	}
	b = strconv.AppendInt(append(b, `,"checkpoint_size":`...), x.CheckpointSize, 10)
	return append(b, '}')
}

// appendText appends a JSON string. Details of refused lines may quote bytes that
// are no UTF-8.
func appendText(b []byte, s string) []byte {
	out, err := jsontext.AppendQuote(b, strings.ToValidUTF8(s, "\uFFFD"))
	if err != nil {
		panic(fmt.Sprintf("valid UTF-8 was not quoted: %v", err)) // AppendQuote fails for nothing else
	}
	return out
}
