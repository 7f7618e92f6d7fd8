package server

import (
	"time"

	"fieldseal/sync/ingest"
)

// StatusOf lets the tests hold the table of statuses against the description.
var StatusOf = statusOf

// EncodeBatch makes the answer to a batch.
func EncodeBatch(r ingest.Receipt) []byte {
	return appendBatch(make([]byte, 0, resultBytes*(len(r.Results)+4)), r, time.Now())
}
