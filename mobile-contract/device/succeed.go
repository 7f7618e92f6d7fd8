package device

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"fieldseal/api/wire"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	rules "fieldseal/sync/succession"
)

// SuccessorRequest is what a device needs to go over to the log that continues the
// one that it is pinned to.
type SuccessorRequest struct {
	// Client speaks with the new log's server, at the address that it calls itself.
	Client *Client
	// Former speaks with the server of the present log; nil for the one that the device knows.
	Former *Client
	// Authority is the new authority's fingerprint as the person was told it by other
	// means. It is needed where the present authority has not endorsed the new one.
	Authority seal.KeyID
	// Unshown goes over although nobody can show that the present log, as the new one
	// says it ended, continues what this device has seen of it.
	Unshown bool
}

// succession is a verified successor of the pinned log.
type succession struct {
	genesis, entry, enrolment *seal.Verified
	places                    [3]wire.Change // of these in the new log
	// last is the present log's last checkpoint, newest the new log's newest.
	last, newest *checkpoint
	shown        Shown
	endorsed     bool
}

// Succeed goes over to the log that continues the pinned one. It believes nothing
// that it has not checked: the new log's genesis and its second entry are in the new
// log; that entry has the present log's last checkpoint, signed by the pinned key; it
// is endorsed by the pinned authority, or the person knows the new fingerprint; that
// checkpoint continues the newest that this device was shown; and the new log has
// enrolled this device's key for this device's chain. The device keeps its chain;
// what the present log has proven to hold stays proven there, and all else is handed
// in at the next sync.
//
// Of a successor that begins with less than this device was shown, or with something
// else, both checkpoints are kept, and the error is a *[ServerFault]. Other errors:
// ErrTrust, ErrOffline, ErrRefused, ErrSyncing, ErrNotEnrolled. Nothing has changed then.
func (s *Store) Succeed(ctx context.Context, req SuccessorRequest) (*FormerLog, error) {
	s.forget() // another process may have gone over
	id, err := s.Identity(ctx)
	if err != nil {
		return nil, err
	}
	signer, err := s.loadSigner(id)
	if err != nil {
		return nil, err
	}
	unlock, err := lockFile(filepath.Join(s.dir, lockName))
	if err != nil {
		return nil, err
	}
	f, err := s.succeed(ctx, id, signer, req)
	return f, errors.Join(err, unlock())
}

func (s *Store) succeed(ctx context.Context, id *Identity, signer *Signer, req SuccessorRequest) (*FormerLog, error) {
	// The new server is nobody yet: what is sealed for its login is for the very
	// address that is being talked to, and for no other.
	stranger := *id
	stranger.LogOrigin = req.Client.Server()
	req.Client.mu.Lock()
	req.Client.signIn = req.Client.deviceLogin(&stranger, req.Client.Server(), signer, s.clock)
	req.Client.mu.Unlock()
	y := &syncer{s: s, c: req.Client, id: id, signer: signer}
	f, err := y.findSuccession(ctx)
	if err != nil {
		return nil, err
	}
	next, err := y.successor(ctx, f, req)
	if err != nil {
		return nil, err
	}
	if err := y.compareEnd(ctx, f, req); err != nil {
		return nil, err
	}
	if err := y.proveBegin(ctx, f, next); err != nil {
		return nil, err
	}
	var left FormerLog
	err = s.write(ctx, func(t *tx) error {
		if err := goOver(t, id, next, f); err != nil {
			return err
		}
		list, err := formerLogs(t)
		if err == nil {
			left = list[len(list)-1]
		}
		return err
	})
	s.forget()
	if err != nil {
		return nil, err
	}
	return &left, nil
}

