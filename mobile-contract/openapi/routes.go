// Package openapi describes the HTTP interface as OpenAPI 3.1. openapi.yaml is
// generated from the routes listed here and from the types in api/wire with their
// doc comments; the server's tests hold its real routes and its real answers
// against it, so that the three cannot drift apart.
package openapi

import (
	_ "embed"
	"reflect"

	"fieldseal/api/wire"
)

//go:generate go run ./generate

// YAML is the description.
//
//go:embed openapi.yaml
var YAML []byte

// Access is what a caller must bring.
type Access int

// The kinds of access. Deposit also admits the token of a revoked device.
const (
	Anyone Access = iota
	Bearer
	Deposit
)

// Param is a parameter in the query or a header.
type Param struct {
	Name, In, Type, Description string
	Required                    bool
}

// Answer is a successful answer: a wire type, or another media type.
type Answer struct {
	Status      int
	Type        reflect.Type
	MediaType   string
	Description string
}

// Route is one operation.
type Route struct {
	Method, Path         string
	Summary, Description string
	Access               Access
	Params               []Param
	Request              reflect.Type
	RequestMediaType     string
	Answers              []Answer
	Errors               []wire.ErrorCode
}

func ok[T any](description string) []Answer {
	return []Answer{{Status: 200, Type: reflect.TypeFor[T](), Description: description}}
}

func other(status int, mediaType, description string) Answer {
	return Answer{Status: status, MediaType: mediaType, Description: description}
}

func body[T any]() reflect.Type { return reflect.TypeFor[T]() }

func number(name, description string, required bool) Param {
	return Param{Name: name, In: "query", Type: "integer", Description: description, Required: required}
}

func text(name, description string) Param {
	return Param{Name: name, In: "query", Type: "string", Description: description}
}

// Routes lists every operation of version 1.
func Routes() []Route {
	var all []Route
	for _, part := range [][]Route{operation(), access(), syncing(), log(), tiles(), media(), reading()} {
		all = append(all, part...)
	}
	return all
}

func operation() []Route {
	return []Route{
		{Method: "GET", Path: "/healthz", Summary: "Is the process alive", Answers: []Answer{other(200, "text/plain", "alive")}},
		{Method: "GET", Path: "/readyz", Summary: "Can it do its work", Description: "Checks the database, the checkpoint guard and the media store. 503 with the same body where one of them fails.",
			Answers: []Answer{{Status: 200, Type: body[wire.Ready](), Description: "ready"}, {Status: 503, Type: body[wire.Ready](), Description: "not ready; checks says why"}}},
		{Method: "GET", Path: "/metrics", Summary: "Prometheus metrics", Answers: []Answer{other(200, "text/plain", "metrics in the Prometheus text format")}},
	}
}

// signIn are the errors of every way to sign in, and more.
func signIn(more ...wire.ErrorCode) []wire.ErrorCode {
	return append([]wire.ErrorCode{wire.CodeBadRequest, wire.CodeUnauthenticated, wire.CodeTooLarge, wire.CodeMediaType, wire.CodeRateLimited}, more...)
}

func access() []Route {
	return []Route{
		{Method: "POST", Path: "/v1/auth/login", Summary: "Sign a person in by password", Request: body[wire.Login](), Answers: ok[wire.Tokens]("tokens"),
			Errors: signIn()},
		{Method: "POST", Path: "/v1/auth/refresh", Summary: "Spend a refresh token for new tokens", Request: body[wire.Refresh](), Answers: ok[wire.Tokens]("tokens; the refresh token sent is spent"),
			Errors: signIn(wire.CodeReuse)},
		{Method: "POST", Path: "/v1/auth/logout", Summary: "End a session, or all of a person's", Request: body[wire.Refresh](), Answers: []Answer{{Status: 204, Description: "ended"}},
			Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeTooLarge, wire.CodeMediaType}},
		{Method: "POST", Path: "/v1/auth/challenge", Summary: "Ask for a nonce to sign a device in", Answers: ok[wire.Challenge]("a nonce, good for one use"),
			Errors: []wire.ErrorCode{wire.CodeRateLimited}},
		{Method: "POST", Path: "/v1/auth/device", Summary: "Sign a device in by its sealed statement", Request: body[wire.DeviceLogin](), Answers: ok[wire.Tokens]("tokens; scope deposit where the device was revoked"),
			Errors: signIn(wire.CodeGone)},
		{Method: "POST", Path: "/v1/enrol", Summary: "Enrol a device with a one-time code", Description: "The device makes its key, proves that it holds it, and gets its enrolment as a ledgered event. The same request with the same key may be repeated.",
			Request: body[wire.Enrol](), Answers: ok[wire.Enrolled]("enrolled"), Errors: signIn(wire.CodeGone, wire.CodeConflict)},
		{Method: "GET", Path: "/v1/me", Access: Deposit, Summary: "Who the token speaks for", Answers: ok[wire.Me]("the person, and the device if one signed in")},
	}
}

