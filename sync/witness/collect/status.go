package collect

import "time"

// State is what a witness is to this log; see the package comment.
type State string

// The states.
const (
	Unasked State = "unasked"
	OK      State = "ok"
	Slow    State = "slow"
	Dead    State = "dead"
	Refuses State = "refuses"
	History State = "history"
	Clock   State = "clock"
)

// Alarm reports whether people have to act at once.
func (s State) Alarm() bool { return s == History || s == Clock }

// WitnessStatus is what is known of a witness.
type WitnessStatus struct {
	Name, Key, URL string
	State          State
	// Detail says what is wrong; empty where nothing is.
	Detail string
	// Since is when State began, Asked when it was asked last, Answered when it last
	// answered anything, Cosigned when it last cosigned, all by this server's clock;
	// Size is what it cosigned then.
	Since, Asked, Answered, Cosigned time.Time
	Size                             int64
	// Took is how long the last answer took, Skew how far its clock is ahead.
	Took, Skew time.Duration
	// Forgot counts how often it had lost its memory, Findings all evidence that was kept.
	Forgot, Findings int64
}

// Status is what is known of all witnesses.
type Status struct {
	Quorum    int
	Witnesses []WitnessStatus
	// Size is that of the newest checkpoint that was submitted; WitnessedSize of the
	// newest that a quorum cosigned, WitnessedAt when it had.
	Size, WitnessedSize int64
	WitnessedAt         time.Time
	Rounds, Stored      int64
	// OwnClock says that more than half of the witnesses disagree with this
	// server's clock: then it is this one that is wrong.
	OwnClock bool
}

// Current reports whether the newest checkpoint is witnessed.
func (s Status) Current() bool { return s.WitnessedSize > 0 && s.WitnessedSize >= s.Size }

// Status gives the status.
func (c *Collector) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Status{Quorum: c.cfg.Quorum, Size: int64(c.newest), Rounds: c.rounds, Stored: c.stored, OwnClock: c.ownClock()}
	if c.witnessed != nil {
		s.WitnessedSize, s.WitnessedAt = int64(c.witnessed.Size), c.at
	}
	for _, p := range c.peers {
		s.Witnesses = append(s.Witnesses, p.report)
	}
	return s
}

// Changed is closed at the next change of the status.
func (c *Collector) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// ownClock is called with mu held. Witnesses that lie early and late do not add up.
func (c *Collector) ownClock() bool {
	early, late := 0, 0
	for _, p := range c.peers {
		switch {
		case p.report.State != Clock:
		case p.report.Skew < 0:
			early++
		default:
			late++
		}
	}
	return len(c.peers) > 1 && 2*max(early, late) > len(c.peers)
}

// wake is called with mu held.
func (c *Collector) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}
