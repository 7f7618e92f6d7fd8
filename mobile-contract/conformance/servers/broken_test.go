package servers_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"fieldseal/api/server/servertest"
	"fieldseal/api/wire"
	"fieldseal/mobile-contract/conformance"
	"fieldseal/sync/ledger"
)

// breakage is a server that is the real one but for one fault.
type breakage struct {
	name string
	// request and answer change what passes, where set.
	request func(*http.Request)
	answer  func(*http.Response, []byte) []byte
	// only limits the rules to those that can see the fault and their neighbours.
	only []string
	// broken is exactly the rules that must be broken.
	broken []string
}

// batchAnswers changes every result of every batch.
func batchAnswers(change func(*wire.BatchAnswer)) func(*http.Response, []byte) []byte {
	return func(r *http.Response, body []byte) []byte {
		if r.Request.URL.Path != "/v1/batches" || r.StatusCode != http.StatusOK {
			return body
		}
		return changed(body, change)
	}
}

func changed[T any](body []byte, change func(*T)) []byte {
	var v T
	if err := json.Unmarshal(body, &v); err != nil {
		panic(err)
	}
	change(&v)
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

func on(path string, change func(*http.Response, []byte) []byte) func(*http.Response, []byte) []byte {
	return func(r *http.Response, body []byte) []byte {
		if strings.HasPrefix(r.Request.URL.Path, path) {
			return change(r, body)
		}
		return body
	}
}

func results(change func(*wire.EventResult)) func(*http.Response, []byte) []byte {
	return batchAnswers(func(a *wire.BatchAnswer) {
		for i := range a.Results {
			change(&a.Results[i])
		}
	})
}

func breakages(forger *ledger.Key) []breakage {
	return []breakage{
		{name: "duplicates get a new time", only: []string{"batch.identical", "batch.overlapping", "batch.variant", "batch.twice-within", "batch.parallel", "batch.reversed", "batch.interleaved"},
			answer: results(func(e *wire.EventResult) {
				if e.Status == wire.StatusDuplicate {
					e.ReceivedUS++
				}
			}),
			broken: []string{"batch.identical", "batch.overlapping", "batch.variant", "batch.twice-within", "batch.parallel"}},
		{name: "quarantine is called accepted", only: []string{"refuse.", "chain."},
			answer: results(func(e *wire.EventResult) {
				if e.Status == wire.StatusQuarantined {
					e.Status, e.Code, e.Detail = wire.StatusAccepted, "", ""
				}
			}),
			broken: []string{"chain.fork", "chain.fork-by-successor", "chain.broken", "chain.uuid", "chain.genesis", "chain.second-genesis", "refuse.*"}},
		{name: "no line is pending", only: []string{"chain."},
			answer: results(func(e *wire.EventResult) { e.Pending, e.WaitsFor = false, 0 }),
			broken: []string{"chain.gap", "chain.fork-by-successor"}},
		{name: "answers in another order", only: []string{"batch.reversed", "chain.head"},
			answer: batchAnswers(func(a *wire.BatchAnswer) { slices.Reverse(a.Results) }),
			broken: []string{"batch.accepted"}},
		{name: "an index that the checkpoint does not cover", only: []string{"chain.head"},
			answer: results(func(e *wire.EventResult) { e.Index = e.CheckpointSize }), broken: []string{"batch.accepted"}},
		{name: "the next entry's index", only: []string{"log."},
			answer: results(func(e *wire.EventResult) { e.Index = max(0, e.Index-1) }), broken: []string{"log.inclusion", "log.inclusion-one"}},
		{name: "checkpoints by another key", only: []string{"log."},
			answer: on("/v1/enrol", func(r *http.Response, body []byte) []byte {
				return changed(body, func(a *wire.Enrolled) {
					c, err := ledger.Sign(ledger.Checkpoint{Origin: forger.Name(), Size: 9}, forger)
					if err != nil {
						panic(err)
					}
					if a.Checkpoint != "" {
						a.Checkpoint = string(c.Note())
					}
				})
			}), broken: []string{"enrol.answer", "enrol.ed25519"}},
		{name: "consistency without a proof", only: []string{"log."},
			answer: on("/v1/log/proof/consistency", func(r *http.Response, body []byte) []byte {
				return changed(body, func(p *wire.ConsistencyProof) { p.Hashes = nil })
			}), broken: []string{"log.consistency", "log.beyond"}},
		{name: "another entry's leaf hash", only: []string{"log."},
			answer: on("/v1/log/proofs", func(r *http.Response, body []byte) []byte {
				return changed(body, func(p *wire.Proofs) {
					for i := range p.Proofs {
						p.Proofs[i].LeafHash = p.Proofs[0].LeafHash
					}
				})
			}), broken: []string{"log.inclusion"}},
		{name: "an event is left out of the changes", only: []string{"read."},
			answer: on("/v1/changes", func(r *http.Response, body []byte) []byte {
				if r.StatusCode != http.StatusOK {
					return body
				}
				return changed(body, func(c *wire.Changes) {
					c.Events = slices.DeleteFunc(c.Events, func(e wire.Change) bool { return e.Index%5 == 4 })
				})
			}), broken: []string{"read.own", "read.colleague"}},
		{name: "packed batches are taken as they are", only: []string{"pack.gzip", "pack.zstd", "pack.lines"},
			request: func(r *http.Request) { r.Header.Del("Content-Encoding") }, broken: []string{"pack.gzip", "pack.zstd"}},
		{name: "a head without its digest", only: []string{"chain."},
			answer: func(r *http.Response, body []byte) []byte {
				if !strings.HasSuffix(r.Request.URL.Path, "/head") || r.StatusCode != http.StatusOK {
					return body
				}
				return changed(body, func(h *wire.Head) { h.Digest = strings.Repeat("0", 64) })
			}, broken: []string{"chain.head", "chain.goes-on"}},
		{name: "errors in plain text", only: []string{"errors.", "limit.empty", "auth.token"},
			answer: func(r *http.Response, body []byte) []byte {
				if r.StatusCode >= 400 {
					r.Header.Set("Content-Type", "text/plain")
					return []byte("failed")
				}
				return body
			}, broken: []string{"auth.token", "limit.empty", "errors.form"}},
		{name: "errors under another status", only: []string{"errors.", "limit.empty"},
			answer: func(r *http.Response, body []byte) []byte {
				if r.StatusCode == http.StatusBadRequest {
					r.StatusCode, r.Status = http.StatusTeapot, ""
				}
				return body
			}, broken: []string{"errors.form"}},
		{name: "uploads begin anew", only: []string{"media."},
			answer: on("/v1/media/uploads/", func(r *http.Response, body []byte) []byte {
				if r.Request.Method == http.MethodHead {
					r.Header.Set("Upload-Offset", "0")
				}
				return body
			}), broken: []string{"media.upload", "media.resume", "media.held", "media.wrong-digest", "media.offset", "media.range", "media.mention"}},
		{name: "a wrong digest is taken", only: []string{"media."},
			answer: on("/v1/media/uploads/", func(r *http.Response, body []byte) []byte {
				if r.StatusCode == http.StatusUnprocessableEntity {
					r.StatusCode = http.StatusNoContent
					return nil
				}
				return body
			}), broken: []string{"media.wrong-digest"}},
		{name: "held files are asked for again", only: []string{"media."},
			answer: on("/v1/media/uploads", func(r *http.Response, body []byte) []byte { r.Header.Del("Fieldseal-Media"); return body }),
			broken: []string{"media.held"}},
		{name: "tokens are not looked at", only: []string{"auth."},
			request: func(r *http.Request) {}, answer: on("/v1/batches", func(r *http.Response, body []byte) []byte {
				if r.StatusCode == http.StatusUnauthorized {
					r.StatusCode = http.StatusOK
					return []byte(`{"results":[],"checkpoints":{},"server_time_us":1}`)
				}
				return body
			}), broken: []string{"auth.token"}},
	}
}

// serve puts the fault before the real server.
func (b *breakage) serve(t *testing.T, behind string) string {
	u, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	p := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.Header.Del("Accept-Encoding") // faults are written into plain JSON
		if b.request != nil {
			b.request(r.Out)
		}
	}, ModifyResponse: func(r *http.Response) error {
		if b.answer == nil {
			return nil
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		body = b.answer(r, body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Request.Method != http.MethodHead {
			r.ContentLength = int64(len(body))
			r.Header.Set("Content-Length", strconv.Itoa(len(body)))
		}
		return nil
	}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) }}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return s.URL
}

// A server that is right but for one fault breaks exactly the rules about it.
func TestBrokenServers(t *testing.T) {
	s := servertest.Start(t)
	forger, err := ledger.GenerateKey(s.LogKey.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range breakages(forger) {
		t.Run(b.name, func(t *testing.T) {
			o := options(t, s, b.serve(t, s.URL))
			o.Only = b.only
			report := run(t, o)
			var broken, want []string
			for _, f := range report.Findings {
				if f.Outcome == conformance.Fail {
					broken = append(broken, f.Rule)
				}
				if slices.ContainsFunc(b.broken, func(w string) bool {
					return w == f.Rule || strings.HasSuffix(w, "*") && strings.HasPrefix(f.Rule, w[:len(w)-1])
				}) {
					want = append(want, f.Rule)
				}
			}
			if !slices.Equal(broken, want) || len(want) == 0 || report.Passed() {
				for _, f := range report.Findings {
					t.Log(f.Rule, f.Outcome, f.Reason)
				}
				t.Errorf("broken %v\nwant   %v", broken, want)
			}
		})
	}
}