func syncing() []Route {
	return []Route{
		{Method: "POST", Path: "/v1/batches", Access: Deposit, Summary: "Hand in a batch of sealed events",
			Description:      "The body is newline-delimited DSSE envelopes, plain or with Content-Encoding zstd or gzip. Each line gets its own result; a bad line never stops the lines behind it, and the bytes of every line are kept. The same line gets the same result every time.",
			Params:           []Param{{Name: "Content-Encoding", In: "header", Type: "string", Description: "zstd, gzip or identity"}},
			RequestMediaType: "application/x-ndjson", Answers: ok[wire.BatchAnswer]("one result per line, in order"),
			Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeFrozen, wire.CodeTooLarge, wire.CodeMediaType, wire.CodeUnavailable, wire.CodeNoSpace}},
		{Method: "POST", Path: "/v1/check", Access: Bearer, Summary: "What would keep acts from being accepted",
			Description: "For workstations that seal in a browser: asked before anything is sealed. Nothing is stored. An act that passes can still be quarantined for what only the ledger shows, such as a fork.",
			Request:     reflect.TypeFor[wire.Check](), Answers: ok[wire.Checked]("the problems, none where all would be taken"),
			Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeTooLarge, wire.CodeMediaType}},
		{Method: "GET", Path: "/v1/devices/{id}/head", Access: Deposit, Summary: "How far a device's chain is here", Answers: ok[wire.Head]("the chain's head"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeForbidden, wire.CodeNotFound}},
		{Method: "GET", Path: "/v1/changes", Access: Bearer, Summary: "What came after a ledger index", Description: "Every event that the person may see, in ledger order.",
			Params:  []Param{number("after", "the last index already known; -1 or absent for the beginning", false), number("limit", "at most this many events, 1 to 1000", false)},
			Answers: ok[wire.Changes]("events"), Errors: []wire.ErrorCode{wire.CodeBadRequest}},
		{Method: "GET", Path: "/v1/events/{id}", Access: Bearer, Summary: "One event by its id", Answers: ok[wire.EventView]("the exact envelope and its place in the ledger"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound}},
		{Method: "GET", Path: "/v1/events/{id}/proof", Access: Bearer, Summary: "One event's proof of inclusion", Answers: []Answer{other(200, "text/plain", "a C2SP tlog-proof file: the checkpoint, the index and the audit path")}, Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound}},
	}
}

func log() []Route {
	return []Route{
		{Method: "GET", Path: "/v1/log/checkpoint", Summary: "The newest signed checkpoint", Answers: ok[wire.CheckpointAnswer]("a C2SP tlog-checkpoint")},
		{Method: "GET", Path: "/v1/log/proof/inclusion", Summary: "Prove that a leaf is in the log", Params: []Param{number("index", "the leaf", true), number("size", "the log's size; absent for the newest", false)},
			Answers: ok[wire.InclusionProof]("audit path"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound}},
		{Method: "GET", Path: "/v1/log/proof/consistency", Summary: "Prove that a later log extends an earlier one", Params: []Param{number("from", "the earlier size", true), number("to", "the later size; absent for the newest", false)},
			Answers: ok[wire.ConsistencyProof]("proof"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound}},
		{Method: "POST", Path: "/v1/log/proofs", Summary: "Many inclusion proofs at once", Request: body[wire.ProofsAsked](), Answers: ok[wire.Proofs]("proofs against one checkpoint"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound, wire.CodeTooLarge, wire.CodeMediaType}},
	}
}

