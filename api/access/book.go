package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

const (
	// freeFailures is how many wrong passwords in a row cost nothing.
	freeFailures = 5
	// firstLock is the wait after the next one; it doubles up to longestLock.
	firstLock   = 15 * time.Second
	longestLock = 15 * time.Minute
)

// LockedError says that a login is locked for a while after wrong passwords.
type LockedError struct{ For time.Duration }

func (e *LockedError) Error() string {
	return fmt.Sprintf("too many wrong passwords; locked for %s", e.For.Round(time.Second))
}

// Book keeps what access needs: in the database, but apart from all evidence.
type Book struct {
	Store  *store.Store
	Hasher *Hasher
}

// SetPassword sets a person's password and ends every session that the old one opened.
func (b *Book) SetPassword(ctx context.Context, person event.UUID, password string) error {
	hash, err := b.Hasher.Hash(ctx, password)
	if err != nil {
		return err
	}
	return b.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO credentials (person, hash, changed, failed, locked) VALUES ($1, $2, $3, 0, 0)
			ON CONFLICT (person) DO UPDATE SET hash = excluded.hash, changed = excluded.changed, failed = 0, locked = 0`,
			store.Bytes(person), hash, tx.Now().UnixMicro())
		if err != nil {
			return err
		}
		return endAll(tx, person)
	})
}

// CheckPassword admits a person by password. person is the [Stranger] of a login that
// does not exist; the time taken and the answers are the same. It returns ErrDenied, or a
// *LockedError while the login is locked.
func (b *Book) CheckPassword(ctx context.Context, person event.UUID, password string) error {
	hash, err := b.guess(ctx, person)
	if err != nil {
		return err
	}
	ok, err := b.Hasher.Check(ctx, hash, password)
	if err != nil {
		return err
	}
	switch {
	case hash == "":
		return fmt.Errorf("%w: no such login, or no password set", ErrDenied)
	case !ok:
		return fmt.Errorf("%w: wrong password", ErrDenied)
	}
	return b.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE credentials SET failed = 0, locked = 0 WHERE person = $1 AND hash = $2`, store.Bytes(person), hash)
		return err
	})
}

// guess counts an attempt as a failure before the password is looked at, so that
// many at once get no more tries than one after the other, and gives the hash.
// The row is written before it is read: that keeps other writers of it out, on
// either database, until this one has ended.
func (b *Book) guess(ctx context.Context, person event.UUID) (hash string, err error) {
	err = b.Store.Write(ctx, func(tx *store.Tx) error {
		hash = ""
		now := tx.Now()
		counted, err := tx.Exec(`UPDATE credentials SET failed = failed + 1 WHERE person = $1 AND locked <= $2`, store.Bytes(person), now.UnixMicro())
		if err != nil {
			return err
		}
		var failed, locked int64
		found, err := tx.Get(`SELECT hash, failed, locked FROM credentials WHERE person = $1`, store.Args(store.Bytes(person)), &hash, &failed, &locked)
		switch {
		case err != nil:
			return err
		case !found:
			return b.remember(tx, person)
		case counted == 0:
			return &LockedError{time.UnixMicro(locked).Sub(now)}
		case failed <= freeFailures:
			return nil
		}
		lock := now.Add(min(firstLock<<min(failed-freeFailures-1, 10), longestLock))
		_, err = tx.Exec(`UPDATE credentials SET locked = $2 WHERE person = $1`, store.Bytes(person), lock.UnixMicro())
		return err
	})
	return hash, err
}

// strangerKept is how long wrong logins are remembered.
const strangerKept = 24 * time.Hour

// remember counts a first failure of a login without a password, so that it comes to
// be locked as any other: an answer that differs would tell which logins there are.
// What is remembered of such logins goes after a day; how many come in a day is
// bounded by the tries from an address.
func (b *Book) remember(tx *store.Tx, person event.UUID) error {
	now := tx.Now()
	if _, err := tx.Exec(`DELETE FROM credentials WHERE hash = '' AND changed < $1`, now.Add(-strangerKept).UnixMicro()); err != nil {
		return err
	}
	_, err := tx.Exec(`INSERT INTO credentials (person, hash, changed, failed, locked) VALUES ($1, '', $2, 1, 0)
		ON CONFLICT (person) DO UPDATE SET failed = credentials.failed + 1`, store.Bytes(person), now.UnixMicro())
	return err
}

