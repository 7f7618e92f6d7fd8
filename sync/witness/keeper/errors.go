package keeper

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"fieldseal/sync/witness"
)

var (
	// ErrNotKeeper is wrapped when a file is something else than what it should
	// be, or is not there.
	ErrNotKeeper = errors.New("keeper: not a witness's file")
	// ErrPresent is wrapped when there is something already that would be replaced.
	ErrPresent = errors.New("keeper: it is there already")
	// ErrLost is wrapped by *LostError.
	ErrLost = errors.New("keeper: the witness does not know what it has cosigned")
	// ErrDamaged is wrapped when what is stored contradicts itself.
	ErrDamaged = errors.New("keeper: the stored state is damaged")
	// ErrOutcomeUnknown is wrapped when writing failed in a way that leaves open
	// whether the tree is stored. No cosignature was given; the log may ask again.
	ErrOutcomeUnknown = errors.New("keeper: it is not known whether the tree was stored")
	// ErrUnseeded is wrapped when files that Reseed made are asked about a log
	// that was not reseeded.
	ErrUnseeded = errors.New("keeper: the witness may have cosigned this log before and does not know what")
)

// Loss is a log of which the state knows less than was cosigned.
type Loss struct {
	Origin string
	// Marked was cosigned; Have is in the state, nil where nothing is.
	Marked witness.Tree
	Have   *witness.Tree
}

// LostError says that the state is older than what was cosigned, or gone.
type LostError struct {
	State, Marks string // paths
	Losses       []Loss
}

func (e *LostError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v: %s is older than the marks in %s:", ErrLost, e.State, e.Marks)
	for _, l := range e.Losses {
		have := "nothing"
		if l.Have != nil {
			have = fmt.Sprintf("%d entries with root %v", l.Have.Size, l.Have.Root)
		}
		fmt.Fprintf(&b, " of %s it cosigned %d entries with root %v and knows %s;", l.Origin, l.Marked.Size, l.Marked.Root, have)
	}
	b.WriteString(" find out what happened to the file and put the newest one back, or let the witness go on from its marks: custody-witness reseed")
	return b.String()
}

func (e *LostError) Unwrap() error { return ErrLost }

// ClockError says that the clock went back behind the last cosignature.
type ClockError struct {
	Origin    string
	Now, Last time.Time
}

func (e *ClockError) Error() string {
	return fmt.Sprintf("keeper: the clock says %s, but the last cosignature of %s is of %s: the clock went back. Nothing is cosigned until it is later than that; set the clock",
		e.Now.UTC().Format(time.RFC3339), e.Origin, e.Last.UTC().Format(time.RFC3339))
}
