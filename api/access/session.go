package access

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/store"
)

const (
	// SessionIdle ends a browser session in which nothing was asked for so long: a
	// workstation in a laboratory is left alone between two samples.
	SessionIdle = 30 * time.Minute
	// SessionLife ends it in any case: a working day.
	SessionLife = 12 * time.Hour
	// touch is how exact the time of the last request is kept: not each is worth a write.
	touch = time.Minute
)

// Session is a browser that a person signed in with.
type Session struct {
	Person event.UUID
	Opened time.Time
	// token is the secret in the browser's cookie.
	token string
}

// Token is the secret for the browser's cookie.
func (s *Session) Token() string { return s.token }

// CSRF is what a page of this session sends along with all that changes anything.
// Only who has the session's secret can compute it, and no other site can read it.
func (s *Session) CSRF() string { return csrf(s.token) }

func csrf(token string) string {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte("fieldseal csrf"))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Own reports whether a text is this session's CSRF token.
func (s *Session) Own(text string) bool { return hmac.Equal([]byte(text), []byte(s.CSRF())) }

// OpenSession signs a browser in, after the password was checked.
func (b *Book) OpenSession(ctx context.Context, person event.UUID) (*Session, error) {
	token, err := secret(32)
	if err != nil {
		return nil, err
	}
	s := &Session{Person: person, token: token}
	err = b.Store.Write(ctx, func(tx *store.Tx) error {
		s.Opened = tx.Now()
		old := s.Opened.Add(-2 * SessionLife).UnixMicro()
		if _, err := tx.Exec(`DELETE FROM sessions WHERE opened < $1`, old); err != nil {
			return err
		}
		at := s.Opened.UnixMicro()
		_, err := tx.Exec(`INSERT INTO sessions (sha, person, opened, seen, ended) VALUES ($1, $2, $3, $3, 0)`, hashed(token), store.Bytes(person), at)
		return err
	})
	return s, err
}

// FindSession gives the session of a cookie's secret and notes that it is used. It
// returns ErrToken where there is none, or none any more.
func (b *Book) FindSession(ctx context.Context, token string) (*Session, error) {
	s, idle, err := b.findSession(ctx, token)
	if err != nil || idle < touch {
		return s, err
	}
	return s, b.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE sessions SET seen = $2 WHERE sha = $1 AND seen < $2`, hashed(token), tx.Now().UnixMicro())
		return err
	})
}

// SessionStands reports, by ErrToken, whether a session has ended. Asking does not
// make it last longer: an open stream is no sign of a person.
func (b *Book) SessionStands(ctx context.Context, token string) error {
	_, _, err := b.findSession(ctx, token)
	return err
}

func (b *Book) findSession(ctx context.Context, token string) (s *Session, idle time.Duration, err error) {
	s = &Session{token: token}
	err = b.Store.Read(ctx, func(tx *store.Tx) error {
		now := tx.Now()
		var opened, last, ended int64
		found, err := tx.Get(`SELECT person, opened, seen, ended FROM sessions WHERE sha = $1`, store.Args(hashed(token)), store.Into(&s.Person), &opened, &last, &ended)
		s.Opened, idle = time.UnixMicro(opened), now.Sub(time.UnixMicro(last))
		if err == nil && (!found || ended != 0 || idle > SessionIdle || now.Sub(s.Opened) > SessionLife) {
			err = fmt.Errorf("%w: the session is unknown, ended or expired", ErrToken)
		}
		return err
	})
	return s, idle, err
}

// CloseSession ends a session; everywhere ends every session of its person, those
// of devices and programs too.
func (b *Book) CloseSession(ctx context.Context, s *Session, everywhere bool) error {
	return b.Store.Write(ctx, func(tx *store.Tx) error {
		if everywhere {
			return endAll(tx, s.Person)
		}
		_, err := tx.Exec(`UPDATE sessions SET ended = $2 WHERE sha = $1 AND ended = 0`, hashed(s.token), tx.Now().UnixMicro())
		return err
	})
}

// Look says that a person looked at something: Kind of thing, its case, if any, and
// which one. Request is the id of the request that showed it.
type Look struct {
	Request string
	At      time.Time
	Person  event.UUID
	Kind    string
	Case    event.UUID
	Ref     string
}

// Looked records that something is about to be shown.
func (b *Book) Looked(ctx context.Context, l Look) error {
	return b.Store.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO looks (request, at, person, kind, case_id, ref) VALUES ($1, $2, $3, $4, $5, $6)`,
			l.Request, tx.Now().UnixMicro(), store.Bytes(l.Person), l.Kind, store.Bytes(l.Case), store.Text(l.Ref))
		return err
	})
}

// Looks lists what was looked at before a time, newest first, at most limit: in a
// case, or of a person, where these are not zero.
func Looks(tx *store.Tx, inCase, person event.UUID, before time.Time, limit int64) (list []Look, err error) {
	query, args := `SELECT request, at, person, kind, case_id, ref FROM looks WHERE at < $1`, []any{before.UnixMicro()}
	if !inCase.IsZero() {
		args = append(args, store.Bytes(inCase))
		query += fmt.Sprintf(" AND case_id = $%d", len(args))
	}
	if !person.IsZero() {
		args = append(args, store.Bytes(person))
		query += fmt.Sprintf(" AND person = $%d", len(args))
	}
	args = append(args, limit)
	query += fmt.Sprintf(" ORDER BY at DESC, request LIMIT $%d", len(args))
	err = tx.Each(query, args, func(scan func(...any) error) error {
		var l Look
		var at int64
		if err := scan(&l.Request, &at, store.Into(&l.Person), &l.Kind, store.Into(&l.Case), &l.Ref); err != nil {
			return err
		}
		l.At = time.UnixMicro(at).UTC()
		list = append(list, l)
		return nil
	})
	return list, err
}
