package succession_test

import (
	"bytes"
	"errors"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
	"fieldseal/sync/succession"
)

type scene struct {
	former  succession.Former
	key     *seal.PrivateKey
	logKey  *ledger.Key
	genesis *event.AuthorityGenesis
	entry   *event.LogPredecessor
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// made is a succession as it should be.
func made(t testing.TB) *scene {
	t.Helper()
	s := &scene{key: must(seal.GenerateKey()), logKey: must(ledger.GenerateKey("old.test/log"))}
	next, nextLog := must(seal.GenerateKey()), must(ledger.GenerateKey("new.test/log"))
	s.former = succession.Former{LogKey: s.logKey.VerifierText(), Authority: s.key.Public()}
	s.genesis = &event.AuthorityGenesis{Name: "Bureau", Key: next.Public().Info(), LogOrigin: "new.test/log", LogKey: nextLog.VerifierText()}
	s.entry = s.begin(ledger.Checkpoint{Origin: "old.test/log", Size: 42, Root: ledger.Hash{1, 2}}, s.logKey)
	s.entry.Endorsement = s.endorse(succession.Statement{Former: succession.EndOf(s.entry), Next: succession.NextOf(s.genesis)}, s.key)
	return s
}

func (s *scene) begin(c ledger.Checkpoint, k *ledger.Key) *event.LogPredecessor {
	return &event.LogPredecessor{Origin: c.Origin, Size: int64(c.Size), Root: event.Root(c.Root), Checkpoint: string(must(ledger.Sign(c, k)).Note()), Reason: "moved"}
}

func (s *scene) endorse(st succession.Statement, k *seal.PrivateKey) []byte {
	return must(succession.Endorse(st, k))
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*scene)
		want   error
		last   bool // the checkpoint comes beside the error
	}{
		"as it should be":       {change: func(*scene) {}, last: true},
		"no endorsement":        {change: func(s *scene) { s.entry.Endorsement = nil }, want: succession.ErrUnendorsed, last: true},
		"another log's name":    {change: func(s *scene) { s.entry.Origin = "third.test/log" }, want: succession.ErrForeign},
		"another size":          {change: func(s *scene) { s.entry.Size++ }, want: succession.ErrForeign},
		"another root":          {change: func(s *scene) { s.entry.Root[3] ^= 1 }, want: succession.ErrForeign},
		"a changed checkpoint":  {change: func(s *scene) { s.entry.Checkpoint = s.entry.Checkpoint[:20] + "7" + s.entry.Checkpoint[21:] }, want: succession.ErrForeign},
		"of another log's key":  {change: func(s *scene) { s.logKey = must(ledger.GenerateKey("old.test/log")); s.resign() }, want: succession.ErrForeign},
		"of a third log":        {change: func(s *scene) { s.former.LogKey = must(ledger.GenerateKey("third.test/log")).VerifierText() }, want: succession.ErrForeign},
		"by another authority":  {change: func(s *scene) { s.key = must(seal.GenerateKey()); s.again() }, want: succession.ErrEndorsement, last: true},
		"of another end":        {change: func(s *scene) { s.entry.Size--; s.again(); s.entry.Size++ }, want: succession.ErrEndorsement, last: true},
		"of another successor":  {change: func(s *scene) { s.genesis.LogOrigin = "other.test/log" }, want: succession.ErrEndorsement, last: true},
		"of another log key":    {change: func(s *scene) { s.genesis.LogKey = must(ledger.GenerateKey("new.test/log")).VerifierText() }, want: succession.ErrEndorsement, last: true},
		"of another authority":  {change: func(s *scene) { s.genesis.Key = must(seal.GenerateKey()).Public().Info() }, want: succession.ErrEndorsement, last: true},
		"not an envelope":       {change: func(s *scene) { s.entry.Endorsement = []byte("{}") }, want: succession.ErrEndorsement, last: true},
		"of another kind":       {change: func(s *scene) { s.entry.Endorsement = must(s.key.Seal("text/plain", []byte("{}"))) }, want: succession.ErrEndorsement, last: true},
		"with a further member": {change: func(s *scene) { s.entry.Endorsement = must(s.key.Seal(succession.PayloadType, []byte(`{"more":1}`))) }, want: succession.ErrEndorsement, last: true},
		"with space behind it":  {change: func(s *scene) { s.entry.Endorsement = append(s.entry.Endorsement, ' ') }, want: succession.ErrEndorsement, last: true},
	} {
		s := made(t)
		c.change(s)
		last, err := succession.Check(s.entry, s.genesis, s.former)
		if !errors.Is(err, c.want) || (last != nil) != c.last || c.last && int64(last.Size) != 42 {
			t.Errorf("%s: %v, %v", name, last, err)
		}
	}
}

// again endorses anew, resign signs the checkpoint anew.
func (s *scene) again() {
	s.entry.Endorsement = s.endorse(succession.Statement{Former: succession.EndOf(s.entry), Next: succession.NextOf(s.genesis)}, s.key)
}

func (s *scene) resign() {
	s.entry = s.begin(ledger.Checkpoint{Origin: "old.test/log", Size: 42, Root: ledger.Hash{1, 2}}, s.logKey)
}

// No single changed bit of the endorsement passes.
func TestEveryBitOfAnEndorsement(t *testing.T) {
	s := made(t)
	whole := bytes.Clone(s.entry.Endorsement)
	for i := range 8 * len(whole) {
		s.entry.Endorsement = bytes.Clone(whole)
		s.entry.Endorsement[i/8] ^= 1 << (i % 8)
		if _, err := succession.Check(s.entry, s.genesis, s.former); !errors.Is(err, succession.ErrEndorsement) {
			t.Fatalf("bit %d: %v", i, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	s := made(f)
	f.Add(s.entry.Endorsement, s.entry.Checkpoint)
	f.Fuzz(func(t *testing.T, endorsement []byte, note string) {
		entry := *s.entry
		entry.Endorsement, entry.Checkpoint = endorsement, note
		_, err := succession.Check(&entry, s.genesis, s.former)
		if err == nil && !bytes.Equal(endorsement, s.entry.Endorsement) {
			t.Errorf("another endorsement passed: %q", endorsement)
		}
	})
}
