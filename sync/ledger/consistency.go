package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// consistencyHeader begins a consistency file and names its only version.
const consistencyHeader = "fieldseal-consistency@v1"

// ErrConsistencyFile is wrapped by every error about the form of a consistency file.
var ErrConsistencyFile = errors.New("ledger: malformed consistency file")

// Consistency shows that the tree of size Old is the beginning of the tree of
// size New. Its file form is in the package comment.
type Consistency struct {
	Old, New Size
	Hashes   []Hash // RFC 6962, section 2.1.2; empty when Old is 0 or equals New
}

// ProveConsistency computes the proof between two sizes from stored tiles.
func ProveConsistency(ctx context.Context, r TileReader, old, new Size) (*Consistency, error) {
	hashes, err := ConsistencyProof(ctx, r, old, new)
	if err != nil {
		return nil, err
	}
	return &Consistency{old, new, hashes}, nil
}

// Marshal gives the file.
func (c *Consistency) Marshal() []byte {
	var b bytes.Buffer
	b.WriteString(consistencyHeader + "\nold " + strconv.FormatInt(int64(c.Old), 10) +
		"\nnew " + strconv.FormatInt(int64(c.New), 10) + "\n")
	for _, h := range c.Hashes {
		b.WriteString(h.String() + "\n")
	}
	return b.Bytes()
}

// ParseConsistency reads what Marshal gives, exactly; an error wraps ErrConsistencyFile.
func ParseConsistency(data []byte) (*Consistency, error) {
	bad := func(format string, args ...any) (*Consistency, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{ErrConsistencyFile}, args...)...)
	}
	// Header, two sizes, hashes, and what follows the last newline: nothing.
	lines := bytes.SplitAfterN(data, []byte("\n"), 4+maxConsistencyHashes)
	if len(lines) < 4 || len(lines[len(lines)-1]) != 0 {
		return bad("it is not three lines and at most %d hashes", maxConsistencyHashes)
	}
	if trimLine(lines[0]) != consistencyHeader {
		return bad("the first line is not %s", consistencyHeader)
	}
	var sizes [2]Size
	for i, word := range []string{"old ", "new "} {
		number, ok := strings.CutPrefix(trimLine(lines[1+i]), word)
		if !ok {
			return bad("line %d does not begin with %q", 2+i, word)
		}
		n, err := parseDecimal(number, int64(MaxSize))
		if err != nil {
			return bad("line %d: %w", 2+i, err)
		}
		sizes[i] = Size(n)
	}
	c := &Consistency{Old: sizes[0], New: sizes[1]}
	for i, line := range lines[3 : len(lines)-1] {
		h, err := parseHash(trimLine(line))
		if err != nil {
			return bad("line %d: %w", 4+i, err)
		}
		c.Hashes = append(c.Hashes, h)
	}
	if err := checkSizes(c.Old, c.New); err != nil {
		return bad("%w", err)
	}
	if !bytes.Equal(c.Marshal(), data) {
		return bad("it is not in canonical form")
	}
	return c, nil
}

// Verify reports, by nil, that old is the beginning of new: two checkpoints of
// one log whose sizes are those of the file. It takes checkpoints, not roots,
// because a proof does not bind the sizes: with the same hashes it leads to the
// same roots for other sizes of the same shape. Only what was signed counts.
func (c *Consistency) Verify(old, new Checkpoint) error {
	switch {
	case old.Origin != new.Origin:
		return fmt.Errorf("%w: %q and %q are two logs", ErrProof, clip(old.Origin), clip(new.Origin))
	case c.Old != old.Size || c.New != new.Size:
		return fmt.Errorf("%w: it is for the sizes %d and %d, the checkpoints have %d and %d",
			ErrProof, c.Old, c.New, old.Size, new.Size)
	}
	return VerifyConsistency(old.Size, old.Root, new.Size, new.Root, c.Hashes)
}
