package upload

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"mime"
	"strconv"
	"strings"

	"fieldseal/sync/blob"
)

// metadata is what this server reads in Upload-Metadata.
type metadata struct {
	raw       string // as sent, for HEAD
	digest    blob.Digest
	mediaType string // as sent; application/octet-stream where absent
}

const octetStream = "application/octet-stream"

// parseMetadata reads Upload-Metadata: pairs of a key and the base64 of a value,
// separated by commas; keys are unique; a value may be absent. Its errors are
// texts for the client.
func parseMetadata(header string) (metadata, error) {
	m := metadata{raw: header, mediaType: octetStream}
	if len(header) > maxMetadata {
		return m, fmt.Errorf("Upload-Metadata has %d bytes, at most %d are taken", len(header), maxMetadata)
	}
	values := map[string]string{}
	for pair := range strings.SplitSeq(header, ",") {
		if header == "" {
			break
		}
		key, coded, _ := strings.Cut(strings.Trim(pair, " "), " ")
		if !isToken(key) {
			return m, fmt.Errorf("Upload-Metadata: %q is not a key", clip(key))
		}
		if _, twice := values[key]; twice {
			return m, fmt.Errorf("Upload-Metadata: the key %s occurs twice", clip(key))
		}
		value, err := decodeBase64(coded)
		if err != nil {
			return m, fmt.Errorf("Upload-Metadata: the value of %s is not base64", clip(key))
		}
		values[key] = string(value)
	}
	hex, ok := values["sha256"]
	if !ok {
		return m, fmt.Errorf("Upload-Metadata must carry sha256, the base64 of the file's SHA-256 as 64 lower-case hex digits; it is what the bytes are checked against")
	}
	var err error
	if m.digest, err = blob.ParseDigest(hex); err != nil || m.digest.IsZero() {
		return m, fmt.Errorf("Upload-Metadata: sha256 is %q, not 64 lower-case hex digits", clip(hex))
	}
	for _, key := range []string{"filetype", "type"} { // type outranks filetype
		if t := values[key]; t != "" {
			if _, _, err := mime.ParseMediaType(t); err != nil || len(t) > maxMediaType || !strings.Contains(t, "/") {
				return m, fmt.Errorf("Upload-Metadata: %s is %q, not a media type such as image/jpeg", key, clip(t))
			}
			m.mediaType = t
		}
	}
	return m, nil
}

// isToken reports whether key is visible ASCII without the separators of the header.
func isToken(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] >= 0x7f || key[i] == ',' {
			return false
		}
	}
	return key != ""
}

// decodeBase64 is strict: standard alphabet, padded, no line breaks, no stray bits.
func decodeBase64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, base64.CorruptInputError(strings.IndexAny(s, "\r\n"))
	}
	return base64.StdEncoding.Strict().DecodeString(s)
}

// parseChecksum reads Upload-Checksum: algorithm and base64 of the digest.
func parseChecksum(header string) (*blob.Digest, error) {
	algorithm, coded, _ := strings.Cut(header, " ")
	if algorithm != "sha-256" && algorithm != "sha256" {
		return nil, fmt.Errorf("Upload-Checksum: the algorithm %q is not taken, only sha-256", clip(algorithm))
	}
	sum, err := decodeBase64(coded)
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("Upload-Checksum: %q is not the base64 of a SHA-256", clip(coded))
	}
	return (*blob.Digest)(sum), nil
}

// parseCount reads a non-negative decimal integer without sign or leading zeros.
func parseCount(name, value string) (int64, error) {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != value {
		return 0, fmt.Errorf("%s must be a whole number of bytes, not %q", name, clip(value))
	}
	return n, nil
}

// byteRange is a range of a file, both ends inside it.
type byteRange struct{ first, length int64 }

// parseRange reads a Range header against a file's size (RFC 9110, 14.2). whole is
// returned for anything that may be ignored: no range, another unit, malformed,
// several ranges; satisfiable is false where the one range lies outside.
func parseRange(header string, size int64) (r byteRange, whole, satisfiable bool) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	from, to, dash := strings.Cut(strings.Trim(spec, " "), "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return r, true, true
	}
	first, ferr := parseCount("", from)
	last, lerr := parseCount("", to)
	switch {
	case from == "" && lerr == nil: // the last so many
		n := min(last, size)
		return byteRange{size - n, n}, false, n > 0
	case ferr != nil || to != "" && lerr != nil || to != "" && last < first:
		return r, true, true
	case first >= size:
		return r, false, false
	case to == "":
		last = size - 1
	}
	last = min(last, size-1)
	return byteRange{first, last - first + 1}, false, true
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
