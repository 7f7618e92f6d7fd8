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

// Token is a kept RFC 3161 token.
type Token struct {
	// Note is the SHA-256 of the exact note that the token is over, Size that note's.
	Note event.Digest
	Size int64
	// Authority is the name of its maker in the configuration.
	Authority string
	// Token is the response of the authority as package stamp keeps it.
	Token []byte
	// Chain is the certificates from the token's issuer to the trusted root, DER,
	// one after another.
	Chain []byte
}

// AddToken keeps an RFC 3161 token over the exact bytes of a note, of which it
// fills in Note and Size. The note is one of this log, the log's own or one that
// AddCosigned has kept; the caller has verified the token. Keeping the same token
// again changes nothing.
func (e *Engine) AddToken(ctx context.Context, note []byte, t Token) error {
	if len(t.Token) == 0 || len(t.Token) > MaxToken || len(t.Chain) > MaxToken {
		return fmt.Errorf("%w: %d bytes with %d of certificates, must be 1 to %d", ErrToken, len(t.Token), len(t.Chain), MaxToken)
	}
	signed, err := ledger.ParseCheckpoint(note, e.cfg.LogKey.Verifier())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrToken, err)
	}
	if err := e.within(ctx, int64(signed.Size)); err != nil {
		return fmt.Errorf("%w: %w", ErrToken, err)
	}
	sha := sha256.Sum256(note)
	return e.cfg.Store.Write(ctx, func(tx *store.Tx) error {
		c, found, err := tx.CheckpointAt(int64(signed.Size))
		if err != nil {
			return err
		}
		if !found || ledger.Hash(c.Root) != signed.Root {
			return fmt.Errorf("%w: the log has no checkpoint of %d entries with root %v", ErrToken, signed.Size, signed.Root)
		}
		if len(signed.Signatures()) > 1 { // the log's own note can be made anew, this one would be lost
			var size int64
			if found, err = tx.Get("SELECT size FROM cosigned WHERE sha = $1", store.Args(sha[:]), &size); err != nil || !found {
				return errors.Join(err, fmt.Errorf("%w: the cosigned note %x is not kept", ErrToken, sha))
			}
		}
		name := sha256.Sum256(t.Token)
		_, err = tx.Exec("INSERT INTO tokens (sha, note_sha, size, at, token, authority, chain) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (sha) DO NOTHING",
			name[:], sha[:], c.Size, tx.Now().UnixMicro(), t.Token, store.Text(t.Authority), append([]byte{}, t.Chain...))
		return err
	})
}

// NewestTokens lists the newest tokens, at most n, the newest first.
func NewestTokens(tx *store.Tx, n int) ([]Token, error) {
	return readTokens(tx, "ORDER BY size DESC, at DESC, sha LIMIT $1", n)
}

// Tokens lists the tokens over checkpoints of at least from and at most to
// entries, the smallest first, of one size in the order in which they were kept.
func Tokens(tx *store.Tx, from, to int64) ([]Token, error) {
	return readTokens(tx, "WHERE size >= $1 AND size <= $2 ORDER BY size, at, sha", from, to)
}

func readTokens(tx *store.Tx, which string, args ...any) (list []Token, err error) {
	err = tx.Each("SELECT note_sha, size, authority, token, chain FROM tokens "+which, args, func(scan func(...any) error) error {
		var t Token
		err := scan(store.Into(&t.Note), &t.Size, &t.Authority, &t.Token, &t.Chain)
		list = append(list, t)
		return err
	})
	return list, err
}