// tiles are the log for other people's checkers. {path} has slashes in it.
func tiles() []Route {
	about := "C2SP tlog-tiles (c2sp.org/tlog-tiles) with the prefix /log. Full ones never change. Bounded by address. There are digests, ids of keys and times of receipt in it, and nothing of what events say. "
	errors := []wire.ErrorCode{wire.CodeNotFound, wire.CodeRateLimited, wire.CodeUnavailable}
	return []Route{
		{Method: "GET", Path: "/log/checkpoint", Summary: "The log's checkpoint as C2SP tlog-tiles has it", Description: "The newest checkpoint that a quorum of witnesses has cosigned, where witnesses are configured; the log's own otherwise.",
			Answers: []Answer{other(200, "text/plain", "a C2SP tlog-checkpoint")}, Errors: []wire.ErrorCode{wire.CodeRateLimited, wire.CodeUnavailable}},
		{Method: "GET", Path: "/log/tile/{level}/{path}", Summary: "A tile of hashes", Description: about + "The path is the tile's number in groups of three digits, all but the last behind an x, such as x001/234, and .p/ with the width where the tile is partial.",
			Answers: []Answer{other(200, "application/octet-stream", "1 to 256 hashes of 32 bytes")}, Errors: errors},
		{Method: "GET", Path: "/log/tile/entries/{path}", Summary: "A bundle of the log's entries", Description: about + "The path is as that of a tile of level 0. Each entry is 106 bytes behind their length in two bytes.",
			Answers: []Answer{other(200, "application/octet-stream", "1 to 256 entries")}, Errors: errors},
	}
}

// The refusals of tus that have a status of their own.
var (
	version  = Answer{Status: 412, Type: body[wire.Error](), Description: "BAD_REQUEST: Tus-Resumable is not 1.0.0"}
	checksum = Answer{Status: 460, Type: body[wire.Error](), Description: "BAD_REQUEST: the chunk is not the one that Upload-Checksum is of; nothing of it was kept"}
	outside  = Answer{Status: 416, Type: body[wire.Error](), Description: "BAD_REQUEST: the range lies outside the file"}
)

// chunked are the errors of requests that carry bytes of an upload.
var chunked = []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound, wire.CodeConflict, wire.CodeGone, wire.CodeTooLarge, wire.CodeMediaType, wire.CodeDigest, wire.CodeUnavailable, wire.CodeNoSpace}

