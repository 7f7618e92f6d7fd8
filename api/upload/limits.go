package upload

import "time"

const (
	// maxMetadata bounds Upload-Metadata. Digest, media type and a file name take
	// 300 bytes; it must fit blob.MaxMeta and the header buffer.
	maxMetadata = 4 << 10
	// maxMediaType bounds a media type; RFC 6838 allows 127 characters a side.
	maxMediaType = 255
	// headerBuffer is the buffer of a connection, which is also the largest
	// request head that fasthttp takes: metadata, a token and what proxies add.
	// Bodies are read past it, straight into the store's buffers.
	headerBuffer = 16 << 10
	// stallGrace is how long a transfer may yield nothing before a newer request
	// for the same upload may end it: longer than a retransmission on a bad mobile
	// line, shorter than a person waits.
	stallGrace = 2 * time.Second
	// lockWait is how long a request waits for a transfer that is still flowing.
	lockWait = 3 * time.Second
	// settledAge is how long a finished upload still answers HEAD; after that the
	// client begins anew and learns that the file is held.
	settledAge = 72 * time.Hour
	// lingerTime and lingerBytes bound what is read and thrown away after an early
	// answer, so that a client that is still sending gets to see the answer
	// before the connection is reset. The bytes are twice the largest batch: a
	// device that sends somewhat too much must learn that it is too much.
	lingerTime  = 2 * time.Second
	lingerBytes = 16 << 20
	// progressBytes is what a peer must transfer within one idle time. At the
	// usual 60 s that is 17 bytes a second: slower than any line that can carry a
	// photo, and fast enough that a drip of single bytes cannot hold a connection.
	progressBytes = 1 << 10
	// writeSlice is what is handed to the kernel under one write deadline.
	writeSlice = 64 << 10
	// copyBuffer is the buffer of a download.
	copyBuffer = 256 << 10
)
