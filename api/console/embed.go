package console

import "embed"

// Static are the files that the pages use, below "static".
//
//go:embed all:static
var Static embed.FS
