// Package checker is the page that verifies an evidence bundle in a browser: its
// parts, and how they become a page that a server gives and one file that works
// with the network off.
//
// # Contract
//
// The verifier is the command custody-verify built for js/wasm; nothing of it is
// written again in JavaScript. It runs in a worker and reads the bundle piece by
// piece, so that memory does not grow with the bundle's files. Nothing of the
// bundle leaves the browser: the server's page may connect only to its own
// server, and asks it for the verifier alone; the saved file may connect nowhere
// (its content security policy allows exactly its own scripts, by their digests).
//
// Both pages are the same fragment of HTML, the same script (page.js) and the same
// words (words.json, English and Chinese side by side).
//
// # Files
//
// A WebAssembly program cannot be embedded in the server that it is built beside,
// so it is a file on disk. Directory Dir beside the server's executable, or one
// that the configuration names, holds
//
//	verify.wasm.gz        the verifier, gzip
//	worker.js             Go's support script and ours
//	custody-verify.html   the one file
//
// as `make build` writes them. Open reads them; where they are absent the error
// says so and how they are made, and the server's page tells its reader.
package checker

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"
	texttemplate "text/template"
)

// The names of the files in a directory.
const (
	WasmFile   = "verify.wasm.gz"
	WorkerFile = "worker.js"
	PageFile   = "custody-verify.html"
	// Dir is the directory's usual name.
	Dir = "verify"
)

// maxFile bounds a file that Open reads: the page has about 6 MB.
const maxFile = 64 << 20

// ErrAbsent is wrapped where the verifier has not been built.
var ErrAbsent = errors.New("the verifier for browsers is not there")

//go:embed fragment.html
var fragmentText string

//go:embed file.html
var fileText string

//go:embed page.js
var script string

//go:embed worker.js
var workerScript string

//go:embed page.css
var style string

//go:embed file.css
var fileStyle string

//go:embed words.json
var wordsText string

// Words are the page's words by key: English, Chinese.
func Words() map[string][2]string {
	var w map[string][2]string
	if err := json.Unmarshal([]byte(wordsText), &w); err != nil {
		panic("checker: words.json: " + err.Error()) // a test reads them
	}
	return w
}

// Word gives a word in Chinese or in English; the key where there is none.
func Word(zh bool, key string) string {
	w, ok := words[key]
	switch {
	case !ok:
		return key
	case zh:
		return w[1]
	}
	return w[0]
}

var words = Words()

// Fragment is the page's part that a layout goes round, in a language. base is the
// address below which worker.js and verify.wasm are.
func Fragment(zh bool, base string) (template.HTML, error) {
	t, err := template.New("").Funcs(template.FuncMap{"w": func(k string) string { return Word(zh, k) }}).Parse(fragmentText)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, "verify", map[string]string{"Base": base})
	return template.HTML(b.String()), err
}

// Script, Style and WordsJSON are what the server's page loads beside the fragment.
func Script() []byte { return []byte(script) }

// Style is the style sheet of the fragment.
func Style() []byte { return []byte(style) }

// WordsJSON is for an element of type application/json with the id "verify-words".
func WordsJSON() template.JS { return template.JS(compact(wordsText)) }

func compact(s string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(s)); err != nil {
		panic("checker: words.json: " + err.Error())
	}
	var safe bytes.Buffer
	json.HTMLEscape(&safe, b.Bytes())
	return safe.String()
}

// Files are the built files.
type Files struct {
	Wasm, Worker, Page []byte
}

// Open reads the files of a directory.
func Open(dir string) (*Files, error) {
	f := &Files{}
	for name, to := range map[string]*[]byte{WasmFile: &f.Wasm, WorkerFile: &f.Worker, PageFile: &f.Page} {
		data, err := readFile(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%w: %s has no %s. `make build` writes it into bin/%s beside the server; elsewhere name its directory in the setting verify", ErrAbsent, dir, name, Dir)
		}
		if err != nil {
			return nil, fmt.Errorf("the verifier for browsers: %w", err)
		}
		*to = data
	}
	return f, nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 || info.Size() > maxFile {
		return nil, fmt.Errorf("%s is not a file of 1 to %d bytes", path, maxFile)
	}
	return os.ReadFile(path)
}

// Write writes the files into a directory, which is made.
func (f *Files) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range map[string][]byte{WasmFile: f.Wasm, WorkerFile: f.Worker, PageFile: f.Page} {
		// Beside the target first: a server that starts meanwhile reads whole files.
		tmp := filepath.Join(dir, "."+name)
		if err := os.WriteFile(tmp, data, 0o644); err != nil {
			return err
		}
		if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// Digest is the SHA-256 of a file in hex, by which people compare it.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Assemble makes the files from the verifier built for js/wasm and the support
// script of the Go that built it. The same input gives the same bytes.
func Assemble(wasm, support []byte) (*Files, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(wasm); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	f := &Files{Wasm: packed.Bytes(), Worker: append(append(bytes.Clone(support), '\n'), workerScript...)}
	f.Page, err = assemblePage(f.Worker, f.Wasm)
	return f, err
}

func assemblePage(worker, packed []byte) ([]byte, error) {
	for _, part := range []string{string(worker), script, style, fileStyle} {
		if low := strings.ToLower(part); strings.Contains(low, "</script") || strings.Contains(low, "<!--") || strings.Contains(low, "</style") {
			return nil, errors.New("a script or style would end the element that it stands in")
		}
	}
	t, err := texttemplate.New("").Funcs(texttemplate.FuncMap{"w": func(k string) string { return template.HTMLEscapeString(Word(false, k)) }}).Parse(fragmentText)
	if err != nil {
		return nil, err
	}
	if t, err = t.New("file").Parse(fileText); err != nil {
		return nil, err
	}
	sheet := fileStyle + style
	var b bytes.Buffer
	err = t.ExecuteTemplate(&b, "file", map[string]string{"Base": "", "ScriptHash": source(script), "StyleHash": source(sheet), "Style": sheet, "Script": script,
		"Worker": string(worker), "Words": compact(wordsText), "Wasm": base64.StdEncoding.EncodeToString(packed)})
	return b.Bytes(), err
}

// source names an inline script or style in a content security policy.
func source(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