// Stranger is whom a login that nobody has is taken for: the same one each time.
func Stranger(login string) (id event.UUID) {
	sum := sha256.Sum256([]byte("stranger " + login))
	copy(id[:], sum[:])
	id[6], id[8] = 0x80|id[6]&0x0f, 0x80|id[8]&0x3f // version 8: of no person, whose ids are of version 7
	return id
}

// Open starts a session: a refresh token of a new family.
func (b *Book) Open(ctx context.Context, id Identity) (refresh string, opened Identity, err error) {
	family, err := secret(16)
	if err != nil {
		return "", id, err
	}
	id.Family = family
	err = b.Store.Write(ctx, func(tx *store.Tx) error {
		refresh, err = issue(tx, id)
		return err
	})
	return refresh, id, err
}

func issue(tx *store.Tx, id Identity) (string, error) {
	token, err := secret(32)
	if err != nil {
		return "", err
	}
	now := tx.Now()
	_, err = tx.Exec(`INSERT INTO refresh_tokens (sha, family, person, device, scope, issued, expires, spent, revoked) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0)`,
		hashed(token), []byte(id.Family), store.Bytes(id.Person), store.Bytes(id.Device), string(id.Scope), now.UnixMicro(), now.Add(RefreshLife).UnixMicro())
	return token, err
}

// Refresh spends a refresh token and gives the next one of its family with the
// identity it speaks for. ErrReused ends the family.
func (b *Book) Refresh(ctx context.Context, token string) (next string, id Identity, err error) {
	var reused bool
	err = b.Store.Write(ctx, func(tx *store.Tx) error {
		reused = false
		now := tx.Now()
		// Spent first and read afterwards: of several at once only one spends it.
		spends, err := tx.Exec(`UPDATE refresh_tokens SET spent = $2 WHERE sha = $1 AND spent = 0 AND revoked = 0 AND expires > $2`, hashed(token), now.UnixMicro())
		if err != nil {
			return err
		}
		var family []byte
		var scope string
		var expires, spent, revoked int64
		found, err := tx.Get(`SELECT family, person, device, scope, expires, spent, revoked FROM refresh_tokens WHERE sha = $1`,
			store.Args(hashed(token)), &family, store.Into(&id.Person), store.Into(&id.Device), &scope, &expires, &spent, &revoked)
		switch {
		case err != nil:
			return err
		case !found || revoked != 0 || expires <= now.UnixMicro():
			return fmt.Errorf("%w: the refresh token is unknown, ended or expired", ErrToken)
		case spends == 0 && now.Sub(time.UnixMicro(spent)) <= ReuseGrace:
			return fmt.Errorf("%w: the refresh token was spent a moment ago", ErrToken)
		case spends == 0:
			reused = true
			_, err := tx.Exec(`UPDATE refresh_tokens SET revoked = $2 WHERE family = $1 AND revoked = 0`, family, now.UnixMicro())
			return err
		}
		id.Scope = Scope(scope)
		id.Family = string(family)
		next, err = issue(tx, id)
		return err
	})
	if err == nil && reused {
		err = ErrReused
	}
	return next, id, err
}

// Close ends the session that a refresh token belongs to, or every session of its
// person. An unknown token is no error: the session is over either way.
func (b *Book) Close(ctx context.Context, token string, everywhere bool) error {
	return b.Store.Write(ctx, func(tx *store.Tx) error {
		var family []byte
		var person event.UUID
		found, err := tx.Get(`SELECT family, person FROM refresh_tokens WHERE sha = $1`, store.Args(hashed(token)), &family, store.Into(&person))
		if err != nil || !found {
			return err
		}
		if everywhere {
			return endAll(tx, person)
		}
		_, err = tx.Exec(`UPDATE refresh_tokens SET revoked = $2 WHERE family = $1 AND revoked = 0`, family, tx.Now().UnixMicro())
		return err
	})
}

