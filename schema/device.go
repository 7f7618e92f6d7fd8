package schema

import "embed"

// Device holds the migrations of a device's store, device/NNNN_name.sql, in the
// order of their numbers. Phones, laptops and the web application use the same files.
//
//go:embed device/*.sql
var Device embed.FS
