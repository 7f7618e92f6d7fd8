package server

import (
	"time"

	"fieldseal/sync/ingest"
)

// EncodeBatch makes the answer to a batch.
func EncodeBatch(r ingest.Receipt) []byte {
	return appendBatch(make([]byte, 0, resultBytes*(len(r.Results)+4)), r, time.Now())
}

// TakeRoom takes the room of unpacked batches but for what one of size bytes gets,
// and gives it back; false where batches hold some of it.
func TakeRoom(size int) (back func(), ok bool) {
	n := togetherUnpacked - roomFor("zstd", make([]byte, size))
	return func() { room.Release(n) }, room.TryAcquire(n)
}

// TilesPerMinute and Network are of the bound on requests for the log's tiles.
const TilesPerMinute = tilesPerMinute

// Network is what such a request counts for.
var Network = new(Server).network

// SignInsPerMinute is the bound of attempts to sign in from one address.
const SignInsPerMinute = signInsPerMinute