func endAll(tx *store.Tx, person event.UUID) error {
	now := tx.Now().UnixMicro()
	if _, err := tx.Exec(`UPDATE refresh_tokens SET revoked = $2 WHERE person = $1 AND revoked = 0`, store.Bytes(person), now); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE sessions SET ended = $2 WHERE person = $1 AND ended = 0`, store.Bytes(person), now)
	return err
}

// EndDevice ends every session of a device, after its key was revoked.
func (b *Book) EndDevice(ctx context.Context, device event.UUID) error {
	return b.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE refresh_tokens SET revoked = $2 WHERE device = $1 AND revoked = 0`, store.Bytes(device), tx.Now().UnixMicro())
		return err
	})
}

// Challenge issues a nonce for a device login.
func (b *Book) Challenge(ctx context.Context) (string, error) {
	nonce, err := secret(24)
	if err != nil {
		return "", err
	}
	return nonce, b.Store.Write(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		if _, err := tx.Exec(`DELETE FROM challenges WHERE expires < $1`, now.UnixMicro()); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO challenges (nonce, device, expires, spent) VALUES ($1, $2, $3, 0)`, hashed(nonce), []byte{}, now.Add(ChallengeLife).UnixMicro())
		return err
	})
}

// Spend spends a nonce; it returns ErrGone where it is not there to be spent.
func (b *Book) Spend(ctx context.Context, nonce string, device event.UUID) error {
	return b.Store.Write(ctx, func(tx *store.Tx) error {
		n, err := tx.Exec(`UPDATE challenges SET spent = $3, device = $2 WHERE nonce = $1 AND spent = 0 AND expires >= $3`, hashed(nonce), store.Bytes(device), tx.Now().UnixMicro())
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: the challenge", ErrGone)
		}
		return err
	})
}

// IssueCode makes a one-time enrolment code for a person, good for life.
func (b *Book) IssueCode(ctx context.Context, person, issuer event.UUID, life time.Duration) (string, time.Time, error) {
	if life <= 0 {
		life = CodeLife
	}
	code, err := NewCode()
	if err != nil {
		return "", time.Time{}, err
	}
	var until time.Time
	err = b.Store.Write(ctx, func(tx *store.Tx) error {
		until = tx.Now().Add(life)
		_, err := tx.Exec(`INSERT INTO enrol_codes (sha, person, issuer, issued, expires, spent, device) VALUES ($1, $2, $3, $4, $5, 0, $6)`,
			hashed(code), store.Bytes(person), store.Bytes(issuer), tx.Now().UnixMicro(), until.UnixMicro(), []byte{})
		return err
	})
	return code, until, err
}

// SpendCode spends a code for a key and names the person and the device it makes.
// The device's id follows from the key, so that a device whose answer was lost can
// repeat its request with the same key and gets the same device; with another key
// the code is ErrGone.
func (b *Book) SpendCode(ctx context.Context, code string, key seal.KeyID) (person, device event.UUID, err error) {
	device = DeviceID(key)
	err = b.Store.Write(ctx, func(tx *store.Tx) error {
		now := tx.Now().UnixMicro()
		// Spent first and read afterwards: of several keys at once only one spends it.
		_, err := tx.Exec(`UPDATE enrol_codes SET spent = $2, device = $3 WHERE sha = $1 AND spent = 0 AND expires > $2`, hashed(code), now, store.Bytes(device))
		if err != nil {
			return err
		}
		var holder event.UUID
		found, err := tx.Get(`SELECT person, device FROM enrol_codes WHERE sha = $1`, store.Args(hashed(code)), store.Into(&person), store.Into(&holder))
		if err == nil && (!found || holder != device) {
			err = fmt.Errorf("%w: the enrolment code", ErrGone)
		}
		return err
	})
	return person, device, err
}

// DeviceID is the id of the device that a key makes: a version 8 UUID (RFC 9562, 5.8) from the key's id.
func DeviceID(key seal.KeyID) event.UUID {
	sum := sha256.Sum256(append([]byte("fieldseal device\x00"), key[:]...))
	u := event.UUID(sum[:16])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u
}

// IsRefusal reports whether err says no, rather than that something failed.
func IsRefusal(err error) bool {
	var locked *LockedError
	return errors.Is(err, ErrDenied) || errors.Is(err, ErrToken) || errors.Is(err, ErrReused) || errors.Is(err, ErrGone) || errors.As(err, &locked)
}
