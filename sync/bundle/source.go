package bundle

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"iter"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

// ErrSource is wrapped where what a Source gives does not fit together: the
// store is damaged, or changed while it was read.
var ErrSource = errors.New("the bundle's source is not consistent")

// Event is an accepted event as the ledger has it.
type Event struct {
	Index ledger.Index
	Leaf  ledger.Leaf
	// Line is the exact envelope bytes; the writer does not change them.
	Line []byte
}

// Quarantined is a line in quarantine as the ledger has it.
type Quarantined struct {
	Index  ledger.Index
	Leaf   ledger.Leaf
	Line   []byte
	Layer  seal.Layer
	Code   seal.Code
	Detail string
}

// Media is what became of a file that an event names.
type Media struct {
	// State is bag.MediaPresent, MediaMissing or MediaMismatch.
	State bag.MediaState
	// Have is the number of bytes that are here, Got the digest of what arrived
	// instead (MediaMismatch).
	Have int64
	Got  event.Digest
}

// Token is an RFC 3161 token over a checkpoint, as package stamp keeps it.
type Token struct {
	// Note is the exact checkpoint that it is over.
	Note []byte
	// Authority is the name of its maker in the configuration, good for a file's name.
	Authority string
	Response  []byte
	// Chain is the certificates from the token's issuer to the root that was
	// trusted when the token was taken in.
	Chain []*x509.Certificate
}

// Source gives what a bundle is made of. All methods answer as of the checkpoint
// of the given size: only entries with an index below it exist. They are called
// from one goroutine, one after another; an iterator is read to its end, or left,
// before the next call. Errors end the making of the bundle and are passed on.
type Source interface {
	// Checkpoint is the newest signed checkpoint, exact bytes.
	Checkpoint(ctx context.Context) ([]byte, error)
	// Tiles gives the ledger's tiles.
	Tiles() ledger.TileReader
	// Rules is the exact rule pack that the case is judged by.
	Rules(ctx context.Context) ([]byte, error)
	// Events yields, in ledger order, the accepted events of the case, and of no
	// case those that concern it: the authority's genesis; the organisations,
	// persons, enrolments, revocations, geneses and clock observations of everyone
	// and every device that sealed or is named; arrivals of the media that its
	// events name; settlements of its quarantine. Each call yields the same.
	Events(ctx context.Context, c event.UUID, size ledger.Size) iter.Seq2[Event, error]
	// Quarantine yields, in ledger order, the lines in quarantine that claim the case,
	// or that claim no case and a device that sealed events of it.
	Quarantine(ctx context.Context, c event.UUID, size ledger.Size) iter.Seq2[Quarantined, error]
	// Leaf gives the leaf of an entry.
	Leaf(ctx context.Context, index ledger.Index) (ledger.Leaf, error)
	// Find gives the place of a device's event; ok is false where it has not arrived.
	Find(ctx context.Context, device event.UUID, seq int64, size ledger.Size) (index ledger.Index, ok bool, err error)
	// Chain gives the highest sequence number of a device, and the gaps below it,
	// first and last of each.
	Chain(ctx context.Context, device event.UUID, size ledger.Size) (head int64, missing [][2]int64, err error)
	// Note gives the signed checkpoint of an earlier size: that with the given
	// digest if it is kept, else another of that size, else nil.
	Note(ctx context.Context, size ledger.Size, digest event.Digest) ([]byte, error)
	// Stamped lists the sizes of the checkpoints up to a size that have time-stamp
	// tokens. Tokens gives those of one size, also over several notes of it.
	Stamped(ctx context.Context, size ledger.Size) ([]ledger.Size, error)
	Tokens(ctx context.Context, size ledger.Size) ([]Token, error)
	// Cosigned lists the sizes of the checkpoints up to a size that witnesses have
	// cosigned. CosignedNote gives the note of one size that most of them have, and
	// of several the earliest; nil where there is none.
	Cosigned(ctx context.Context, size ledger.Size) ([]ledger.Size, error)
	CosignedNote(ctx context.Context, size ledger.Size) ([]byte, error)
	// Media says what became of a file. Open gives the bytes of one that is present.
	Media(ctx context.Context, sha256 event.Digest) (Media, error)
	Open(ctx context.Context, sha256 event.Digest) (io.ReadCloser, error)
	// Seal seals with the authority's key and gives the envelope's line.
	Seal(ctx context.Context, payloadType string, payload []byte) ([]byte, error)
}
