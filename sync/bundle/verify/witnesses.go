package verify

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/ledger"
	"fieldseal/sync/witness"
)

// Cosigned is a cosignature over the bundle's checkpoint by a witness that the
// reader trusts.
type Cosigned struct {
	// Witness is its name, Key its verifier key.
	Witness string `json:"witness"`
	Key     string `json:"key"`
	// Time is when it cosigned, by its own clock.
	Time time.Time `json:"time"`
}

// witnessed is what the cosignatures of one note come to.
type witnessed struct {
	// at is when a quorum had cosigned (see witness.Quorum), zero where none has.
	at time.Time
	// n is the number of trusted witnesses that have.
	n int
}

var errQuorum = errors.New("the quorum")

// readWitnesses reads the options. A key under two names is one witness.
func (v *verifier) readWitnesses() error {
	public := map[string]bool{}
	for _, key := range v.o.TrustedWitnesses {
		w, err := witness.ParseVerifier(key)
		if err != nil {
			return fmt.Errorf("a trusted witness's key cannot be read: %w", err)
		}
		if public[w.PublicText()] {
			return fmt.Errorf("the key of the trusted witness %s is named twice: one key is one witness", w.Name())
		}
		public[w.PublicText()] = true
		v.witnesses = append(v.witnesses, w)
	}
	switch n := len(v.witnesses); {
	case n == 0 && v.o.WitnessQuorum != 0:
		return fmt.Errorf("%w is %d, and no witness is named as trusted", errQuorum, v.o.WitnessQuorum)
	case v.o.WitnessQuorum < 0 || v.o.WitnessQuorum > n:
		return fmt.Errorf("%w is %d, and %d witnesses are named as trusted", errQuorum, v.o.WitnessQuorum, n)
	case v.o.WitnessQuorum == 0:
		v.o.WitnessQuorum = witness.Majority(n)
	}
	return nil
}

// cosignatures verifies those of trusted witnesses on a checkpoint. A wrong one by
// a key that the reader trusts was forged: that is a failure, not one vote less.
func (v *verifier) cosignatures(file string, c *ledger.SignedCheckpoint) (list []Cosigned, w witnessed) {
	var times []time.Time
	for _, sig := range c.Signatures() {
		for _, key := range v.witnesses {
			if !key.Made(sig) {
				continue
			}
			if !key.Verify([]byte(c.Text()), sig.Sig) {
				v.failAt(chkWitnesses, file, "the cosignature of the trusted witness %s is wrong", key.Name())
				continue
			}
			at, err := witness.Time(sig.Sig)
			if err != nil { // Verify has seen to it
				v.failAt(chkWitnesses, file, "%s: %v", key.Name(), err)
				continue
			}
			times = append(times, at)
			list = append(list, Cosigned{key.Name(), key.Text(), at})
		}
	}
	slices.SortFunc(list, func(a, b Cosigned) int { return cmp.Or(cmp.Compare(a.Witness, b.Witness), cmp.Compare(a.Key, b.Key)) })
	return list, witnessed{witness.Quorum(times, v.o.WitnessQuorum), len(list)}
}

// checkWitnesses counts the cosignatures on the bundle's checkpoint. A reader who
// names witnesses wants their word: an authority that shows a ledger of its own
// making would leave their signatures out.
func (v *verifier) checkWitnesses() {
	if len(v.witnesses) == 0 {
		v.check(chkWitnesses).State = NotAsked
		return
	}
	list, w := v.cosignatures(bag.PathCheckpoint, v.cp)
	v.cosigned, v.verdict.Witnesses, v.verdict.Bundle.Witnessed = w, list, w.at
	if w.n < v.o.WitnessQuorum && v.depth > 0 {
		// The ledger that continues this one commits to its end, and is what witnesses vouch for.
		v.check(chkWitnesses).State = NotAsked
		return
	}
	if w.n >= v.o.WitnessQuorum {
		v.pass(chkWitnesses, int64(w.n))
		return
	}
	v.failAt(chkWitnesses, bag.PathCheckpoint, "%d of the %d trusted witnesses have cosigned it, %d are needed: either it was not yet witnessed when the bundle was made "+
		"(ask for one that is made anew), or the witnesses have never been shown this ledger", w.n, len(v.witnesses), v.o.WitnessQuorum)
}

// limitsOfWitness states what the witnesses do not prove.
func (v *Verdict) limitsOfWitness(f facts) {
	switch n := len(v.Witnesses); {
	case f.trustWitness && n > 0 && !v.Bundle.Witnessed.IsZero():
		v.limit("WITNESSES_ARE_BELIEVED",
			fmt.Sprintf("%d of the witnesses that you trust have cosigned the checkpoint: they were shown no other history of this ledger before. Their times are by their own clocks. Witnesses that one hand holds are one witness.", n),
			fmt.Sprintf("您信任的见证方中有 %d 个联署了该检查点：此前未向其出示过该账本的其他历史。时间以见证方自身时钟为准；由同一方掌控的多个见证方只能视为一个。", n))
	case f.trustWitness:
		v.limit("NO_WITNESS",
			fmt.Sprintf("No quorum of the witnesses that you trust vouches for the checkpoint here (%d have cosigned). Against an authority that rewrites its own ledger only the checkpoints that devices had seen stand.", n),
			fmt.Sprintf("您信任的见证方未达法定数量为检查点作证（已联署 %d 个）。若管理机构自行改写账本，只有设备所见检查点可资比对。", n))
	case f.others > 0:
		v.limit("WITNESSES_NOT_TRUSTED",
			fmt.Sprintf("The checkpoint bears %d cosignatures, whose makers were not compared with a list of yours: they count for nothing here. Name the keys of the witnesses that you trust with --trust-witness.", f.others),
			fmt.Sprintf("检查点附有 %d 个联署签名，其签名方未与您的名单核对，因此不予采信；请以 --trust-witness 指定您信任的见证方密钥。", f.others))
	default:
		v.limit("NO_WITNESS",
			"No independent witness vouches for the checkpoint here. Against an authority that rewrites its own ledger only the checkpoints that devices had seen stand.",
			"此处没有独立见证方为检查点作证。若管理机构自行改写账本，只有设备所见检查点可资比对。")
	}
}
