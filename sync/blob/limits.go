package blob

import "time"

const (
	// DefaultMaxLength is the largest upload unless configured otherwise: the
	// largest file that FAT32 holds, since a court bundle must fit on any
	// memory stick; ten minutes of 4K phone video at 50 Mbit/s are below it.
	DefaultMaxLength = 4<<30 - 1

	// MaxMeta bounds the JSON of an upload's metadata, so that a record stays a
	// few blocks whatever a client sends.
	MaxMeta = 8 << 10

	// MaxReason bounds the text kept with an abandoned upload, in bytes.
	MaxReason = 1 << 10

	// DefaultCheckpoint is how much of a transfer, in time, a crash of the
	// server may cost. Each checkpoint is a flush of data and one of the slot;
	// at two seconds they are lost in the noise on fast lines, and a phone on
	// 2G at 3 kB/s repeats 6 kB at most.
	DefaultCheckpoint = 2 * time.Second

	// bigBuffer is what an Append on a fast line collects before it hashes and
	// writes. Measured over loopback HTTP on 2 cores, 200 MiB a file: 64 KiB gives
	// some 60 % of the throughput, 256 KiB is level with it, 1 MiB is slower.
	bigBuffer = 512 << 10

	// directAlign is what writing past the page cache is aligned to: the block of
	// today's disks and file systems, and a multiple of the older 512 bytes.
	directAlign = 4096

	// minDirect is the least that must be missing of an upload for its bytes to go
	// past the page cache: below it opening the file once more is not worth it.
	minDirect = 16 << 10

	// smallBuffer is what an Append uses while all big buffers are out.
	smallBuffer = 32 << 10

	// buffersPerAppend: one is filled while one is hashed and one is written.
	buffersPerAppend = 3

	// bigAppends is how many Appends can hold big buffers at once; further ones
	// run on small buffers. It bounds memory at bigAppends × 1.5 MiB plus 96 KiB
	// for each further Append, so a thousand slow phones cost 100 MiB.
	bigAppends = 12

	// maxEmptyReads is how often a body may yield nothing and no error in
	// succession before it counts as broken; bufio uses the same figure.
	maxEmptyReads = 100

	// tmpAge is how old an entry of tmp must be before OpenFiles removes it: no
	// Create or Put of a living process takes that long, and none was
	// acknowledged.
	tmpAge = 24 * time.Hour

	// copyBuffer is the buffer of Put and Verify.
	copyBuffer = 256 << 10
)
