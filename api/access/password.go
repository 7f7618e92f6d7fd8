package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

const (
	// MinPassword is the least number of characters; long beats complicated (NIST SP 800-63B, 5.1.1).
	MinPassword = 10
	// MaxPassword bounds what is hashed.
	MaxPassword = 256

	argonTime    = 2         // passes
	argonMemory  = 19 * 1024 // KiB, with argonTime the figures of the OWASP password storage guide
	argonThreads = 1
	argonLen     = 32
	saltLen      = 16
	// maxHashing bounds argon2 computations at once: 4 x 19 MiB.
	maxHashing = 4
)

// ErrPassword is wrapped by errors about a password that cannot be set.
var ErrPassword = errors.New("password not usable")

// Hasher hashes and checks passwords, a bounded number at a time.
type Hasher struct {
	slots chan struct{}
	// decoy is checked where there is no such login, so that the time taken does not tell.
	decoy string
}

// NewHasher returns a hasher.
func NewHasher() (*Hasher, error) {
	h := &Hasher{slots: make(chan struct{}, maxHashing)}
	var err error
	h.decoy, err = h.Hash(context.Background(), "no such person, only the time it takes")
	return h, err
}

// Hash makes the stored form of a password. Errors wrap ErrPassword, or are the context's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < MinPassword || len(password) > MaxPassword {
		return "", fmt.Errorf("%w: it has %d characters; choose one of %d characters or more, and at most %d bytes", ErrPassword, n, MinPassword, MaxPassword)
	}
	salt := make([]byte, saltLen)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonLen)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// Check reports whether password is the one that stored was made from. An empty
// stored form takes as long as a real one and is never matched.
func (h *Hasher) Check(ctx context.Context, stored, password string) (bool, error) {
	known := stored != ""
	if !known {
		stored = h.decoy
	}
	var version int
	var m, t uint32
	var p uint8
	parts := strings.Split(stored, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, errors.New("a stored password hash is not in argon2id form")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, errors.New("a stored password hash is of another argon2 version")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &m, &t, &p); err != nil || m > 1<<20 || t == 0 || t > 64 || p == 0 {
		return false, errors.New("a stored password hash has parameters that cannot be used")
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(parts[4])
	sum, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err := errors.Join(err1, err2); err != nil || len(sum) != argonLen {
		return false, errors.New("a stored password hash is damaged")
	}
	if len(password) > MaxPassword {
		return false, nil
	}
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	got := argon2.IDKey([]byte(password), salt, t, m, p, argonLen)
	return subtle.ConstantTimeCompare(got, sum) == 1 && known, nil
}

func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Hasher) leave() { <-h.slots }
