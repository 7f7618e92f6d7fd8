package server

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"sync"

	"fieldseal/api/wire"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/zstd"
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
func unpack(encoding string, body []byte) ([]byte, error) {
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
		return nil, fault(wire.CodeMediaType, "Content-Encoding %.40q is not taken. Send zstd, gzip or identity.", encoding)
	}
	out := bytes.NewBuffer(make([]byte, 0, min(4*len(body), wire.MaxBatchBytes)))
	n, err := io.Copy(out, io.LimitReader(src, wire.MaxBatchBytes+1))
	if n > wire.MaxBatchBytes {
		return nil, fault(wire.CodeTooLarge, "Unpacked, the batch has more than %d bytes. Send fewer events at a time.", wire.MaxBatchBytes)
	}
	if err != nil {
		return nil, badPacking(encoding, err)
	}
	return out.Bytes(), nil
}

func badPacking(encoding string, err error) *Fault {
	return fault(wire.CodeBadRequest, "The body is not valid %s. Nothing was stored; send the batch again.", encoding).because(err)
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
			return nil, fault(wire.CodeTooLarge, "The batch has more than %d lines. Send fewer events at a time.", wire.MaxBatchLines)
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return nil, fault(wire.CodeBadRequest, "The batch has no lines. A batch is one DSSE envelope a line.")
	}
	return lines, nil
}

// postBatch takes a batch of sealed events. The answer is per event; the batch as
// a whole fails only where nothing of it was stored.
func (s *Server) postBatch(c *fiber.Ctx) error {
	id := identity(c)
	if t := mediaType(c); t != "application/x-ndjson" && t != "" {
		return fault(wire.CodeMediaType, "Content-Type %.60q is not taken. A batch is application/x-ndjson: one DSSE envelope a line.", t)
	}
	packed, err := readBody(c, wire.MaxBatchWire)
	if err != nil {
		return err
	}
	body, err := unpack(c.Get(fiber.HeaderContentEncoding), packed)
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
