package device

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"fieldseal/api/wire"
)

func (f *fakeServer) tus(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Tus-Resumable", "1.0.0")
	id := strings.TrimPrefix(r.URL.Path, "/v1/media/uploads")
	if r.Method == http.MethodPost {
		u := &fakeUpload{}
		u.size, _ = strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
		for _, pair := range strings.Split(r.Header.Get("Upload-Metadata"), ",") {
			if k, v, _ := strings.Cut(pair, " "); k == "sha256" {
				u.digest = string(must(base64.StdEncoding.DecodeString(v)))
			}
		}
		if _, ok := f.media[u.digest]; ok {
			w.Header().Set("Fieldseal-Media", "held")
			w.WriteHeader(201)
			return
		}
		id = "/" + randomHex()
		f.uploads[id] = u
		w.Header().Set("Location", f.http.URL+"/v1/media/uploads"+id)
		w.WriteHeader(201)
		return
	}
	u := f.uploads[id]
	if u == nil {
		w.WriteHeader(404)
		return
	}
	if r.Method == http.MethodPatch {
		if r.Header.Get("Upload-Offset") != strconv.Itoa(len(u.data)) {
			w.WriteHeader(409)
			return
		}
		u.data = append(u.data, body...)
		if !f.finish(u) {
			w.WriteHeader(422)
			_ = json.NewEncoder(w).Encode(fail(wire.CodeDigest, "digest"))
			return
		}
	}
	w.Header().Set("Upload-Offset", strconv.Itoa(len(u.data)))
	w.WriteHeader(map[bool]int{true: 200, false: 204}[r.Method == http.MethodHead])
}

func (f *fakeServer) finish(u *fakeUpload) bool {
	if int64(len(u.data)) < u.size {
		return true
	}
	if fmt.Sprintf("%x", sha256.Sum256(u.data)) != u.digest {
		return false
	}
	f.media[u.digest] = bytes.Clone(u.data)
	return true
}
