// Package schemas publishes the JSON Schemas (draft 2020-12) of everything that a
// device seals or sends as an event: event.schema.json is the payload around every
// body, envelope.schema.json the DSSE line, and one file per event type its body.
//
// The files are generated from the Go types in sync/event and their doc comments
// (go generate), so that they cannot say anything else than the code. A schema
// shows form; rules that tie members together (a split names its parent, a
// rejection has a reason) are stated in descriptions and checked by the server,
// and the test vectors show each of them.
package schemas

import "embed"

//go:generate go run ./generate

// Files holds every schema by its file name.
//
//go:embed *.schema.json
var Files embed.FS