// findSuccession reads the first two entries of the new log and this device's
// enrolment in it. What it gives is signed by somebody who calls himself the authority.
func (y *syncer) findSuccession(ctx context.Context) (*succession, error) {
	f := &succession{}
	var authority oneKey
	for after, found := int64(-1), 0; found < 3; {
		q := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(pageSize)}}
		var page wire.Changes
		if _, err := y.c.getJSON(ctx, "/v1/changes?"+q.Encode(), &page); err != nil {
			return nil, y.unwelcome(err)
		}
		if page.Next < after || page.More && page.Next == after || len(page.Events) > maxPage {
			return nil, fmt.Errorf("%w: changes after %d were answered with %d events up to %d", ErrTrust, after, len(page.Events), page.Next)
		}
		for _, c := range page.Events {
			took, err := f.take(&c, &authority, y.id)
			if err != nil {
				return nil, err
			}
			if took {
				found++
			}
		}
		after = page.Next
		if !page.More && found < 3 {
			if f.entry == nil {
				return nil, fmt.Errorf("%w: the log at %s continues no other log; nothing was changed", ErrTrust, y.c.Server())
			}
			return nil, fmt.Errorf("%w: the log at %s has not enrolled this device; nothing was changed; ask its administrator", ErrTrust, y.c.Server())
		}
	}
	return f, nil
}

// unwelcome says what it means that the new log does not let this device read.
func (y *syncer) unwelcome(err error) error {
	var he *HTTPError
	switch {
	case !errors.As(err, &he):
		return err
	case he.Body.Code == wire.CodeUnauthenticated:
		return fmt.Errorf("%w: the log at %s does not know this device's key: it has not been carried over; ask its administrator", err, y.c.Server())
	case he.Body.Code == wire.CodeForbidden:
		return fmt.Errorf("%w: this device has been revoked and cannot go over; give what it holds to a supervisor as an archive (fieldkit export archive)", err)
	}
	return err
}

// take takes up one of the three entries that matter.
func (f *succession) take(c *wire.Change, authority *oneKey, id *Identity) (took bool, err error) {
	bad := func(err error) error {
		return fmt.Errorf("%w: entry %d of the new log: %w; nothing was changed", ErrTrust, c.Index, err)
	}
	if c.Index == 0 {
		v, b, err := checkAuthority([]byte(c.Envelope))
		if err != nil {
			return false, bad(err)
		}
		key, err := seal.ParseKeyInfo(b.Key)
		if err != nil {
			return false, bad(err)
		}
		*authority = oneKey{v.Payload().Device, key}
		f.genesis, f.places[0] = v, *c
		return true, nil
	}
	if f.genesis == nil || f.entry != nil && f.enrolment != nil {
		return false, nil
	}
	v, refusal, err := seal.Verify([]byte(c.Envelope), *authority)
	if err != nil || refusal != nil {
		if refusal != nil && c.Index == 1 {
			err = bad(refusal)
		}
		return false, err // of all else only what the new authority sealed matters here
	}
	switch b := v.Body().(type) {
	case *event.LogPredecessor:
		if c.Index != 1 || v.Payload().Prev != f.genesis.ID() {
			return false, nil
		}
		f.entry, f.places[1] = v, *c
		return true, nil
	case *event.DeviceEnrolled:
		if b.Device != id.Device || f.enrolment != nil {
			return false, nil // the first enrolment of a device is the one that counts
		}
		f.enrolment, f.places[2] = v, *c
		return true, nil
	}
	return false, nil
}

