package server

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"sync"

	"fieldseal/api/fault"
	"fieldseal/api/wire"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/semaphore"
)

// zstdWindow caps the window that a sender may ask for; zstd's own levels up to 19 need 8 MiB.
const zstdWindow = 8 << 20

// readers are kept between requests: a zstd decoder owns a few hundred KiB.
var readers = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(fmt.Sprintf("zstd decoder options are wrong: %v", err))
	}
	return d
}}

// unpack undoes a Content-Encoding within wire.MaxBatchBytes, whatever the ratio.
// held is the room that is held for the batch; it grows where it has to.
func unpack(encoding string, body []byte, held *int64) ([]byte, error) {
	var src io.Reader
	switch encoding {
	case "", "identity":
		return body, nil
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, badPacking(encoding, err)
		}
		defer z.Close()
		src = z
	case "zstd":
		d := readers.Get().(*zstd.Decoder)
		defer readers.Put(d)
		if err := d.Reset(bytes.NewReader(body)); err != nil {
			return nil, badPacking(encoding, err)
		}
		defer func() { _ = d.Reset(nil) }()
		src = d
	default:
		return nil, fault.New(wire.CodeMediaType, "Content-Encoding %.40q is not taken. Send zstd, gzip or identity.", encoding)
	}
	return pour(encoding, src, held)
}

// pour reads what comes out, at first into the room that is held. What grows
// beyond that gets all the room that a batch can have, if that much is left.
func pour(encoding string, src io.Reader, held *int64) ([]byte, error) {
	out := make([]byte, 0, *held)
	for {
		n, err := src.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, badPacking(encoding, err)
		case len(out) > wire.MaxBatchBytes:
			return nil, fault.New(wire.CodeTooLarge, "Unpacked, the batch has more than %d bytes. Send fewer events at a time.", wire.MaxBatchBytes)
		case len(out) < cap(out):
			continue
		}
		more := wire.MaxBatchBytes + 1 - *held
		if !room.TryAcquire(more) {
			f := fault.New(wire.CodeUnavailable, "Too many large batches are being taken at once. Nothing of this one was stored; send it again.")
			f.RetryAfter = 1
			return nil, f
		}
		*held += more
		out = append(make([]byte, 0, *held), out...)
	}
}

// togetherUnpacked is what batches under way may take, unpacked, all together:
// eight of the largest, or some hundred of 500 events. Beyond it they wait, so that
// no number of senders can ask for more memory than the machine has.
const togetherUnpacked = 8 * (wire.MaxBatchBytes + 1)

// room is held while a batch is unpacked, stored and answered.
var room = semaphore.NewWeighted(togetherUnpacked)

// usualRatio is well above what events come to when they are unpacked: base64 of JSON by zstd gives three to four.
const usualRatio = 8

// roomFor is what a batch most likely takes.
func roomFor(encoding string, body []byte) int64 {
	if encoding == "" || encoding == "identity" {
		return int64(len(body))
	}
	return int64(min(usualRatio*len(body)+512, wire.MaxBatchBytes+1))
}

func badPacking(encoding string, err error) *fault.Fault {
	return fault.New(wire.CodeBadRequest, "The body is not valid %s. Nothing was stored; send the batch again.", encoding).Because(err)
}

// split cuts a batch into its lines. A last line without a line end counts; an
// empty line does not. A line too long for an envelope is kept whole: it goes to
// quarantine, since a batch is never refused for one bad line in it.
func split(batch []byte) ([][]byte, error) {
	lines := make([][]byte, 0, min(bytes.Count(batch, []byte{'\n'})+1, wire.MaxBatchLines))
	for len(batch) > 0 {
		line, rest, _ := bytes.Cut(batch, []byte{'\n'})
		batch = rest
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if len(line) == 0 {
			continue
		}
		if len(lines) == wire.MaxBatchLines {
			return nil, fault.New(wire.CodeTooLarge, "The batch has more than %d lines. Send fewer events at a time.", wire.MaxBatchLines)
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return nil, fault.New(wire.CodeBadRequest, "The batch has no lines. A batch is one DSSE envelope a line.")
	}
	return lines, nil
}

// postBatch takes a batch of sealed events. The answer is per event; the batch as
// a whole fails only where nothing of it was stored.
func (s *Server) postBatch(c *fiber.Ctx) error {
	id := identity(c)
	if t := mediaType(c); t != "application/x-ndjson" && t != "" {
		return fault.New(wire.CodeMediaType, "Content-Type %.60q is not taken. A batch is application/x-ndjson: one DSSE envelope a line.", t)
	}
	packed, err := readBody(c, wire.MaxBatchWire)
	if err != nil {
		return err
	}
	encoding := c.Get(fiber.HeaderContentEncoding)
	held := roomFor(encoding, packed)
	if err := room.Acquire(c.UserContext(), held); err != nil {
		return err
	}
	defer func() { room.Release(held) }()
	body, err := unpack(encoding, packed, &held)
	if err != nil {
		return err
	}
	lines, err := split(body)
	if err != nil {
		return err
	}
	receipt, err := s.engine.Submit(c.UserContext(), lines, id.Device)
	if err != nil {
		return err
	}
	s.metrics.batch(receipt)
	return sendJSON(c, appendBatch(make([]byte, 0, resultBytes*(len(lines)+4)), receipt, s.now()))
}
