package servers

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"fieldseal/api/wire"
	"fieldseal/mobile-contract/conformance"
	"fieldseal/sync/ledger"
)

// proofsAtOnce is how many proofs are asked for in one request.
const proofsAtOnce = 500

func proving() []rule {
	return []rule{
		{"log.inclusion", "every entry that any receipt of this run promised, accepted or in quarantine, is proven to be in the log", inclusion},
		{"log.inclusion-one", "one entry's proof is given alone, at a size that is asked for", inclusionAlone},
		{"log.consistency", "every checkpoint that this run was shown belongs to one history", consistency},
		{"log.newest", "the newest checkpoint covers everything that was answered before it", newest},
		{"log.beyond", "entries and sizes that the log does not have are refused", beyond},
	}
}

// current fetches the newest checkpoint.
func (r *run) current() (*ledger.SignedCheckpoint, error) {
	if r.log.verifier == nil {
		return nil, errNotEnrolled
	}
	var a wire.CheckpointAnswer
	if err := r.http.json(r.ctx, http.MethodGet, "/v1/log/checkpoint", "", nil, &a); err != nil {
		return nil, err
	}
	if a.ServerTimeUS <= 0 {
		return nil, errors.New("server_time_us is missing")
	}
	return r.log.signed(a.Checkpoint)
}

func inclusion(r *run) error {
	cp, err := r.current()
	if err != nil {
		return err
	}
	indexes := slices.Sorted(maps.Keys(r.log.entries))
	if len(indexes) == 0 {
		return conformance.Untried("no receipt promised anything")
	}
	for some := range slices.Chunk(indexes, proofsAtOnce) {
		var a wire.Proofs
		if err := r.http.json(r.ctx, http.MethodPost, "/v1/log/proofs", "", wire.ProofsAsked{Size: int64(cp.Size), Indexes: some}, &a); err != nil {
			return err
		}
		if len(a.Proofs) != len(some) {
			return fmt.Errorf("%d proofs came for %d entries", len(a.Proofs), len(some))
		}
		shown, err := r.log.signed(a.Checkpoint)
		if err != nil {
			return err
		}
		if shown.Size != cp.Size {
			return fmt.Errorf("proofs at size %d were answered with the checkpoint of %d entries", cp.Size, shown.Size)
		}
		for i, index := range some {
			if err := r.included(cp, index, &a.Proofs[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// included checks one proof with the entry that this run computed itself.
func (r *run) included(cp *ledger.SignedCheckpoint, index int64, p *wire.InclusionProof) error {
	leaf := r.log.entries[index]
	if p.Index != index || p.Size != int64(cp.Size) {
		return fmt.Errorf("the proof of entry %d of %d is one for entry %d of %d", index, cp.Size, p.Index, p.Size)
	}
	if p.LeafHash != leaf.String() {
		return fmt.Errorf("entry %d is not what its receipt promised: leaf hash %.50s, want %s", index, p.LeafHash, leaf)
	}
	hashes, err := parseHashes(p.Hashes)
	if err != nil {
		return err
	}
	return ledger.VerifyInclusion(leaf, ledger.Index(index), cp.Size, cp.Root, hashes)
}

func parseHashes(texts []string) ([]ledger.Hash, error) {
	var out []ledger.Hash
	for _, text := range texts {
		h, err := ledger.ParseHash(text)
		if err != nil {
			return nil, fmt.Errorf("a proof has the hash %.60q: %w", text, err)
		}
		out = append(out, h)
	}
	return out, nil
}

func inclusionAlone(r *run) error {
	cp, err := r.current()
	if err != nil {
		return err
	}
	indexes := slices.Sorted(maps.Keys(r.log.entries))
	if len(indexes) == 0 {
		return conformance.Untried("no receipt promised anything")
	}
	q := url.Values{"index": {strconv.FormatInt(indexes[0], 10)}, "size": {strconv.FormatInt(int64(cp.Size), 10)}}
	var p wire.InclusionProof
	if err := r.http.json(r.ctx, http.MethodGet, "/v1/log/proof/inclusion?"+q.Encode(), "", nil, &p); err != nil {
		return err
	}
	return r.included(cp, indexes[0], &p)
}

func consistency(r *run) error {
	if _, err := r.current(); err != nil {
		return err
	}
	sizes := slices.Sorted(maps.Keys(r.log.checkpoints))
	if len(sizes) < 2 {
		return conformance.Untried("the log showed checkpoints of %d sizes only", len(sizes))
	}
	last := r.log.checkpoints[sizes[len(sizes)-1]]
	for _, from := range sizes[:len(sizes)-1] {
		old := r.log.checkpoints[from]
		q := url.Values{"from": {strconv.FormatInt(from, 10)}, "to": {strconv.FormatInt(int64(last.Size), 10)}}
		var p wire.ConsistencyProof
		if err := r.http.json(r.ctx, http.MethodGet, "/v1/log/proof/consistency?"+q.Encode(), "", nil, &p); err != nil {
			return err
		}
		hashes, err := parseHashes(p.Hashes)
		if err != nil {
			return err
		}
		if err := ledger.VerifyConsistency(old.Size, old.Root, last.Size, last.Root, hashes); err != nil {
			return fmt.Errorf("two histories: %w", err)
		}
	}
	return nil
}

func newest(r *run) error {
	a, list, err := r.fresh(1, "before the newest checkpoint")
	if err != nil {
		return err
	}
	answer, err := a.hand(oks(list)...)
	if err != nil {
		return err
	}
	cp, err := r.current()
	if err != nil {
		return err
	}
	if int64(cp.Size) <= answer.Results[0].Index {
		return fmt.Errorf("the newest checkpoint has %d entries, entry %d was answered before", cp.Size, answer.Results[0].Index)
	}
	return nil
}

func beyond(r *run) error {
	cp, err := r.current()
	if err != nil {
		return err
	}
	far := strconv.FormatInt(int64(cp.Size)+1_000_000_000, 10)
	for _, path := range []string{"/v1/log/proof/inclusion?index=" + far, "/v1/log/proof/inclusion?index=-1", "/v1/log/proof/inclusion", "/v1/log/proof/inclusion?index=0&size=" + far,
		"/v1/log/proof/consistency?from=1&to=" + far, "/v1/log/proof/consistency?from=" + far, "/v1/log/proof/consistency?from=5&to=2"} {
		q := request{method: http.MethodGet, path: path}
		rep, err := r.http.do(r.ctx, q)
		if err != nil {
			return err
		}
		if err := rep.refused(q, wire.CodeBadRequest, wire.CodeNotFound); err != nil {
			return err
		}
	}
	return nil
}