// successor checks what the entries state against what this device trusts, and gives
// the identity that it will have.
func (y *syncer) successor(ctx context.Context, f *succession, req SuccessorRequest) (*Identity, error) {
	id := y.id
	g, b := f.genesis.Body().(*event.AuthorityGenesis), f.entry.Body().(*event.LogPredecessor)
	key, err := seal.ParseKeyInfo(g.Key)
	if err != nil {
		return nil, err
	}
	if g.LogOrigin == id.LogOrigin {
		return nil, inputf("%s is the log that this device is pinned to", g.LogOrigin)
	}
	if b.Origin != id.LogOrigin {
		return nil, fmt.Errorf("%w: the log %s continues %s, and this device belongs to %s; where there is a log between them, go over to that one first", ErrTrust, g.LogOrigin, b.Origin, id.LogOrigin)
	}
	last, err := rules.Check(b, g, rules.Former{LogKey: id.LogKey, Authority: id.AuthorityKey})
	switch {
	case errors.Is(err, rules.ErrUnendorsed) && req.Authority.IsZero():
		return nil, fmt.Errorf("%w: %s has not named the new log; compare the new authority's fingerprint with what you are told by other means, and give it: %s", ErrTrust, id.AuthorityName, key.ID())
	case err != nil && !errors.Is(err, rules.ErrUnendorsed):
		return nil, y.s.fault(ctx, FaultSuccessor, f.entry.Line(), f.genesis.Line(), "a log that says it continues %s does not: %v", id.LogOrigin, err)
	}
	if !req.Authority.IsZero() && key.ID() != req.Authority {
		return nil, fmt.Errorf("%w: the new authority's fingerprint is %s, expected is %s; nothing was changed", ErrTrust, key.ID(), req.Authority)
	}
	f.endorsed = err == nil
	note := []byte(b.Checkpoint)
	if f.last, err = id.parseCheckpoint(note); err != nil || f.last.size != int64(last.Size) {
		return nil, errors.Join(fmt.Errorf("%w: the last checkpoint of %s", ErrTrust, id.LogOrigin), err)
	}
	next := *id
	next.Authority, next.AuthorityName, next.AuthorityKey, next.AuthorityLine = f.genesis.Payload().Device, g.Name, key, f.genesis.Line()
	next.LogOrigin, next.LogKey, next.Server = g.LogOrigin, g.LogKey, req.Client.Server()
	if next.verifier, err = ledger.ParseVerifier(g.LogKey); err != nil || next.verifier.Name() != g.LogOrigin {
		return nil, fmt.Errorf("%w: the new log's key %q is not one of the log %q", ErrTrust, g.LogKey, g.LogOrigin)
	}
	return &next, y.ownEnrolment(ctx, f, &next)
}

// ownEnrolment checks that the new log enrols this device for the chain that it has.
func (y *syncer) ownEnrolment(ctx context.Context, f *succession, next *Identity) error {
	b := f.enrolment.Body().(*event.DeviceEnrolled)
	var start *event.DeviceGenesis
	if err := y.s.read(ctx, func(t *tx) (err error) { start, err = chainStart(t); return err }); err != nil {
		return err
	}
	if b.Key.ID != event.Digest(y.id.Key.ID()) || string(b.Key.SPKI) != string(y.id.Key.SPKI()) || !b.Starts(f.enrolment.ID(), next.LogOrigin, start) {
		return fmt.Errorf("%w: the new log has enrolled this device with another key or for another chain: %s; nothing was changed", ErrTrust, f.enrolment.ID())
	}
	next.Enrolment, next.EnrolmentIndex, next.Person, next.Org = f.enrolment.ID(), f.places[2].Index, b.Person, b.Org
	return nil
}

