package servers

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"

	"github.com/klauspost/compress/zstd"
)

func packing() []rule {
	return []rule{
		{"pack.zstd", "a batch packed with zstd is taken", func(r *run) error { return r.packed("zstd", zstdOf) }},
		{"pack.gzip", "a batch packed with gzip is taken", func(r *run) error { return r.packed("gzip", gzipOf) }},
		{"pack.lines", "the last line needs no line end; empty lines and CR are passed over", lineEnds},
		{"pack.unknown", "another packing is refused by its name", unknownPacking},
		{"pack.corrupt", "a batch that does not unpack is refused, and nothing of it stored", corruptPacking},
		{"pack.bomb", "a small batch that unpacks to more than 32 MiB is refused", packingBomb},
		{"pack.type", "a batch of another content type is refused", otherContentType},
		{"limit.lines", "5,000 lines are taken, 5,001 refused whole", lineLimit},
		{"limit.wire", "more than 8 MiB on the wire are refused", wireLimit},
		{"limit.empty", "a batch without lines is refused", emptyBatch},
	}
}

func zstdOf(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	err = z.Close()
	return b.Bytes(), err
}

func gzipOf(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

func (r *run) packed(encoding string, pack func([]byte) ([]byte, error)) error {
	a, list, err := r.fresh(6, encoding)
	if err != nil {
		return err
	}
	body, err := pack(join(oks(list)))
	if err != nil {
		return err
	}
	first, err := a.send(a.post(body, encoding), oks(list))
	if err != nil {
		return err
	}
	again, err := a.hand(dups(list)...) // the same bytes, however packed
	if err != nil {
		return err
	}
	return same(first, again)
}

func lineEnds(r *run) error {
	a, list, err := r.fresh(3, "line ends")
	if err != nil {
		return err
	}
	body := "\n" + string(list[0].line) + "\r\n\r\n\n" + string(list[1].line) + "\n" + string(list[2].line)
	if _, err := a.send(a.post([]byte(body), "identity"), oks(list)); err != nil {
		return err
	}
	_, err = a.hand(dups(list)...)
	return err
}

// refuseBatch sends a batch that must be refused whole, then the event in it, which must be new.
func (r *run) refuseBatch(text string, make func(good []byte) ([]byte, error), encoding string, codes ...wire.ErrorCode) error {
	a, list, err := r.fresh(1, text)
	if err != nil {
		return err
	}
	body, err := make(join(oks(list)))
	if err != nil {
		return err
	}
	q := a.post(body, encoding)
	rep, err := r.http.do(r.ctx, q)
	if err != nil {
		return err
	}
	if err := rep.refused(q, codes...); err != nil {
		return err
	}
	if _, err := a.hand(oks(list)...); err != nil {
		return fmt.Errorf("nothing of the refused batch may have been stored: %w", err)
	}
	return nil
}

func unknownPacking(r *run) error {
	return r.refuseBatch("another packing", func(b []byte) ([]byte, error) { return b, nil }, "br", wire.CodeMediaType)
}

func corruptPacking(r *run) error {
	for _, encoding := range []string{"gzip", "zstd"} {
		pack := map[string]func([]byte) ([]byte, error){"gzip": gzipOf, "zstd": zstdOf}[encoding]
		err := r.refuseBatch("corrupt "+encoding, func(b []byte) ([]byte, error) {
			packed, err := pack(b)
			if err == nil {
				packed = packed[:len(packed)-4] // without its end
			}
			return packed, err
		}, encoding, wire.CodeBadRequest)
		if err != nil {
			return err
		}
		if err := r.refuseBatch("not "+encoding, func(b []byte) ([]byte, error) { return b, nil }, encoding, wire.CodeBadRequest); err != nil {
			return err
		}
	}
	return nil
}

func packingBomb(r *run) error {
	return r.refuseBatch("bomb", func(b []byte) ([]byte, error) {
		return zstdOf(append(b, bytes.Repeat([]byte{'\n'}, wire.MaxBatchBytes)...))
	}, "zstd", wire.CodeTooLarge)
}

func otherContentType(r *run) error {
	a, list, err := r.fresh(1, "content type")
	if err != nil {
		return err
	}
	q := a.post(join(oks(list)), "")
	q.header["Content-Type"] = "application/xml"
	rep, err := r.http.do(r.ctx, q)
	if err != nil {
		return err
	}
	if err := rep.refused(q, wire.CodeMediaType); err != nil {
		return err
	}
	_, err = a.hand(oks(list)...)
	return err
}

// lineLimit fills batches with one short line that is in quarantine after the first time.
func lineLimit(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	line := []byte("filler " + nonce())
	fill := func(n int) []item {
		items := make([]item, n)
		for i := range items {
			items[i] = quarantine(line, event.ID(seal.LineDigest(line)), seal.CodeMalformedEnvelope)
		}
		return items
	}
	if _, err := a.hand(fill(wire.MaxBatchLines)...); err != nil {
		return err
	}
	return r.refuseBatch("too many lines", func(b []byte) ([]byte, error) { return append(b, join(fill(wire.MaxBatchLines))...), nil }, "", wire.CodeTooLarge)
}

func wireLimit(r *run) error {
	return r.refuseBatch("too many bytes", func(b []byte) ([]byte, error) {
		return append(b, strings.Repeat("\n", wire.MaxBatchWire)...), nil
	}, "", wire.CodeTooLarge)
}

func emptyBatch(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	for _, body := range []string{"", "\n\n\r\n"} {
		q := a.post([]byte(body), "")
		rep, err := r.http.do(r.ctx, q)
		if err != nil {
			return err
		}
		if err := rep.refused(q, wire.CodeBadRequest); err != nil {
			return err
		}
	}
	return nil
}
