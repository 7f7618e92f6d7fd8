package bundle

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/stamp"
)

// maxDated bounds the earlier checkpoints that go into a bundle for their
// tokens, and again those for their cosignatures: 200 with one token each are
// 2 MB. Of more, every second is left out
// until they fit; an event is then bounded by the next that stayed.
const maxDated = 200

// stampedTime is a token in the bundle, for the pages.
type stampedTime struct {
	File, Data, Authority string
	// Epoch is the token's time in seconds since 1970.
	Epoch int64
}

// addTokens takes up the time-stamp tokens over the bundle's checkpoint and over
// the earlier ones that were the first to cover what is shown.
func (mk *maker) addTokens() error {
	sizes, err := mk.src.Stamped(mk.ctx, mk.cp.Size)
	if err != nil {
		return err
	}
	for _, size := range mk.datedSizes(sizes) {
		list, err := mk.src.Tokens(mk.ctx, size)
		if err != nil {
			return err
		}
		if err := mk.tokensAt(size, list); err != nil {
			return err
		}
	}
	if len(mk.stamped) == 0 {
		return nil
	}
	slices.SortFunc(mk.tokenChain, func(a, b *x509.Certificate) int { return bytes.Compare(a.Raw, b.Raw) })
	var text []byte
	for _, c := range slices.CompactFunc(mk.tokenChain, (*x509.Certificate).Equal) {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return mk.add(bag.PathTokenChain, text, false)
}

// datedSizes chooses of the given sizes: for each shown entry the first checkpoint
// that covers it, and the bundle's own.
func (mk *maker) datedSizes(sizes []ledger.Size) []ledger.Size {
	slices.Sort(sizes)
	wanted := map[ledger.Size]bool{}
	for index, l := range mk.leaves {
		if l.Role != bag.RoleEvent && l.Role != bag.RoleQuarantine {
			continue
		}
		if i, _ := slices.BinarySearch(sizes, ledger.Size(index)+1); i < len(sizes) {
			wanted[sizes[i]] = true
		}
	}
	chosen := slices.DeleteFunc(slices.Clone(sizes), func(s ledger.Size) bool { return !wanted[s] && s != mk.cp.Size })
	for len(chosen) > maxDated {
		kept := chosen[:0]
		for i, s := range chosen {
			if (len(chosen)-1-i)%2 == 0 { // the last stays
				kept = append(kept, s)
			}
		}
		chosen = kept
	}
	return chosen
}

// tokensAt adds the tokens of one size: those over the very note of the bundle's
// checkpoint, else those over the one note that has the earliest.
func (mk *maker) tokensAt(size ledger.Size, list []Token) error {
	own := event.Digest(sha256.Sum256(mk.cp.Note()))
	byNote := map[event.Digest][]checkedToken{}
	for _, t := range list {
		c, err := mk.checkToken(size, &t)
		if err != nil {
			return err
		}
		byNote[c.note] = append(byNote[c.note], c)
	}
	var dated []checkedToken
	for note, tokens := range byNote {
		slices.SortFunc(tokens, func(a, b checkedToken) int {
			return cmp.Or(cmp.Compare(a.Authority, b.Authority), a.time.Time.Compare(b.time.Time), bytes.Compare(a.Response, b.Response))
		})
		tokens = slices.CompactFunc(tokens, func(a, b checkedToken) bool { return a.Authority == b.Authority }) // the earliest of each stays
		if size == mk.cp.Size && note == own {
			if err := mk.ownTokens(tokens); err != nil {
				return err
			}
			continue
		}
		if dated == nil || cmp.Or(earliest(tokens).Compare(earliest(dated)), bytes.Compare(note[:], dated[0].note[:])) < 0 {
			dated = tokens
		}
	}
	if dated == nil {
		return nil
	}
	return mk.datedTokens(size, dated)
}

func earliest(list []checkedToken) time.Time {
	at := list[0].time.Time
	for _, c := range list {
		if c.time.Time.Before(at) {
			at = c.time.Time
		}
	}
	return at
}

// checkedToken is a token that stands over its note.
type checkedToken struct {
	*Token
	note  event.Digest
	time  custody.Token
	token *stamp.Token
}

// checkToken holds a token against its note. One that is not over it is a fault of
// the store; one whose maker cannot be traced to a root any more goes along unverified.
func (mk *maker) checkToken(size ledger.Size, t *Token) (checkedToken, error) {
	signed, err := ledger.ParseCheckpoint(t.Note, mk.logKey)
	if err != nil || signed.Size != size {
		return checkedToken{}, broken("a token by %s is over no checkpoint of %d entries: %w", t.Authority, size, err)
	}
	c := checkedToken{Token: t, note: sha256.Sum256(t.Note)}
	if c.token, err = stamp.Parse(t.Response); err == nil {
		err = c.token.Check(c.note)
	}
	if err != nil {
		return checkedToken{}, broken("the token by %s over the checkpoint of %d entries: %w", t.Authority, size, err)
	}
	info := c.token.Info()
	c.time = custody.Token{Time: info.Time.Add(info.Accuracy), Authority: c.token.Authority()}
	roots, err := stamp.NewRoots(t.Chain)
	if err == nil {
		_, err = c.token.Verify(c.note, stamp.Options{Roots: roots})
	}
	if c.time.Verified = err == nil; err != nil {
		c.time.Detail = err.Error()
	}
	return c, nil
}

// ownTokens adds the tokens over the bundle's own checkpoint.
func (mk *maker) ownTokens(list []checkedToken) error {
	for _, c := range list {
		if err := mk.addToken(bag.TokenPath(c.Authority), bag.PathCheckpoint, mk.cp.Size, c); err != nil {
			return err
		}
		mk.ownTimes = append(mk.ownTimes, c.time)
	}
	return nil
}

// datedTokens adds an earlier checkpoint, its proof and its tokens.
func (mk *maker) datedTokens(size ledger.Size, list []checkedToken) error {
	signed, err := mk.addDated(size, list[0].Note)
	if err != nil {
		return err
	}
	c := custody.CheckpointTime{Size: int64(size), Root: event.Root(signed.Root), Note: list[0].note,
		Signed: mk.leaves[ledger.Index(size-1)].Leaf.Received.Time()}
	for _, t := range list {
		if err := mk.addToken(bag.DatedTokenPath(size, t.Authority), bag.DatedCheckpointPath(size), size, t); err != nil {
			return err
		}
		c.Tokens = append(c.Tokens, t.time)
	}
	mk.asm.Checkpoint(c)
	return nil
}

func (mk *maker) addToken(path, data string, size ledger.Size, c checkedToken) error {
	if bag.ParsePath(path).Class == bag.ClassUnknown {
		return broken("a token's authority is named %.80q", c.Authority)
	}
	info := c.token.Info()
	mk.stamped = append(mk.stamped, verify.Stamped{File: path, Size: size, Authority: c.time.Authority, Time: info.Time, Accuracy: info.Accuracy.Microseconds(),
		Policy: info.Policy, Verified: c.time.Verified, Detail: c.time.Detail})
	mk.stampedTimes = append(mk.stampedTimes, stampedTime{File: path, Data: data, Authority: c.time.Authority, Epoch: info.Time.Unix()})
	mk.tokenChain = append(mk.tokenChain, c.Chain...)
	return mk.add(path, c.Response, false)
}
