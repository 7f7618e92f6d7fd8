package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
	"fieldseal/sync/witness"

	"golang.org/x/mod/sumdb/note"
)

const (
	// Heartbeat is the time between cosignatures while the log rests. A note has
	// some 700 bytes with three witnesses, so a year of rest is 370 MB.
	Heartbeat = time.Minute
	// MinGap is the least time between two rounds that growth has begun.
	MinGap = 2 * time.Second
	// Grace is how long a round waits for the rest when it has a quorum.
	Grace = time.Second
	// Timeout bounds what one witness may take for one round.
	Timeout = 10 * time.Second
	// SlowAfter is when an answer is called slow.
	SlowAfter = 3 * time.Second
	// DeadAfter is how long a witness may be silent before it is called dead: ten heartbeats.
	DeadAfter = 10 * time.Minute
	// MaxSkew is how far clocks may differ. It is well below the width of the
	// intervals that custody asks for, and above what hosts with NTP ever show.
	MaxSkew = 30 * time.Second
	// MaxWitnesses bounds the quorum's list: every cosignature must find room in the note.
	MaxWitnesses = ledger.MaxSignatures - 2
)

// ErrConfig is wrapped by every error about a Config.
var ErrConfig = errors.New("collect: the witnesses are not configured rightly")

// Log is the log whose checkpoints are cosigned: sync/ingest's Engine. It is an
// interface because that engine is driven by the server alone.
type Log interface {
	// Signed is the newest checkpoint, nil while the log is empty.
	Signed(ctx context.Context) (*ledger.SignedCheckpoint, error)
	// ConsistencyProof is as of ledger.ConsistencyProof.
	ConsistencyProof(ctx context.Context, from, to int64) ([]ledger.Hash, error)
	// AddCosigned keeps a note, durably. The same one again changes nothing.
	AddCosigned(ctx context.Context, note string) error
}

// Witness is one that is asked.
type Witness struct {
	// Name is what people here call it.
	Name string
	Key  *witness.Verifier
	// URL is its submission prefix: https, or http on this machine.
	URL string
	// Client makes the requests; http.DefaultTransport without following
	// redirects where it is nil.
	Client *http.Client
}

// Limits are the times of the constants of the same names. Zero means the constant.
type Limits struct {
	Heartbeat, MinGap, Grace, Timeout, SlowAfter, DeadAfter, MaxSkew time.Duration
}

// Config is what a collector needs.
type Config struct {
	Log Log
	// LogKey verifies the log's own signature in stored notes.
	LogKey note.Verifier
	// Store is read at the start, for the notes that are there.
	Store *store.Store
	// Grown wakes the collector when the log may have grown; see ingest.Subscription.
	Grown     <-chan struct{}
	Witnesses []Witness
	// Quorum is how many must cosign; 0 is the majority.
	Quorum int
	// Evidence is the folder for what shows another history. It is made when it is needed.
	Evidence string
	Limits   Limits
	Now      func() time.Time
	Logger   *slog.Logger
}