func media() []Route {
	tus := "tus 1.0.0 with creation, creation-with-upload, checksum and termination."
	can := []Answer{{Status: 204, Description: "tus headers"}}
	return []Route{
		{Method: "OPTIONS", Path: "/v1/media/uploads", Summary: "What the upload server can", Description: tus, Answers: can},
		{Method: "OPTIONS", Path: "/v1/media/uploads/{id}", Summary: "What the upload server can", Description: tus, Answers: can},
		{Method: "POST", Path: "/v1/media/uploads", Access: Deposit, Summary: "Begin a resumable upload", Description: tus + " Upload-Metadata must carry sha256. Where the file is held already, the answer says so (Fieldseal-Media: held) and nothing needs sending.",
			Params:  []Param{{Name: "Upload-Length", In: "header", Type: "integer", Description: "size of the file", Required: true}, {Name: "Upload-Metadata", In: "header", Type: "string", Description: "sha256 and type, base64 values", Required: true}},
			Answers: []Answer{{Status: 201, Description: "Location names the upload"}, version, checksum}, Errors: chunked},
		{Method: "POST", Path: "/v1/media/uploads/{id}", Access: Deposit, Summary: "Another method by X-HTTP-Method-Override", Description: "For clients that cannot send PATCH, HEAD or DELETE: the header names the method, the answer is that method's.",
			Params:  []Param{{Name: "X-HTTP-Method-Override", In: "header", Type: "string", Description: "PATCH, HEAD or DELETE", Required: true}},
			Answers: []Answer{{Status: 200, Description: "as HEAD"}, {Status: 204, Description: "as PATCH or DELETE"}, version, checksum}, Errors: append([]wire.ErrorCode{wire.CodeMethod}, chunked...)},
		{Method: "HEAD", Path: "/v1/media/uploads/{id}", Access: Deposit, Summary: "How much of an upload is safe", Answers: []Answer{{Status: 200, Description: "Upload-Offset"}, version},
			Errors: []wire.ErrorCode{wire.CodeNotFound, wire.CodeConflict, wire.CodeGone, wire.CodeDigest, wire.CodeUnavailable, wire.CodeNoSpace}},
		{Method: "PATCH", Path: "/v1/media/uploads/{id}", Access: Deposit, Summary: "Send bytes of an upload", RequestMediaType: "application/offset+octet-stream",
			Answers: []Answer{{Status: 204, Description: "these bytes are on stable storage"}, version, checksum}, Errors: chunked},
		{Method: "DELETE", Path: "/v1/media/uploads/{id}", Access: Deposit, Summary: "Give up an unfinished upload", Answers: []Answer{{Status: 204, Description: "given up"}, version}, Errors: []wire.ErrorCode{wire.CodeNotFound, wire.CodeConflict, wire.CodeUnavailable}},
		{Method: "GET", Path: "/v1/media/{sha256}", Access: Bearer, Summary: "A file's original bytes", Answers: []Answer{other(200, "application/octet-stream", "the bytes; ranges are served"), other(206, "application/octet-stream", "a range"), {Status: 304, Description: "If-None-Match names the file"}, outside}, Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound}},
		{Method: "GET", Path: "/v1/media/{sha256}/state", Access: Bearer, Summary: "Whether a file has arrived", Answers: ok[wire.MediaState]("its state"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound}},
		{Method: "GET", Path: "/v1/media/{sha256}/thumbnail", Access: Bearer, Summary: "A small oriented picture", Description: "A derivative for looking at, never evidence.", Answers: []Answer{other(200, "image/jpeg", "at most 512 px"), {Status: 202, Description: "being made; ask again"}, {Status: 304, Description: "If-None-Match names the picture"}}, Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound, wire.CodeMediaType}},
	}
}

func reading() []Route {
	return []Route{
		{Method: "GET", Path: "/v1/cases", Access: Bearer, Summary: "The cases that the person may see", Answers: ok[wire.Cases]("cases")},
		{Method: "GET", Path: "/v1/cases/{id}", Access: Bearer, Summary: "One case", Answers: ok[wire.Case]("the case"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound}},
		{Method: "GET", Path: "/v1/cases/{id}/items", Access: Bearer, Summary: "The case's items", Answers: ok[wire.Items]("items"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound}},
		{Method: "GET", Path: "/v1/cases/{id}/record", Access: Bearer, Summary: "The custody record with its defects", Answers: ok[wire.Record]("record"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeNotFound}},
		{Method: "GET", Path: "/v1/cases/{id}/bundle", Access: Bearer, Summary: "The court bundle", Params: []Param{text("items", "identifiers of the exhibits, separated by commas; absent for the whole case"), text("purpose", "what it is made for")},
			Answers: []Answer{other(200, "application/zip", "a BagIt bag in a zip")}, Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeForbidden, wire.CodeNotFound}},
		{Method: "GET", Path: "/v1/items", Access: Bearer, Summary: "Find items by label, number or hash", Params: []Param{text("q", "at least two characters")}, Answers: ok[wire.Items]("items"), Errors: []wire.ErrorCode{wire.CodeBadRequest}},
		{Method: "GET", Path: "/v1/quarantine", Access: Bearer, Summary: "What was received and not accepted", Description: "For supervisors, administrators and auditors.", Params: []Param{number("before", "only entries before this ledger index", false), number("limit", "1 to 500", false)},
			Answers: ok[wire.QuarantineList]("entries, newest first"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeForbidden}},
		{Method: "GET", Path: "/v1/quarantine/{index}", Access: Bearer, Summary: "One quarantined line with its exact bytes", Answers: ok[wire.Quarantined]("the entry"), Errors: []wire.ErrorCode{wire.CodeBadRequest, wire.CodeForbidden, wire.CodeNotFound}},
	}
}
