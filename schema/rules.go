package schema

import "embed"

// Rules holds the rule packs, one JSON file each, named id-version.json;
// package sync/rules reads them.
//
//go:embed rules/*.json
var Rules embed.FS
