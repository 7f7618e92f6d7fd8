package succession

import (
	"bytes"
	"errors"
	"fmt"

	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"

	"github.com/go-json-experiment/json"
)

// PayloadType is the DSSE payload type of an endorsement.
const PayloadType = "application/vnd.fieldseal.succession.v1+json"

// Errors of Check. What has the first is no succession of the log in question;
// what has one of the others is one that its own authority does not stand behind.
var (
	// ErrForeign: the log continues another log than the one in question.
	ErrForeign = errors.New("succession: the log continues another one")
	// ErrUnendorsed: nothing shows that the former log's authority named this log.
	ErrUnendorsed = errors.New("succession: the former log's authority has not endorsed it")
	// ErrEndorsement: the endorsement is not one by the former authority, or of another log.
	ErrEndorsement = errors.New("succession: the endorsement is not right")
)

// Statement is what the authority of a former log seals: that log's end, and the
// log that continues it. Its payload is JSON with exactly these members.
type Statement struct {
	Former End  `json:"former"`
	Next   Next `json:"next"`
}

// End is a frozen log with its last tree.
type End struct {
	Origin string     `json:"origin"`
	Size   int64      `json:"size"`
	Root   event.Root `json:"root"`
}

// Next is the log that continues it: its name, its verifier key, and the key of
// the authority that keeps it.
type Next struct {
	Origin    string       `json:"origin"`
	LogKey    string       `json:"log_key"`
	Authority event.Digest `json:"authority"`
}

// Endorse seals a statement with the key of the former log's authority.
func Endorse(s Statement, former *seal.PrivateKey) ([]byte, error) {
	payload, err := json.Marshal(s, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	return former.Seal(PayloadType, payload)
}

// EndOf is the end that an event states.
func EndOf(b *event.LogPredecessor) End { return End{b.Origin, b.Size, b.Root} }

// NextOf is the log that a genesis begins.
func NextOf(g *event.AuthorityGenesis) Next { return Next{g.LogOrigin, g.LogKey, g.Key.ID} }

// Former is the log that another one is asked to continue, as somebody who knew it
// trusts it: its verifier key and the key of its authority.
type Former struct {
	LogKey    string
	Authority seal.PublicKey
}

// Check compares the first two statements of a log with the log that they are said
// to continue, and gives that log's last checkpoint. It does not compare that with
// any other checkpoint of the former log; the caller does, who has some.
//
// The checkpoint verifies with the former log's key and says what the event says.
// An error that wraps ErrUnendorsed or ErrEndorsement comes beside the checkpoint.
func Check(b *event.LogPredecessor, genesis *event.AuthorityGenesis, f Former) (*ledger.SignedCheckpoint, error) {
	verifier, err := ledger.ParseVerifier(f.LogKey)
	if err != nil {
		return nil, err
	}
	if b.Origin != verifier.Name() {
		return nil, fmt.Errorf("%w: %q and not %q", ErrForeign, b.Origin, verifier.Name())
	}
	last, err := ledger.ParseCheckpoint([]byte(b.Checkpoint), verifier)
	if err != nil {
		return nil, fmt.Errorf("%w: the checkpoint that it begins with is not signed by the key of %q: %w", ErrForeign, b.Origin, err)
	}
	if last.Origin != b.Origin || int64(last.Size) != b.Size || event.Root(last.Root) != b.Root {
		return nil, fmt.Errorf("%w: it states %d entries with root %s, the checkpoint beside that has %d with root %s",
			ErrForeign, b.Size, b.Root, last.Size, event.Root(last.Root))
	}
	if len(b.Endorsement) == 0 {
		return last, ErrUnendorsed
	}
	return last, checkEndorsement(b, genesis, f.Authority)
}

func checkEndorsement(b *event.LogPredecessor, genesis *event.AuthorityGenesis, key seal.PublicKey) error {
	env, err := seal.ParseEnvelope(b.Endorsement)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEndorsement, err)
	}
	if env.PayloadType != PayloadType || len(env.Signatures) != 1 || !bytes.Equal(env.Encode(), b.Endorsement) {
		return fmt.Errorf("%w: it is not one envelope of type %s with one signature in canonical form", ErrEndorsement, PayloadType)
	}
	if sig := env.Signatures[0]; sig.KeyID != key.ID() || !key.Check(seal.PAE(env.PayloadType, env.Payload), sig.Sig) {
		return fmt.Errorf("%w: the signature is not that of the former authority's key %s", ErrEndorsement, key.ID())
	}
	var s Statement
	if err := json.Unmarshal(env.Payload, &s, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: %w", ErrEndorsement, err)
	}
	if want := (Statement{EndOf(b), NextOf(genesis)}); s != want {
		return fmt.Errorf("%w: it endorses %+v, and the log is %+v", ErrEndorsement, s, want)
	}
	return nil
}
