package servers

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"

	"fieldseal/api/wire"
)

func wrongOffset(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	data := blob(4000)
	path, _, err := a.create(hexDigest(data), len(data))
	if err != nil {
		return err
	}
	if err := a.chunk(path, data[:1000], 0); err != nil {
		return err
	}
	for _, at := range []int{0, 999, 1001, 4000} {
		q := a.tus(http.MethodPatch, path, data[1000:1500], map[string]string{"Upload-Offset": strconv.Itoa(at)})
		rep, err := r.http.do(r.ctx, q)
		if err != nil {
			return err
		}
		if err := rep.refused(q, wire.CodeConflict); err != nil {
			return fmt.Errorf("at offset %d: %w", at, err)
		}
	}
	if at, err := a.offset(path); err != nil || at != 1000 {
		return fmt.Errorf("the offset is %d, want 1000 (%v)", at, err)
	}
	more := a.tus(http.MethodPatch, path, blob(3001), map[string]string{"Upload-Offset": "1000"})
	rep, err := r.http.do(r.ctx, more)
	if err != nil {
		return err
	}
	if err := rep.refused(more, wire.CodeTooLarge, wire.CodeBadRequest); err != nil {
		return fmt.Errorf("more bytes than announced: %w", err)
	}
	return a.chunk(path, data[1000:], 1000)
}

func wrongChecksum(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	data := blob(2000)
	path, _, err := a.create(hexDigest(data), len(data))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	checksum := func(b []byte) map[string]string {
		return map[string]string{"Upload-Offset": "0", "Upload-Checksum": "sha-256 " + base64.StdEncoding.EncodeToString(b)}
	}
	wrong := bytes.Clone(sum[:])
	wrong[0] ^= 1
	q := a.tus(http.MethodPatch, path, data, checksum(wrong))
	rep, err := r.http.do(r.ctx, q)
	if err != nil {
		return err
	}
	if rep.status != 460 {
		return fmt.Errorf("a chunk with another checksum was answered %d, want 460", rep.status)
	}
	if at, err := a.offset(path); err != nil || at != 0 {
		return fmt.Errorf("the offset is %d after a refused chunk (%v)", at, err)
	}
	q = a.tus(http.MethodPatch, path, data, checksum(sum[:]))
	if rep, err = r.http.do(r.ctx, q); err != nil {
		return err
	}
	return rep.into(q, nil)
}

func badMetadata(r *run) error {
	a, _, err := r.ready()
	if err != nil {
		return err
	}
	for _, meta := range []string{"", "sha256", "sha256 " + base64.StdEncoding.EncodeToString([]byte("abc")), "sha256 !!!", "filename " + base64.StdEncoding.EncodeToString([]byte("photo.jpg"))} {
		q := a.tus(http.MethodPost, uploads, nil, map[string]string{"Upload-Length": "10", "Upload-Metadata": meta})
		rep, err := r.http.do(r.ctx, q)
		if err != nil {
			return err
		}
		if err := rep.refused(q, wire.CodeBadRequest); err != nil {
			return fmt.Errorf("metadata %q: %w", meta, err)
		}
	}
	return nil
}

func tusVersion(r *run) error {
	a, _, err := r.ready()
	if err != nil {
		return err
	}
	q := a.tus(http.MethodPost, uploads, nil, map[string]string{"Tus-Resumable": "0.2.2", "Upload-Length": "1"})
	rep, err := r.http.do(r.ctx, q)
	if err != nil {
		return err
	}
	if rep.status != http.StatusPreconditionFailed || rep.header.Get("Tus-Version") != "1.0.0" {
		return fmt.Errorf("version 0.2.2 was answered %d with Tus-Version %q; want 412 and 1.0.0", rep.status, rep.header.Get("Tus-Version"))
	}
	return nil
}

func fileRange(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	data := blob(10_000)
	if err := a.mention(data); err != nil {
		return err
	}
	if err := a.whole(data); err != nil {
		return err
	}
	for spec, want := range map[string][]byte{"bytes=0-99": data[:100], "bytes=9900-": data[9900:], "bytes=-1": data[9999:]} {
		q := request{method: http.MethodGet, path: "/v1/media/" + hexDigest(data), header: map[string]string{"Authorization": "Bearer " + a.token, "Range": spec}}
		rep, err := r.http.do(r.ctx, q)
		if err != nil {
			return err
		}
		if rep.status != http.StatusPartialContent || !bytes.Equal(rep.body, want) {
			return fmt.Errorf("%s was answered %d with %d bytes, want 206 with %d", spec, rep.status, len(rep.body), len(want))
		}
	}
	return nil
}

func foreignUpload(r *run) error {
	a, b, err := r.begun()
	if err != nil {
		return err
	}
	data := blob(100)
	path, _, err := a.create(hexDigest(data), len(data))
	if err != nil {
		return err
	}
	q := b.tus(http.MethodPatch, path, data, map[string]string{"Upload-Offset": "0"})
	rep, err := r.http.do(r.ctx, q)
	if err != nil {
		return err
	}
	if err := rep.refused(q, wire.CodeNotFound, wire.CodeForbidden); err != nil {
		return err
	}
	return a.chunk(path, data, 0)
}

func fileAfterEvent(r *run) error {
	a, _, err := r.begun()
	if err != nil {
		return err
	}
	late, early := blob(2000), blob(2000)
	if err := a.whole(early); err != nil { // before anything mentions it
		return err
	}
	if err := a.mention(early); err != nil {
		return err
	}
	if err := a.arrived(early); err != nil {
		return err
	}
	if err := a.mention(late); err != nil {
		return err
	}
	var st wire.MediaState
	if err := r.http.json(r.ctx, http.MethodGet, "/v1/media/"+hexDigest(late)+"/state", a.token, nil, &st); err != nil {
		return err
	}
	if st.State != "missing" || st.Size != int64(len(late)) {
		return fmt.Errorf("a file that has not come is shown as %+v; want missing, of %d bytes", st, len(late))
	}
	return a.whole(late)
}
