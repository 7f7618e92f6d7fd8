package bundle_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"
	"testing"

	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/event"
	"fieldseal/sync/seal"
)

// malleate gives an envelope the other valid ECDSA signature: (r, n-s).
func malleate(t testing.TB, line string) string {
	t.Helper()
	env, err := seal.ParseEnvelope([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(env.Signatures[0].Sig, &v); err != nil {
		t.Fatal(err)
	}
	v.S.Sub(elliptic.P256().Params().N, v.S)
	sig, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	env.Signatures[0].Sig = sig
	return string(env.Encode())
}

// TestMalleatedSignature: anyone can make the other valid signature of an event.
// The ledger's leaf is the same; but the manifest pins the envelope's bytes.
func TestMalleatedSignature(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	f := openForge(t, s.Bundle(s.Options()))
	f.edit(bag.PathEvents, func(l []string) []string { l[len(l)-1] = malleate(t, l[len(l)-1]); return l })
	fails(t, s.Verify(f.build(), verify.Options{}), "files")
	f.key = s.Authority.Key
	passes(t, s.Verify(f.build(), verify.Options{}))
}

func ofType(ty event.Type) func(*event.Payload) bool {
	return func(p *event.Payload) bool { return p.Type == ty }
}

// attack changes a bundle. An insider signs the manifest anew with the
// authority's own key; an outsider signs it with a key of his own, which he puts
// into the manifest; a bystander cannot sign at all and keeps the old manifest.
type attack struct {
	name   string
	by     string
	checks string // of which one has to fail
	do     func(s *bundletest.Story, f *forge)
}

var attacks = []attack{
	{"media swapped, bag manifests made anew", "bystander", "files", func(s *bundletest.Story, f *forge) {
		f.files[bag.MediaPath(s.Photo.SHA256, "jpg")] = []byte("another picture")
	}},
	{"media swapped under its old name", "insider", "files media", func(s *bundletest.Story, f *forge) {
		f.files[bag.MediaPath(s.Photo.SHA256, "jpg")] = []byte("another picture")
	}},
	{"media removed", "insider", "media", func(s *bundletest.Story, f *forge) { delete(f.files, bag.MediaPath(s.Photo.SHA256, "jpg")) }},
	{"media not listed", "insider", "media", func(s *bundletest.Story, f *forge) {
		f.edit(bag.PathMedia, func(l []string) []string {
			return slices.DeleteFunc(l, func(s string) bool { return strings.Contains(s, "missing") })
		})
	}},
	{"media nobody names", "insider", "media", func(s *bundletest.Story, f *forge) {
		data := []byte("planted")
		m := s.File(data, "image/jpeg", "")
		f.files[bag.MediaPath(m.SHA256, "jpg")] = data
	}},
	{"extra file in the container", "bystander", "files", func(s *bundletest.Story, f *forge) { f.extra["data/zz.txt"] = []byte("x") }},
	{"extra file, announced", "insider", "files", func(s *bundletest.Story, f *forge) { f.files["data/notes.txt"] = []byte("x") }},
	{"report removed", "insider", "files", func(s *bundletest.Story, f *forge) { delete(f.files, bag.PathReportZH) }},
	{"report changed", "bystander", "files", func(s *bundletest.Story, f *forge) { f.files[bag.PathReport] = []byte("all is well") }},
	{"tag file changed", "insider", "bag", func(s *bundletest.Story, f *forge) {
		f.tags[bag.PathBagInfo] = []byte("Source-Organization: somebody else\n")
	}},
	{"signed by another key", "outsider", "authority", func(s *bundletest.Story, f *forge) {}},
	{"event replaced, signed by another key", "outsider", "signatures authority", func(s *bundletest.Story, f *forge) {
		f.edit(bag.PathEvents, func(l []string) []string {
			l[len(l)-1] = strings.Replace(l[len(l)-1], `"payload":"ey`, `"payload":"ez`, 1)
			return l
		})
	}},
	{"event replaced by one that the device sealed later", "insider", "leaves", func(s *bundletest.Story, f *forge) {
		d := *s.Inspector
		i := f.find(ofType(event.TypeObjectRecorded))
		p := f.payload(f.lines(bag.PathEvents)[i])
		d.Seq, d.Prev = p.Seq-1, p.Prev
		line, _ := d.Make(s.Case, &event.ObjectRecorded{Object: s.Drum, Kind: "barrel", Label: "D-02", Site: s.Site})
		f.edit(bag.PathEvents, func(l []string) []string { l[i] = string(line); return l })
		f.recount()
	}},
	{"event dropped", "insider", "chains", func(s *bundletest.Story, f *forge) {
		f.dropEvent(f.find(ofType(event.TypeObjectRecorded)), 0)
		f.recount()
	}},
	{"event dropped, chain recounted", "insider", "chains", func(s *bundletest.Story, f *forge) {
		f.dropEvent(f.find(ofType(event.TypeObjectRecorded)), 0)
		f.recount()
		f.chain(s.Inspector.ID, func(c *bag.ChainLine) { c.Shown--; c.Outside++ })
	}},
	{"event said not to have arrived", "insider", "", func(s *bundletest.Story, f *forge) {
		i := f.find(ofType(event.TypeObjectRecorded))
		seq := f.payload(f.lines(bag.PathEvents)[i]).Seq
		f.dropEvent(i, 0)
		f.recount()
		f.chain(s.Inspector.ID, func(c *bag.ChainLine) { c.Shown--; c.Missing = [][2]int64{{seq, seq}} })
	}},
	{"event hidden, and not counted", "insider", "chains disclosure", func(s *bundletest.Story, f *forge) {
		f.m.Disclosure.Scope, f.m.Disclosure.Exhibits = bag.Exhibits, []event.Ref{{Kind: "sample", ID: s.Sample}}
		f.dropEvent(f.find(ofType(event.TypeObjectRecorded)), bag.RoleHidden)
		f.recount()
		f.m.Disclosure.Hidden--
	}},
	{"event of the case passed off as one of another", "insider", "chains", func(s *bundletest.Story, f *forge) {
		f.dropEvent(f.find(ofType(event.TypeObjectRecorded)), bag.RoleNeighbour)
		f.recount()
	}},
	{"events reordered", "insider", "leaves", func(s *bundletest.Story, f *forge) {
		f.edit(bag.PathEvents, func(l []string) []string { n := len(l); l[n-1], l[n-2] = l[n-2], l[n-1]; return l })
		f.recount()
	}},
	{"event twice", "insider", "leaves", func(s *bundletest.Story, f *forge) {
		f.edit(bag.PathEvents, func(l []string) []string { return append(l, l[len(l)-1]) })
		f.recount()
	}},
	{"leaf twice", "insider", "leaves", func(s *bundletest.Story, f *forge) {
		f.edit(bag.PathEvents, func(l []string) []string { return append(l, l[len(l)-1]) })
		f.edit(bag.PathLeaves, func(l []string) []string { return append(l, l[len(l)-1]) })
		f.recount()
	}},
	{"time of receipt changed", "insider", "leaves", func(s *bundletest.Story, f *forge) {
		l := f.leaves()
		l[len(l)-2].Leaf.Received -= 3_600_000_000
		f.setLeaves(l)
	}},
	{"leaf at another index", "insider", "leaves", func(s *bundletest.Story, f *forge) {
		l := f.leaves()
		l[1].Index++
		f.setLeaves(slices.Delete(l, 2, 3))
		f.edit(bag.PathEvents, func(l []string) []string { return slices.Delete(l, 2, 3) })
		f.recount()
	}},
	{"enrolment missing", "insider", "enrolments", func(s *bundletest.Story, f *forge) {
		f.dropEvent(f.find(func(p *event.Payload) bool { return p.Type == event.TypeDeviceEnrolled }), 0)
		f.recount()
	}},
	{"genesis missing", "insider", "authority chains", func(s *bundletest.Story, f *forge) {
		f.dropEvent(f.find(ofType(event.TypeAuthorityGenesis)), 0)
		f.recount()
	}},
	{"key file of another key", "insider", "enrolments", func(s *bundletest.Story, f *forge) {
		f.files[bag.KeyPath(event.Digest(s.Inspector.Key.Public().ID()))] = s.Analyst.Key.Public().PEM()
	}},
	{"key file missing", "insider", "enrolments", func(s *bundletest.Story, f *forge) {
		delete(f.files, bag.KeyPath(event.Digest(s.Inspector.Key.Public().ID())))
	}},
	{"key file of a key that is not used", "insider", "enrolments", func(s *bundletest.Story, f *forge) {
		k, err := seal.GenerateKey()
		if err != nil {
			f.t.Fatal(err)
		}
		f.files[bag.KeyPath(event.Digest(k.Public().ID()))] = k.Public().PEM()
	}},
	{"ledger key file of another key", "insider", "checkpoint", func(s *bundletest.Story, f *forge) {
		other := bundletest.New(f.t)
		pem, err := bag.LogPEM(other.LogKey.VerifierText())
		if err != nil {
			f.t.Fatal(err)
		}
		f.files[bag.PathLogPEM] = pem
	}},
	{"ledger key of another ledger", "insider", "checkpoint", func(s *bundletest.Story, f *forge) {
		f.files[bag.PathLogKey] = []byte(bundletest.New(f.t).LogKey.VerifierText() + "\n")
	}},
	{"checkpoint of another ledger with the same name", "insider", "tiles checkpoint", func(s *bundletest.Story, f *forge) {
		w := bundletest.New(f.t)
		for range len(s.Entries) {
			w.Org("lab", "x")
		}
		w.Checkpoint()
		f.files[bag.PathCheckpoint] = w.Notes[w.Newest]
	}},
	{"event of another ledger spliced in", "insider", "signatures", func(s *bundletest.Story, f *forge) {
		o := bundletest.NewStory(bundletest.New(f.t))
		g := openForge(f.t, o.Bundle(o.Options()))
		from, to := g.find(ofType(event.TypeResultsReported)), f.find(ofType(event.TypeResultsReported))
		f.edit(bag.PathEvents, func(l []string) []string { l[to] = g.lines(bag.PathEvents)[from]; return l })
		f.recount()
	}},
	{"tile missing", "insider", "tiles leaves", func(s *bundletest.Story, f *forge) {
		for p := range f.files {
			if strings.HasPrefix(p, "data/ledger/tile/") {
				delete(f.files, p)
			}
		}
	}},
	{"tile changed", "insider", "tiles", func(s *bundletest.Story, f *forge) {
		for p, data := range f.files {
			if strings.HasPrefix(p, "data/ledger/tile/") {
				f.files[p] = slices.Concat([]byte{data[0] ^ 1}, data[1:])
			}
		}
	}},
	{"seen checkpoint without proof", "insider", "seen", func(s *bundletest.Story, f *forge) {
		for p := range f.files {
			if strings.HasSuffix(p, "/consistency") {
				delete(f.files, p)
			}
		}
	}},
	{"seen checkpoint's proof changed", "insider", "seen", func(s *bundletest.Story, f *forge) {
		for p, data := range f.files {
			if strings.HasSuffix(p, "/consistency") {
				f.files[p] = bytes.Replace(data, []byte("\nold "), []byte("\nold 1"), 1)
			}
		}
	}},
	{"chain line missing", "insider", "chains", func(s *bundletest.Story, f *forge) {
		f.edit(bag.PathChains, func(l []string) []string { return l[1:] })
	}},
	{"chain line of nobody", "insider", "chains", func(s *bundletest.Story, f *forge) {
		f.edit(bag.PathChains, func(l []string) []string {
			return append(l, strings.Replace(l[len(l)-1], l[len(l)-1][11:47], "ffffffff-ffff-7fff-8fff-ffffffffffff", 1))
		})
	}},
	{"quarantined bytes changed", "insider", "quarantine", func(s *bundletest.Story, f *forge) {
		f.edit(bag.PathQuarantine, func(l []string) []string { l[0] = strings.Replace(l[0], `"line":"e`, `"line":"f`, 1); return l })
	}},
	{"quarantined line missing", "insider", "leaves", func(s *bundletest.Story, f *forge) {
		f.edit(bag.PathQuarantine, func(l []string) []string { return l[1:] })
	}},
	{"rule pack replaced", "insider", "rules", func(s *bundletest.Story, f *forge) {
		f.files[bag.RulesPath(f.m.Rules)] = []byte("{}")
	}},
	{"rule pack broken", "insider", "rules", func(s *bundletest.Story, f *forge) {
		old := f.files[bag.RulesPath(f.m.Rules)]
		delete(f.files, bag.RulesPath(f.m.Rules))
		f.m.Rules = event.Digest{1}
		f.files[bag.RulesPath(f.m.Rules)] = old
	}},
	{"purpose with a line break", "insider", "manifest", func(s *bundletest.Story, f *forge) { f.m.Purpose = "a\nPayload-Oxum: 1.1" }},
	{"counts of the whole case with something hidden", "insider", "manifest", func(s *bundletest.Story, f *forge) { f.m.Disclosure.Hidden = 1 }},
	{"checkpoint size changed in the manifest", "insider", "checkpoint", func(s *bundletest.Story, f *forge) { f.m.Checkpoint.Size-- }},
	{"authority's name changed in the manifest", "insider", "authority", func(s *bundletest.Story, f *forge) { f.m.Authority.Name = "Another Bureau" }},
	{"genesis index changed in the manifest", "insider", "authority", func(s *bundletest.Story, f *forge) { f.m.Authority.Genesis++ }},
	{"case changed in the manifest", "insider", "disclosure", func(s *bundletest.Story, f *forge) { f.m.Case = s.UUID() }},
}

func TestAttacks(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	b := s.Bundle(s.Options())
	if f := openForge(t, b); !bytes.Equal(mustPass(t, s, f), f.raw) {
		t.Fatal("the forge does not keep the manifest")
	}
	for _, a := range attacks {
		t.Run(a.by+": "+a.name, func(t *testing.T) {
			f := openForge(t, b)
			a.do(s, f)
			switch a.by {
			case "insider":
				f.key = s.Authority.Key
			case "outsider":
				k, err := seal.GenerateKey()
				if err != nil {
					t.Fatal(err)
				}
				f.key, f.m.Authority.Key = k, k.Public().Info()
			}
			v := s.Verify(f.build(), verify.Options{})
			if a.checks != "" {
				fails(t, v, strings.Fields(a.checks)...)
			}
		})
	}
}

// mustPass requires that a bundle taken apart and put together again passes.
func mustPass(t *testing.T, s *bundletest.Story, f *forge) []byte {
	t.Helper()
	f.key = s.Authority.Key
	if v := s.Verify(f.build(), verify.Options{}); v.Result == verify.NotAuthentic {
		t.Fatalf("the forge itself is broken: %s", bundletest.Summary(v))
	}
	return f.raw
}
