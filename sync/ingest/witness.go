package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
)

var (
	// ErrForeignCheckpoint is wrapped where a checkpoint is not one of this log.
	ErrForeignCheckpoint = errors.New("ingest: not a checkpoint of this log")
	// ErrToken is wrapped where a time-stamp token cannot be kept.
	ErrToken = errors.New("ingest: not a token over a stored checkpoint")
)

// MaxToken caps a time-stamp token in bytes: one with its certificates has some
// six thousand.
const MaxToken = 64 << 10

// AddCosigned keeps a checkpoint of this log with signatures of witnesses on it.
// It checks the log's own signature and that the log had this root at this size;
// the caller has verified the cosignatures. Keeping the same note again changes
// nothing.
func (e *Engine) AddCosigned(ctx context.Context, note string) error {
	signed, err := ledger.ParseCheckpoint([]byte(note), e.cfg.LogKey.Verifier())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForeignCheckpoint, err)
	}
	if len(signed.Signatures()) < 2 {
		return fmt.Errorf("%w: nobody but the log has signed it", ErrForeignCheckpoint)
	}
	if err := e.within(ctx, int64(signed.Size)); err != nil {
		return fmt.Errorf("%w: %w", ErrForeignCheckpoint, err)
	}
	return e.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		c, found, err := tx.CheckpointAt(int64(signed.Size))
		if err != nil {
			return err
		}
		if !found || ledger.Hash(c.Root) != signed.Root {
			return fmt.Errorf("%w: at %d entries its root is not %v", ErrForeignCheckpoint, signed.Size, signed.Root)
		}
		sha := sha256.Sum256([]byte(note))
		_, err = tx.Exec("INSERT INTO cosigned (sha, size, at, note) VALUES ($1, $2, $3, $4) ON CONFLICT (sha) DO NOTHING",
			sha[:], c.Size, tx.Now().UnixMicro(), note)
		return err
	})
}

// Cosigned gives the cosigned checkpoint of the largest size, the one that was
// stored last where there are several; found is false where there is none.
func Cosigned(tx *store.Tx) (note string, found bool, err error) {
	found, err = tx.Get("SELECT note FROM cosigned ORDER BY size DESC, at DESC LIMIT 1", nil, &note)
	return note, found, err
}

// AddToken keeps an RFC 3161 token over the exact bytes of a stored note, named
// by its SHA-256. The caller has verified the token.
func (e *Engine) AddToken(ctx context.Context, note event.Digest, token []byte) error {
	if len(token) == 0 || len(token) > MaxToken {
		return fmt.Errorf("%w: %d bytes, must be 1 to %d", ErrToken, len(token), MaxToken)
	}
	return e.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		size, err := e.noteSize(tx, note)
		if err != nil {
			return err
		}
		sha := sha256.Sum256(token)
		_, err = tx.Exec("INSERT INTO tokens (sha, note_sha, size, at, token) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (sha) DO NOTHING",
			sha[:], note[:], size, tx.Now().UnixMicro(), token)
		return err
	})
}

// noteSize gives the size of the stored note with a digest: a cosigned one, or
// the newest of the log's own.
func (e *Engine) noteSize(tx *store.Tx, note event.Digest) (size int64, err error) {
	found, err := tx.Get("SELECT size FROM cosigned WHERE sha = $1", store.Args(note[:]), &size)
	if found || err != nil {
		return size, err
	}
	if p := e.public.Load().signed; p != nil && sha256.Sum256(p.Note()) == note {
		return int64(p.Size), nil
	}
	return 0, fmt.Errorf("%w: no stored note has the digest %s", ErrToken, note)
}

// Token is a kept RFC 3161 token over the note with digest Note.
type Token struct {
	Note  event.Digest
	Size  int64
	Token []byte
}

// Tokens lists the tokens over checkpoints of at least a size, the smallest first.
func Tokens(tx *store.Tx, from int64) (list []Token, err error) {
	err = tx.Each("SELECT note_sha, size, token FROM tokens WHERE size >= $1 ORDER BY size, at", store.Args(from), func(scan func(...any) error) error {
		var t Token
		err := scan(store.Into(&t.Note), &t.Size, &t.Token)
		list = append(list, t)
		return err
	})
	return list, err
}
