package access

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
	"fieldseal/sync/store/pgtest"
)

// TestAtOnce runs what must happen once, many times at once, on both databases,
// whose writers keep each other out in different ways.
func TestAtOnce(t *testing.T) {
	all := map[string]func(*testing.T, *Book){"code": oneCodeMakesOneDevice, "refresh": oneRefreshHasOneHeir,
		"nonce": oneNonceSignsInOnce, "password": guessesAtOnceAreCounted, "browsers": sessionsOfBrowsers}
	t.Run("sqlite", func(t *testing.T) {
		for name, fn := range all {
			t.Run(name, func(t *testing.T) {
				b, _ := open(t)
				fn(t, b)
			})
		}
	})
	t.Run("postgres", func(t *testing.T) {
		s, err := store.Open(ctx, store.Config{Driver: store.Postgres, DSN: pgtest.Start(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		h, err := NewHasher()
		if err != nil {
			t.Fatal(err)
		}
		for name, fn := range all {
			t.Run(name, func(t *testing.T) { fn(t, &Book{Store: s, Hasher: h}) })
		}
	})
}

// atOnce calls fn n times at once and counts the answers that did not fail; the
// others must wrap one of the errors.
func atOnce(t *testing.T, n int, fn func(int) error, wanted ...error) (good int) {
	t.Helper()
	start, answers := make(chan struct{}), make(chan error, n)
	for i := range n {
		go func() { <-start; answers <- fn(i) }()
	}
	close(start)
	for range n {
		err := <-answers
		if err == nil {
			good++
			continue
		}
		known := false
		for _, w := range wanted {
			known = known || errors.Is(err, w)
		}
		if !known {
			t.Errorf("at once: %v", err)
		}
	}
	return good
}

const crowd = 16

func oneCodeMakesOneDevice(t *testing.T, b *Book) {
	for range 5 {
		code, _, err := b.IssueCode(ctx, eventtest.UUID(11), eventtest.UUID(13), 0)
		if err != nil {
			t.Fatal(err)
		}
		good := atOnce(t, crowd, func(i int) error {
			_, _, err := b.SpendCode(ctx, code, seal.KeyID{byte(i)})
			return err
		}, ErrGone)
		if good != 1 {
			t.Fatalf("%d of %d keys at once were enrolled by one code", good, crowd)
		}
	}
}

func oneRefreshHasOneHeir(t *testing.T, b *Book) {
	for range 5 {
		token, _, err := b.Open(ctx, Identity{Person: eventtest.UUID(11), Scope: ScopeFull})
		if err != nil {
			t.Fatal(err)
		}
		good := atOnce(t, crowd, func(int) error { _, _, err := b.Refresh(ctx, token); return err }, ErrToken)
		if good != 1 {
			t.Fatalf("%d of %d refreshes of one token at once gave a new one", good, crowd)
		}
	}
}

func oneNonceSignsInOnce(t *testing.T, b *Book) {
	nonce, err := b.Challenge(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if good := atOnce(t, crowd, func(int) error { return b.Spend(ctx, nonce, event.UUID{1}) }, ErrGone); good != 1 {
		t.Fatalf("one nonce signed in %d times", good)
	}
}

// Many guesses at once must not get more tries than one after the other.
func guessesAtOnceAreCounted(t *testing.T, b *Book) {
	p := eventtest.UUID(11)
	if err := b.SetPassword(ctx, p, "a long enough password"); err != nil {
		t.Fatal(err)
	}
	looked := atOnce(t, crowd, func(int) error {
		var locked *LockedError
		err := b.CheckPassword(ctx, p, "wrong password")
		if errors.Is(err, ErrDenied) {
			return nil // it was looked at
		} else if errors.As(err, &locked) {
			return ErrDenied
		}
		return err
	}, ErrDenied)
	if looked != freeFailures+1 {
		t.Errorf("%d of %d guesses at once were looked at, want %d", looked, crowd, freeFailures+1)
	}
}

// sessionsOfBrowsers: a session is found while it is used, ends alone or with all
// others of its person, and looks are listed as they were written.
func sessionsOfBrowsers(t *testing.T, b *Book) {
	who, other := eventtest.UUID(71), eventtest.UUID(72)
	var s [3]*Session
	for i, p := range []event.UUID{who, who, other} {
		var err error
		if s[i], err = b.OpenSession(ctx, p); err != nil {
			t.Fatal(err)
		}
	}
	good := func(want ...bool) {
		t.Helper()
		for i, w := range want {
			got, err := b.FindSession(ctx, s[i].Token())
			if w != (err == nil) || err != nil && !errors.Is(err, ErrToken) || w && got.Person != s[i].Person {
				t.Errorf("session %d: %v, want %v", i, err, w)
			}
		}
	}
	good(true, true, true)
	if s[0].CSRF() == s[1].CSRF() || !s[0].Own(s[0].CSRF()) || s[0].Own(s[1].CSRF()) || s[0].Own("") {
		t.Error("a session takes another's CSRF token")
	}
	if err := b.CloseSession(ctx, s[0], false); err != nil {
		t.Fatal(err)
	}
	good(false, true, true)
	if err := b.CloseSession(ctx, s[1], true); err != nil {
		t.Fatal(err)
	}
	good(false, false, true)
	if _, err := b.FindSession(ctx, "nobody's"); !errors.Is(err, ErrToken) {
		t.Error(err)
	}
	for i := range 3 {
		if err := b.Looked(ctx, Look{Request: fmt.Sprint("request ", i), Person: who, Kind: "case", Case: eventtest.UUID(80 + i%2), Ref: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	list := func(in, person event.UUID, limit int64) (refs []string) {
		err := b.Store.Read(ctx, func(tx *store.Tx) error {
			looks, err := Looks(tx, in, person, time.Now().Add(time.Hour), limit)
			for _, l := range looks {
				refs = append(refs, l.Ref)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(refs)
		return refs
	}
	none := event.UUID{}
	for i, got := range [][]string{list(none, none, 9), list(eventtest.UUID(80), none, 9), list(none, other, 9), list(eventtest.UUID(81), who, 9)} {
		if want := [][]string{{"0", "1", "2"}, {"0", "2"}, nil, {"1"}}[i]; !slices.Equal(got, want) {
			t.Errorf("looks %d: %v, want %v", i, got, want)
		}
	}
	if n := len(list(none, none, 2)); n != 2 {
		t.Errorf("%d looks, and 2 were asked for", n)
	}
}
