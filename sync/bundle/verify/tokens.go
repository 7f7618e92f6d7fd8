package verify

import (
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/stamp"
)

// Stamped is a time-stamp token that the bundle has.
type Stamped struct {
	// File is its path in the bag, Size the checkpoint's that it is over.
	File string      `json:"file"`
	Size ledger.Size `json:"size"`
	// Authority, Time, Accuracy (in microseconds) and Policy are what the token says.
	Authority string    `json:"authority"`
	Time      time.Time `json:"time"`
	Accuracy  int64     `json:"accuracy_us,omitzero"`
	Policy    string    `json:"policy"`
	// Verified: its maker is one that the reader trusts; Detail says why not.
	Verified bool   `json:"verified"`
	Detail   string `json:"detail,omitzero"`
}

// datedTree is an earlier checkpoint that has tokens.
type datedTree struct {
	size   ledger.Size
	root   event.Root
	note   event.Digest
	proof  *ledger.Consistency
	tokens []custody.Token
	// witnessed is what the cosignatures on the note come to, cosigned that it has any.
	witnessed witnessed
	cosigned  bool
}

// readTokens checks the tokens over the bundle's checkpoint, and the earlier
// checkpoints that have tokens.
func (v *verifier) readTokens() error {
	v.dated = map[ledger.Size]*datedTree{}
	helpers, err := v.readTokenChain()
	if err != nil {
		return err
	}
	note := sha256.Sum256(v.cp.Note())
	for _, f := range v.byClass(bag.ClassToken) {
		t, ok, err := v.token(f, v.cp.Size, note, helpers)
		if err != nil {
			return err
		}
		if ok {
			v.tokens = append(v.tokens, t)
		}
	}
	if err := v.readDated(); err != nil {
		return err
	}
	for _, f := range v.byClass(bag.ClassDatedToken) {
		d := v.dated[f.path.Size]
		if d == nil || d.note.IsZero() {
			v.failAt(chkTokens, f.Path, "the checkpoint that it is over is not beside it, or is not of this ledger")
			continue
		}
		t, ok, err := v.token(f, d.size, d.note, helpers)
		if err != nil {
			return err
		}
		if ok {
			d.tokens = append(d.tokens, t)
		}
	}
	for size, d := range v.dated {
		if len(d.tokens) == 0 && !d.cosigned {
			v.failAt(chkTokens, bag.DatedConsistencyPath(size), "no token stands over this checkpoint, and nobody has cosigned it")
		}
	}
	v.pass(chkTokens, 0)
	return nil
}

// readTokenChain reads the certificates that come along. They only help to find a chain.
func (v *verifier) readTokenChain() ([]*x509.Certificate, error) {
	f := v.files[bag.PathTokenChain]
	if f == nil {
		return nil, nil
	}
	text, ok, err := v.load(f, maxSmall)
	if err != nil || !ok {
		return nil, err
	}
	list, err := stamp.ParseCertificates(text)
	if err != nil {
		v.failAt(chkTokens, f.Path, "%v", err)
	}
	return list, nil
}

// readDated reads the earlier checkpoints with their proofs.
func (v *verifier) readDated() error {
	for _, f := range v.byClass(bag.ClassDatedConsistency) {
		data, ok, err := v.load(f, maxSmall)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		proof, err := ledger.ParseConsistency(data)
		switch {
		case err != nil:
			v.failAt(chkTokens, f.Path, "%v", err)
		case proof.Old != f.path.Size || proof.New != v.cp.Size || proof.Old < 1:
			v.failAt(chkTokens, f.Path, "it is a proof from %d to %d entries, should be from %d to %d", proof.Old, proof.New, f.path.Size, v.cp.Size)
		default:
			v.dated[proof.Old] = &datedTree{size: proof.Old, proof: proof}
		}
	}
	for _, f := range v.byClass(bag.ClassDatedCheckpoint) {
		data, ok, err := v.load(f, ledger.MaxCheckpointBytes)
		if err != nil {
			return err
		}
		d := v.dated[f.path.Size]
		if !ok {
			continue
		}
		if d == nil {
			v.failAt(chkTokens, f.Path, "there is no proof of consistency beside it")
			continue
		}
		signed, err := ledger.ParseCheckpoint(data, v.logKey)
		if err == nil {
			err = d.proof.Verify(signed.Checkpoint, v.cp.Checkpoint)
		}
		if err != nil {
			v.failAt(chkTokens, f.Path, "it is not a beginning of the ledger shown: %v", err)
			continue
		}
		d.root, d.note = event.Root(signed.Root), sha256.Sum256(data)
		_, d.witnessed = v.cosignatures(f.Path, signed)
		d.cosigned = len(signed.Signatures()) > 1
	}
	return nil
}