// CheckURL says why u is not the prefix of a witness, wrapping ErrConfig.
func CheckURL(u string) error {
	p, err := url.Parse(u)
	if err != nil || p.Host == "" || p.User != nil || p.RawQuery != "" || p.Fragment != "" {
		return fmt.Errorf("%w: %q is not the address of a witness, such as https://court.example.cn/witness", ErrConfig, u)
	}
	if p.Scheme == "https" {
		return nil
	}
	ip := net.ParseIP(p.Hostname())
	if p.Scheme == "http" && (p.Hostname() == "localhost" || ip != nil && ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%w: %q is reached without TLS; only a witness on this machine may be", ErrConfig, u)
}

// CheckQuorum says why the quorum of the witnesses is not one, wrapping ErrConfig.
// Every key and every address must be another: one witness twice is one witness.
func CheckQuorum(list []Witness, quorum int) error {
	var faults []error
	names, keys, urls := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, w := range list {
		public := w.Key.PublicText()
		if names[w.Name] || keys[public] || urls[w.URL] || w.Name == "" {
			faults = append(faults, fmt.Errorf("%w: the name, key and address of %q must be its own", ErrConfig, w.Name))
		}
		names[w.Name], keys[public], urls[w.URL] = true, true, true
		faults = append(faults, CheckURL(w.URL))
	}
	if len(list) > MaxWitnesses {
		faults = append(faults, fmt.Errorf("%w: %d witnesses, at most %d find room in a note", ErrConfig, len(list), MaxWitnesses))
	}
	if quorum < 1 || quorum > len(list) {
		faults = append(faults, fmt.Errorf("%w: a quorum of %d from %d witnesses", ErrConfig, quorum, len(list)))
	}
	return errors.Join(faults...)
}

// Collector collects cosignatures. Its methods are safe for concurrent use; Run
// is called once.
type Collector struct {
	cfg   Config
	log   *slog.Logger
	peers []*peer

	// mu guards what Status shows: the fields below, and each peer's report.
	mu        sync.Mutex
	witnessed *ledger.SignedCheckpoint // the newest note with a quorum
	at        time.Time                // when its quorum had cosigned
	rounds    int64
	stored    int64
	newest    ledger.Size // of the newest round
	// changed is closed and replaced at each change, for who waits.
	changed chan struct{}
}

// Open makes a collector, and reads which checkpoint was witnessed last.
func Open(ctx context.Context, cfg Config) (*Collector, error) {
	if cfg.Quorum == 0 {
		cfg.Quorum = witness.Majority(len(cfg.Witnesses))
	}
	if err := CheckQuorum(cfg.Witnesses, cfg.Quorum); err != nil {
		return nil, err
	}
	for l, standard := range map[*time.Duration]time.Duration{&cfg.Limits.Heartbeat: Heartbeat, &cfg.Limits.MinGap: MinGap, &cfg.Limits.Grace: Grace,
		&cfg.Limits.Timeout: Timeout, &cfg.Limits.SlowAfter: SlowAfter, &cfg.Limits.DeadAfter: DeadAfter, &cfg.Limits.MaxSkew: MaxSkew} {
		if *l == 0 {
			*l = standard
		}
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c := &Collector{cfg: cfg, log: cfg.Logger, changed: make(chan struct{})}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	for i, w := range cfg.Witnesses {
		client := http.Client{}
		if w.Client != nil {
			client = *w.Client
		}
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		c.peers = append(c.peers, &peer{Witness: w, at: i, client: &client, report: WitnessStatus{Name: w.Name, Key: w.Key.Text(), URL: w.URL, State: Unasked}})
	}
	return c, c.remember(ctx)
}

// Keys are the keys of the witnesses, and the quorum.
func (c *Collector) Keys() (keys []*witness.Verifier, quorum int) {
	for _, p := range c.peers {
		keys = append(keys, p.Key)
	}
	return keys, c.cfg.Quorum
}

// readBack bounds the stored notes that are read at the start: enough to find,
// behind notes without a quorum, one that has it.
const readBack = 1000

// remember reads the newest stored notes. One that is damaged is fsck's matter.
func (c *Collector) remember(ctx context.Context) error {
	keys := []note.Verifier{c.cfg.LogKey}
	for _, p := range c.peers {
		keys = append(keys, p.Key)
	}
	return c.cfg.Store.Read(ctx, func(tx *store.Tx) error {
		return tx.Each("SELECT note FROM cosigned ORDER BY size DESC, at DESC LIMIT $1", store.Args(readBack), func(scan func(...any) error) error {
			var text string
			if err := scan(&text); err != nil {
				return err
			}
			signed, err := ledger.ParseCheckpoint([]byte(text), keys...)
			if err != nil {
				c.log.Warn("a stored cosigned checkpoint cannot be read; run fieldseal fsck", "cause", err.Error())
				return nil
			}
			times := c.times(signed)
			for p := range times {
				p.confirmed = max(p.confirmed, signed.Size)
			}
			if c.witnessed == nil && len(times) >= c.cfg.Quorum {
				c.witnessed, c.at = signed, witness.Quorum(list(times), c.cfg.Quorum)
			}
			return nil
		})
	})
}

// times gives the time of each witness's verified cosignature.
func (c *Collector) times(signed *ledger.SignedCheckpoint) map[*peer]time.Time {
	out := map[*peer]time.Time{}
	for _, sig := range signed.Verified() {
		for _, p := range c.peers {
			if t, err := witness.Time(sig.Sig); err == nil && p.Key.Made(sig) {
				out[p] = t
			}
		}
	}
	return out
}

func list(times map[*peer]time.Time) []time.Time {
	out := make([]time.Time, 0, len(times))
	for _, t := range times {
		out = append(out, t)
	}
	return out
}

// Witnessed is the newest checkpoint that a quorum has cosigned, and when that
// was: see witness.Quorum. It is nil where there is none.
func (c *Collector) Witnessed() (*ledger.SignedCheckpoint, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.witnessed, c.at
}

// Await waits, while Run runs, until a quorum has cosigned a checkpoint that covers
// all that the log has now, and gives it. The error is that of ctx, with the state
// of the witnesses, or of the log.
func (c *Collector) Await(ctx context.Context) (*ledger.SignedCheckpoint, error) {
	now, err := c.cfg.Log.Signed(ctx)
	if err != nil {
		return nil, err
	}
	if now == nil {
		return nil, errors.New("collect: the log is empty")
	}
	for {
		changed := c.Changed()
		if w, _ := c.Witnessed(); w != nil && w.Size >= now.Size {
			return w, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			s := c.Status()
			return nil, fmt.Errorf("collect: %d entries are witnessed, %d are there: %w", s.WitnessedSize, now.Size, ctx.Err())
		}
	}
}
