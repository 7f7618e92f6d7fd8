package access

import (
	"errors"
	"testing"

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
		"nonce": oneNonceSignsInOnce, "password": guessesAtOnceAreCounted}
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