// token checks one token. It fails where the token is not what it claims to be: it
// cannot be read, is over something else, or its signature is wrong. Whether to
// believe its maker is the reader's question, and no failure of the bundle.
func (v *verifier) token(f *pinned, size ledger.Size, note event.Digest, helpers []*x509.Certificate) (out custody.Token, ok bool, err error) {
	data, ok, err := v.load(f, stamp.MaxToken)
	if err != nil || !ok {
		return out, false, err
	}
	t, err := stamp.Parse(data)
	if err == nil {
		err = t.Check(note)
	}
	if errors.Is(err, stamp.ErrMalformed) || errors.Is(err, stamp.ErrImprint) || errors.Is(err, stamp.ErrSignature) {
		v.failAt(chkTokens, f.Path, "%v", err)
		return out, false, nil
	}
	v.pass(chkTokens, 1)
	info := t.Info()
	s := Stamped{File: f.Path, Size: size, Authority: t.Authority(), Time: info.Time, Accuracy: info.Accuracy.Microseconds(), Policy: info.Policy}
	out = custody.Token{Time: info.Time.Add(info.Accuracy), Authority: s.Authority}
	switch {
	case err != nil:
	case v.o.TrustedTSA == nil:
		err = errNoTSA
	default:
		_, err = t.Verify(note, stamp.Options{Roots: v.o.TrustedTSA, Policies: v.o.TSAPolicies, Between: helpers})
	}
	if s.Verified = err == nil; err != nil {
		s.Detail = err.Error()
	}
	out.Verified, out.Detail = s.Verified, s.Detail
	v.verdict.Tokens = append(v.verdict.Tokens, s)
	return out, true, nil
}

// errNoTSA is why a token counts for nothing where the reader named nobody.
var errNoTSA = errors.New("no time-stamping authority was named as trusted")

// judgedTokens are the tokens for custody. Where the reader named no authority,
// tokens are neither good nor bad, and custody hears nothing of them.
func (v *verifier) judgedTokens(list []custody.Token) []custody.Token {
	if v.o.TrustedTSA == nil {
		return nil
	}
	return list
}

// datedTimes are the earlier checkpoints for custody.
func (v *verifier) datedTimes() []custody.CheckpointTime {
	var list []custody.CheckpointTime
	for _, d := range v.dated {
		if tokens := v.judgedTokens(d.tokens); len(tokens) > 0 || !d.witnessed.at.IsZero() {
			list = append(list, custody.CheckpointTime{Size: int64(d.size), Root: d.root, Note: d.note,
				Signed: v.found.times[ledger.Index(d.size-1)], Tokens: tokens, Witnessed: d.witnessed.at, Witnesses: d.witnessed.n})
		}
	}
	slices.SortFunc(list, func(a, b custody.CheckpointTime) int { return cmp.Compare(a.Size, b.Size) })
	return list
}

// limitsOfTime states what the tokens do not prove.
func (v *Verdict) limitsOfTime(f facts) {
	verified := 0
	for _, t := range v.Tokens {
		if t.Verified {
			verified++
		}
	}
	n := len(v.Tokens)
	switch {
	case n == 0:
		v.limit("NO_TIMESTAMP_TOKEN",
			"No trusted time-stamp stands over the checkpoint; its age rests on the server's clock.",
			"检查点未附可信时间戳，其时间以服务器时钟为准。")
	case f.announced:
		v.limit("TOKENS_BY_OWN_LIST",
			fmt.Sprintf("The authority verified the %d RFC 3161 time-stamps here by its own list of time-stamping authorities. Name those that you trust with custody-verify --trust-tsa.", n),
			fmt.Sprintf("此处 %d 个 RFC 3161 时间戳由管理机构按其自有的时间戳机构名单核验；请以 custody-verify --trust-tsa 指定您信任的机构自行核验。", n))
	case !f.trustTSA:
		v.limit("TOKENS_NOT_TRUSTED",
			fmt.Sprintf("The bundle has %d RFC 3161 time-stamps over its ledger, whose makers were not compared with a list of yours: they bound no time here. Name the root certificates that you trust with --trust-tsa.", n),
			fmt.Sprintf("证据包内有 %d 个针对其账本的 RFC 3161 时间戳，其签发机构未与您的名单核对，因此不用于确定时间；请以 --trust-tsa 指定您信任的根证书。", n))
	case verified == 0:
		v.limit("NO_TRUSTED_TOKEN",
			fmt.Sprintf("None of the %d RFC 3161 time-stamps is by an authority that you trust; the age of the ledger rests on the server's clock.", n),
			fmt.Sprintf("%d 个 RFC 3161 时间戳均非您信任的机构签发，账本时间以服务器时钟为准。", n))
	default:
		v.limit("TSA_REVOCATION",
			fmt.Sprintf("%d of %d RFC 3161 time-stamps verify. Whether a certificate of their makers had been revoked is not known here; ask them. A time-stamp shows that the ledger existed by then, not when an entry was made.", verified, n),
			fmt.Sprintf("%d 个 RFC 3161 时间戳中 %d 个核验通过。其签发机构的证书当时是否已被吊销，此处不得而知，须向其查询。时间戳表明账本最迟于该时刻已存在，并不表明条目何时形成。", n, verified))
	}
}