// compareEnd compares the end of the present log, as the new one states it, with
// what this device has seen of it.
func (y *syncer) compareEnd(ctx context.Context, f *succession, req SuccessorRequest) error {
	var seen *checkpoint
	err := y.s.read(ctx, func(t *tx) (err error) {
		// Whatever the log's key has signed counts here, compared with others or not.
		seen, err = scanCheckpoint(t.row(`SELECT ` + checkpointColumns + ` FROM checkpoints WHERE state <> 'conflict' ORDER BY size DESC, rowid DESC LIMIT 1`))
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case seen == nil || seen.size == f.last.size && seen.root == f.last.root:
		f.shown = ShownSame
		return nil
	case seen.size > f.last.size:
		return y.s.fault(ctx, FaultSuccessor, seen.note, f.last.note,
			"the log that says it continues %s begins with %d entries of it, this device was shown %d: what is between them was acknowledged and would be lost", y.id.LogOrigin, f.last.size, seen.size)
	case seen.size == f.last.size:
		return y.s.fault(ctx, FaultSuccessor, seen.note, f.last.note,
			"the log that says it continues %s begins with another tree of %d entries than this device was shown", y.id.LogOrigin, f.last.size)
	}
	return y.proveEnd(ctx, f, seen, req)
}

// proveEnd has the present log's server prove that its end continues what was seen.
func (y *syncer) proveEnd(ctx context.Context, f *succession, seen *checkpoint, req SuccessorRequest) error {
	former := &syncer{s: y.s, id: y.id, signer: y.signer}
	if former.c = req.Former; former.c == nil {
		var err error
		if former.c, err = NewClient(y.id.Server, nil); err != nil {
			return err
		}
	}
	var audience string
	if err := y.s.read(ctx, func(t *tx) (err error) { audience, err = t.setting(setAudience); return err }); err != nil {
		return err
	}
	former.c.mu.Lock()
	former.c.signIn = former.c.deviceLogin(y.id, audience, y.signer, y.s.clock)
	former.c.mu.Unlock()
	hashes, err := former.consistency(ctx, seen.size, f.last.size)
	if err == nil {
		if err = ledger.VerifyConsistency(ledger.Size(seen.size), seen.root, ledger.Size(f.last.size), f.last.root, hashes); err == nil {
			f.shown = ShownProven
			return nil
		}
		return y.s.fault(ctx, FaultSuccessor, seen.note, f.last.note,
			"%s with %d entries, as the log that continues it says it ended, is not shown to continue the %d entries that this device has seen (%v)", y.id.LogOrigin, f.last.size, seen.size, err)
	}
	if !req.Unshown || ctx.Err() != nil {
		return fmt.Errorf("%w: the former log's server must show that its %d entries continue the %d that this device has seen. Sync with it once, or name its present address (--former); where it is gone for good, a supervisor may decide to go over unshown", err, f.last.size, seen.size)
	}
	f.shown = Unshown
	return nil
}

// proveBegin takes the new log's newest checkpoint and has it proven that the three
// entries are in it.
func (y *syncer) proveBegin(ctx context.Context, f *succession, next *Identity) error {
	var a wire.CheckpointAnswer
	if _, err := y.c.getJSON(ctx, "/v1/log/checkpoint", &a); err != nil {
		return err
	}
	var err error
	if f.newest, err = next.parseCheckpoint([]byte(a.Checkpoint)); err != nil {
		return fmt.Errorf("%w: the new log's checkpoint: %w", ErrTrust, err)
	}
	asked := wire.ProofsAsked{Size: f.newest.size}
	for _, c := range f.places {
		asked.Indexes = append(asked.Indexes, c.Index)
	}
	var proofs wire.Proofs
	if _, err := y.c.postJSON(ctx, "/v1/log/proofs", asked, &proofs); err != nil {
		return err
	}
	if len(proofs.Proofs) != len(f.places) {
		return fmt.Errorf("%w: %d proofs came back for %d entries", ErrTrust, len(proofs.Proofs), len(f.places))
	}
	for i, v := range []*seal.Verified{f.genesis, f.entry, f.enrolment} {
		hashes, err := parseHashes(proofs.Proofs[i].Hashes)
		if err != nil {
			return err
		}
		entry := reconcile.LeafOf(v, time.UnixMicro(f.places[i].ReceivedUS))
		leaf, err := entry.Hash()
		if err == nil {
			err = ledger.VerifyInclusion(leaf, ledger.Index(f.places[i].Index), ledger.Size(f.newest.size), f.newest.root, hashes)
		}
		if err != nil {
			return fmt.Errorf("%w: entry %d of the new log is not shown to be in it: %w; nothing was changed", ErrTrust, f.places[i].Index, err)
		}
	}
	return nil
}

// forget drops what is remembered of the identity.
func (s *Store) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity = nil
}
