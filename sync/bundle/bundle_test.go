package bundle_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"fieldseal/sync/bundle"
	"fieldseal/sync/bundle/bag"
	"fieldseal/sync/bundle/bundletest"
	"fieldseal/sync/bundle/verify"
	"fieldseal/sync/custody"
	"fieldseal/sync/event"
	"fieldseal/sync/ledger"
	"fieldseal/sync/seal"
)

// passes requires that a verdict is not "not authentic".
func passes(t *testing.T, v *verify.Verdict) *verify.Verdict {
	t.Helper()
	if v.Result == verify.NotAuthentic {
		t.Fatal(bundletest.Summary(v))
	}
	return v
}

func limit(v *verify.Verdict, code string) bool {
	return slices.ContainsFunc(v.Limits, func(l verify.Limit) bool { return l.Code == code })
}

func noted(v *verify.Verdict, code string) bool {
	return slices.ContainsFunc(v.Notes, func(n verify.Note) bool { return n.Code == code })
}

func defect(v *verify.Verdict, code custody.Code) bool {
	return v.Record != nil && slices.ContainsFunc(v.Record.Defects, func(d custody.Defect) bool { return d.Code == code })
}

// TestAuthentic: a case in which nothing is wrong.
func TestAuthentic(t *testing.T) {
	w := bundletest.New(t)
	org := w.Org("environment", "Bureau")
	d := w.Enrol(org, w.Person(org, "Li Wei", event.RoleInspector))
	seen := w.Checkpoint()
	d.Seen = &seen
	d.Seal(w.Case, &event.CaseOpened{Number: "1", Title: "Case", Authority: "Bureau"})
	w.Checkpoint()
	if v := w.Verify(w.Bundle(w.Options()), verify.Options{}); v.Result != verify.Authentic {
		t.Error(bundletest.Summary(v))
	}
}

func TestWholeCase(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	v := passes(t, s.Verify(s.Bundle(s.Options()), verify.Options{}))
	if v.Result != verify.AuthenticWithDefects || !defect(v, "MEDIA_MISSING") || !defect(v, "LEDGER_FORK_OR_GAP") || len(v.Failures) != 0 {
		t.Error(bundletest.Summary(v))
	}
	d := v.Bundle.Disclosure
	if d.Scope != bag.WholeCase || d.Hidden != 0 || d.Shown != 14 || d.ShownQuarantine != 2 || d.Context != 11 {
		t.Errorf("disclosure is %+v", d)
	}
	for _, c := range v.Checks {
		if c.Count == 0 && c.Name != "revocations" && c.Name != "trust" && c.Name != "tokens" && c.Name != "witnesses" && c.Name != "former" {
			t.Errorf("check %s has passed over nothing", c.Name)
		}
	}
	if len(v.Media) != 2 || v.Media[0].State == v.Media[1].State {
		t.Errorf("media: %+v", v.Media)
	}
	if !limit(v, "KEY_NOT_PINNED") || !limit(v, "COMPLETENESS_STATED") || !limit(v, "BEFORE_REGISTRATION") || !limit(v, "QUARANTINE_REASONS") {
		t.Errorf("limits: %+v", v.Limits)
	}
	if v.Record.Case.Number != "2026-HW-017" || v.Record.Hidden {
		t.Errorf("record: %+v", v.Record.Case)
	}
	if len(v.Quarantine) != 2 || v.Quarantine[0].Found != string(seal.CodeMalformedEnvelope) || v.Quarantine[1].Found != "" {
		t.Errorf("quarantine: %+v", v.Quarantine)
	}
	if len(v.Record.Amendments) != 1 || !v.Record.Amendments[0].Applied {
		t.Errorf("the amendment was not applied: %+v", v.Record.Amendments)
	}
}

// TestRecord: the server, the writer and the verifier come to the same record.
func TestRecord(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	v := passes(t, s.Verify(s.Bundle(s.Options()), verify.Options{}))
	r, size, err := bundle.Record(t.Context(), s.Source(), s.Case)
	if err != nil {
		t.Fatal(err)
	}
	a, err := verify.RecordJSON(v.Record)
	if err != nil {
		t.Fatal(err)
	}
	b, err := verify.RecordJSON(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) || size != s.Newest {
		t.Errorf("at size %d the records differ:\n%s\n%s", size, a, b)
	}
	if _, _, err := bundle.Record(t.Context(), s.Source(), s.UUID()); !errors.Is(err, bundle.ErrOptions) {
		t.Errorf("an unknown case: %v", err)
	}
}

func TestTrust(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	other := bundletest.New(t)
	b := s.Bundle(s.Options())
	for name, c := range map[string]struct {
		o    verify.Options
		pass bool
	}{
		"this ledger":      {verify.Options{TrustedLogKeys: []string{s.LogKey.VerifierText()}}, true},
		"this authority":   {verify.Options{TrustedAuthorities: []event.Digest{event.Digest(s.Authority.Key.Public().ID())}}, true},
		"another ledger":   {verify.Options{TrustedLogKeys: []string{other.LogKey.VerifierText()}}, false},
		"one of several":   {verify.Options{TrustedLogKeys: []string{other.LogKey.VerifierText(), s.LogKey.VerifierText()}}, true},
		"other authority":  {verify.Options{TrustedAuthorities: []event.Digest{{1}}}, false},
		"foreign bundle":   {verify.Options{TrustedLogKeys: []string{other.LogKey.VerifierText()}}, false},
		"nothing is given": {verify.Options{}, true},
	} {
		v := s.Verify(b, c.o)
		if c.pass != (v.Result != verify.NotAuthentic) {
			t.Errorf("%s: %s", name, bundletest.Summary(v))
		}
		if !c.pass {
			fails(t, v, "trust")
		}
		if pinned := c.pass && len(c.o.TrustedLogKeys)+len(c.o.TrustedAuthorities) > 0; v.Bundle.Pinned != pinned || limit(v, "KEY_NOT_PINNED") == pinned {
			t.Errorf("%s: pinned is %v", name, v.Bundle.Pinned)
		}
	}
	if _, err := verify.Verify(context.Background(), bytes.NewReader(b), int64(len(b)), verify.Options{TrustedLogKeys: []string{"nonsense"}}); err == nil {
		t.Error("a trusted key that cannot be read is passed over")
	}
}

// TestExhibit discloses one sample: all that concerns it is there, and of the
// other sample nothing.
func TestExhibit(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	o := s.Options()
	o.Exhibits = []event.Ref{{Kind: "sample", ID: s.Sample}}
	b := s.Bundle(o)
	v := passes(t, s.Verify(b, verify.Options{}))
	if d := v.Bundle.Disclosure; d.Hidden != 2 || d.Shown != 12 || d.HiddenQuarantine != 2 || d.ShownQuarantine != 0 {
		t.Errorf("disclosure is %+v", d)
	}
	if !limit(v, "NOT_ALL_SHOWN") || !v.Record.Hidden || len(v.Record.NotShown) == 0 || defect(v, "MEDIA_MISSING") {
		t.Error("the verdict does not tell what is hidden from what is wrong:", bundletest.Summary(v))
	}
	f := openForge(t, b)
	for _, line := range f.lines(bag.PathEvents) {
		if p := f.payload(line); strings.Contains(string(p.Body), "S-0002") || strings.Contains(string(p.Body), s.Sample2.String()) {
			t.Errorf("a hidden exhibit shows in %s", p.Body)
		}
	}
	for path, data := range f.files {
		if bytes.Contains(data, []byte("S-0002")) || bytes.Contains(data, []byte(s.Sample2.String())) || bytes.Contains(data, []byte(s.MissingPhoto.SHA256.String())) {
			t.Errorf("a hidden exhibit shows in %s", path)
		}
	}
	o.Exhibits = []event.Ref{{Kind: "sample", ID: s.UUID()}}
	if _, err := bundle.Prepare(t.Context(), s.Source(), o); !errors.Is(err, bundle.ErrOptions) {
		t.Errorf("an exhibit that is not there: %v", err)
	}
	if v := s.Verify(b, verify.Options{}); v.Result != s.Verify(b, verify.Options{Workers: 3}).Result {
		t.Error("the number of workers changes the verdict")
	}
}

func TestSameContentsSameBytes(t *testing.T) {
	s := bundletest.NewStory(bundletest.NewFixed(t))
	o := s.Options()
	a := s.Bundle(o)
	if b := s.Bundle(o); !bytes.Equal(a, b) {
		t.Error("the same case gave two different bundles")
	}
	p, err := bundle.Prepare(t.Context(), s.Source(), o)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var out bytes.Buffer
		if n, err := p.WriteTo(&out); err != nil || n != p.Summary().Length || !bytes.Equal(out.Bytes(), a) {
			t.Fatalf("WriteTo: %d bytes, %v", n, err)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// TestFormatStands: the parts of a bundle that other programs read, for a case
// whose keys and times are the same in every run. A change of one of these
// digests is a change of the format, and bundles exist that have this one.
func TestFormatStands(t *testing.T) {
	s := bundletest.NewStory(bundletest.NewFixed(t))
	f := openForge(t, s.Bundle(s.Options()))
	for path, want := range map[string]string{
		bag.PathEvents:     "3f39a2d655226d85db290940ea695467a1de537b764b3394ebbfe17bbbfc8c76",
		bag.PathQuarantine: "7494e7b43fa0ba2c364796fca67512a9ccdb531bb15cd31501713590c1b7c39e",
		bag.PathLeaves:     "881ba0e91f3eceb2132dbaf2b809f17b31729916fbb6feac54a1cc0630c92918",
		bag.PathChains:     "44a3ac62f712b1a95c25318f2627120dca9591928f2ffb311d50ada393a9d71d",
		bag.PathMedia:      "1bdaeffb3b8ef737c89bead656f7044f333b9ac514c877198235c2aeb420964a",
		bag.PathCheckpoint: "b4e859e5d05a5ae5634644a71b8b497830bbb8d9b0d7ef042318aabc51cc2548",
		bag.PathLogKey:     "24f1c6d6ada3e7a4bbab1d8045eb371c44ceb5b23eba89d09806ff2736fb684e",
		bag.PathLogPEM:     "c38bd1e7d6607bf7785929b0cdf8e2d20d33583e8a8f6cde37b9b6f412583978",
	} {
		if got := event.Digest(sha256.Sum256(f.files[path])).String(); got != want {
			t.Errorf("%s has digest %s, had %s", path, got, want)
		}
	}
}

func TestWithoutMedia(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	o := s.Options()
	o.WithoutMedia = true
	v := passes(t, s.Verify(s.Bundle(o), verify.Options{}))
	if !slices.ContainsFunc(v.Media, func(m verify.Media) bool { return m.State == bag.MediaWithheld && m.SHA256 == s.Photo.SHA256 }) {
		t.Errorf("media: %+v", v.Media)
	}
}

// TestLimitsOfWhatCanBeFound: what an authority that lies can get away with, so
// that the verdict has to say so.
func TestLimitsOfWhatCanBeFound(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	f := openForge(t, s.Bundle(s.Options()))
	f.key = s.Authority.Key
	i := f.find(func(p *event.Payload) bool { return p.Type == event.TypeResultsReported }) // the last of its chain
	f.dropEvent(i, 0)
	f.recount()
	f.chain(s.Analyst.ID, func(c *bag.ChainLine) { c.Shown--; c.Outside++ })
	if v := passes(t, s.Verify(f.build(), verify.Options{})); !limit(v, "COMPLETENESS_STATED") {
		t.Error("the verdict does not say that completeness is only stated")
	}
}

// TestArrival: events arrive in any order, and some not at all.
func TestArrival(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	first, _ := s.Inspector.Make(s.Case, &event.NoteWritten{Text: "first"})
	second, _ := s.Inspector.Make(s.Case, &event.NoteWritten{Text: "second"})
	s.Accept(second)
	s.Accept(first)
	s.Checkpoint()
	passes(t, s.Verify(s.Bundle(s.Options()), verify.Options{}))

	s.Inspector.Make(s.Case, &event.NoteWritten{Text: "lost"})
	s.Inspector.Seal(s.Case, &event.NoteWritten{Text: "after the lost one"})
	s.Inspector.Seal(s.UUID(), &event.NoteWritten{Text: "of another case"})
	s.Inspector.Seal(s.Case, &event.NoteWritten{Text: "and on"})
	s.Checkpoint()
	v := passes(t, s.Verify(s.Bundle(s.Options()), verify.Options{}))
	if !defect(v, "EVENT_PENDING") {
		t.Error("nothing says that an event has not arrived:", bundletest.Summary(v))
	}
}

// TestServerThatErrs: what a server accepted that it should have refused.
func TestServerThatErrs(t *testing.T) {
	note := func(s string) *event.NoteWritten { return &event.NoteWritten{Text: s} }
	for name, c := range map[string]struct {
		checks string
		do     func(s *bundletest.Story)
	}{
		"revoked key": {"revocations", func(s *bundletest.Story) {
			s.Revoke(s.Inspector)
			s.Inspector.Seal(s.Case, note("after"))
		}},
		"broken chain": {"chains", func(s *bundletest.Story) {
			s.Inspector.Prev = event.ID{9}
			s.Inspector.Seal(s.Case, note("follows nothing"))
		}},
		"authority's type by a device": {"signatures", func(s *bundletest.Story) {
			s.Inspector.Seal(s.Case, &event.CaseGranted{Grant: s.UUID(), Org: s.UUID(), Right: "write", Reason: "I say so"})
		}},
		"checkpoint never signed": {"seen", func(s *bundletest.Story) {
			s.Inspector.Seen = &event.Seen{Origin: bundletest.Origin, Size: 5, Root: event.Root{5}}
			s.Inspector.Seal(s.Case, note("saw another ledger"))
		}},
		"ledger rolled back": {"seen", func(s *bundletest.Story) {
			s.Inspector.Seen = &event.Seen{Origin: bundletest.Origin, Size: 5000, Root: event.Root{5}}
			s.Inspector.Seal(s.Case, note("saw a longer ledger"))
		}},
		"empty ledger with a root": {"seen", func(s *bundletest.Story) {
			s.Inspector.Seen = &event.Seen{Origin: bundletest.Origin, Size: 0, Root: event.Root{5}}
			s.Inspector.Seal(s.Case, note("saw nothing"))
		}},
		"genesis of another enrolment": {"enrolments", func(s *bundletest.Story) {
			d := s.Register(s.UUID(), s.UUID())
			d.Seal(event.UUID{}, &event.DeviceGenesis{Enrolment: event.ID{3}, Key: event.Digest(d.Key.Public().ID()), Origin: bundletest.Origin})
			d.Seal(s.Case, note("x"))
		}},
		"a number twice": {"chains", func(s *bundletest.Story) {
			d := *s.Inspector
			d.Seq--
			d.Seal(s.Case, note("a fork that was accepted"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := bundletest.NewStory(bundletest.New(t))
			c.do(s)
			s.Checkpoint()
			fails(t, s.Verify(s.Bundle(s.Options()), verify.Options{}), strings.Fields(c.checks)...)
		})
	}
}

// TestOddButTrue: what looks odd and does not make a bundle less authentic.
func TestOddButTrue(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	s.Inspector.Seen = &event.Seen{Origin: "ledger.test/old", Size: 17, Root: event.Root{1}}
	s.Inspector.Seal(s.Case, &event.NoteWritten{Text: "saw another ledger before"})
	again := *s.Analyst
	key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	s.Authority.Seal(event.UUID{}, &event.DeviceEnrolled{Device: again.ID, Key: key.Public().Info(), Person: again.Person, Org: again.Org, Code: event.Digest{1}, Proof: []byte("none")})
	good, _ := s.Analyst.Make(s.UUID(), &event.NoteWritten{Text: "in order"})
	s.Quarantine(good, seal.LayerSignature, seal.CodeBadSignature, "says the authority")
	s.Checkpoint()
	v := passes(t, s.Verify(s.Bundle(s.Options()), verify.Options{}))
	for _, code := range []string{"SEEN_OTHER_LOG", "ENROLMENT_WITHOUT_EFFECT", "ENROLMENT_PROOF", "QUARANTINE_REASON"} {
		if !noted(v, code) {
			t.Errorf("no note says %s: %+v", code, v.Notes)
		}
	}
}

// TestSourceFaults: a store that is damaged gives no bundle.
func TestSourceFaults(t *testing.T) {
	for name, c := range map[string]func(s *bundletest.Story, src *bundletest.Source){
		"media changed": func(s *bundletest.Story, src *bundletest.Source) { s.Files[s.Photo.SHA256] = []byte("changed") },
		"leaf changed": func(s *bundletest.Story, src *bundletest.Source) {
			src.Change = func(e bundle.Event) *bundle.Event {
				if e.Index == 13 {
					e.Leaf.Received++
				}
				return &e
			}
		},
		"genesis lost": func(s *bundletest.Story, src *bundletest.Source) {
			src.Change = func(e bundle.Event) *bundle.Event {
				if e.Index == 0 {
					return nil
				}
				return &e
			}
		},
		"enrolments lost": func(s *bundletest.Story, src *bundletest.Source) {
			src.Change = func(e bundle.Event) *bundle.Event {
				if e.Leaf.Kind == ledger.KindEnrolment {
					return nil
				}
				return &e
			}
		},
		"order lost": func(s *bundletest.Story, src *bundletest.Source) {
			src.Change = func(e bundle.Event) *bundle.Event {
				if e.Index > 5 {
					e.Index = 5
				}
				return &e
			}
		},
		"line unreadable": func(s *bundletest.Story, src *bundletest.Source) {
			src.Change = func(e bundle.Event) *bundle.Event {
				if e.Index == 13 {
					e.Line = []byte("{}")
				}
				return &e
			}
		},
		"line of another event": func(s *bundletest.Story, src *bundletest.Source) {
			src.Change = func(e bundle.Event) *bundle.Event {
				if e.Index == 13 {
					e.Line = s.Entries[14].Line
				}
				return &e
			}
		},
		"checkpoint of another key": func(s *bundletest.Story, src *bundletest.Source) {
			o := bundletest.New(t)
			o.Checkpoint()
			s.Notes[s.Newest] = o.Notes[o.Newest]
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := bundletest.NewStory(bundletest.New(t))
			src := s.Source()
			c(s, src)
			sum, err := bundle.Write(t.Context(), io.Discard, src, s.Options())
			if !errors.Is(err, bundle.ErrSource) {
				t.Errorf("%v, %+v", err, sum)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	s := bundletest.NewStory(bundletest.New(t))
	for name, change := range map[string]func(*bundle.Options){
		"no bundle":     func(o *bundle.Options) { o.Bundle = event.UUID{} },
		"no case":       func(o *bundle.Options) { o.Case = event.UUID{} },
		"no time":       func(o *bundle.Options) { o.Made = s.Now.AddDate(-3000, 0, 0) },
		"unknown case":  func(o *bundle.Options) { o.Case = s.UUID() },
		"long purpose":  func(o *bundle.Options) { o.Purpose = strings.Repeat("x", 2000) },
		"two lines":     func(o *bundle.Options) { o.Purpose = "a\nb" },
		"language":      func(o *bundle.Options) { o.Language = "fr" },
		"many exhibits": func(o *bundle.Options) { o.Exhibits = make([]event.Ref, bag.MaxExhibits+1) },
	} {
		o := s.Options()
		change(&o)
		if _, err := bundle.Write(t.Context(), io.Discard, s.Source(), o); !errors.Is(err, bundle.ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
