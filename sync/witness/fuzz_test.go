package witness

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"fieldseal/sync/witness/witnesstest"
)

// FuzzRequest: whatever is accepted is canonical, and is cosigned only if the log signed it.
func FuzzRequest(f *testing.F) {
	l := witnesstest.New(testOrigin, 5, "a")
	known := Tree{3, witnesstest.New(testOrigin, 3, "a").Root()}
	good := request(l, 3)
	f.Add(good.Marshal())
	f.Add(request(l, 0).Marshal())
	for _, bad := range badRequests(string(good.Marshal())) {
		if len(bad) < 1<<16 {
			f.Add([]byte(bad))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, c, err := ParseRequest(body)
		if err != nil {
			if !errors.Is(err, ErrRequest) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(r.Marshal(), body) || r.Old > c.Size {
			t.Fatalf("%q came back as %q", body, r.Marshal())
		}
		s, err := logs(l).Admit(body)
		if err != nil {
			return
		}
		if s.Checkpoint.Checkpoint != l.Checkpoint().Checkpoint {
			t.Fatalf("a forgery: %q", body)
		}
		if err := s.Decide(known); err == nil && (s.Request.Old != 3 || len(s.Request.Proof) != len(good.Proof)) {
			t.Fatalf("cosigned: %q", body)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	c := witnesstest.New(testOrigin, 5, "a").Checkpoint().Checkpoint
	sig := must(testKey("a").Cosign(c, time.Unix(1, 0)))
	f.Add(MarshalCosignatures(sig, sig))
	f.Add(MarshalSize(12345))
	f.Add([]byte("05\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if sigs, err := ParseCosignatures(body); err == nil && !bytes.Equal(MarshalCosignatures(sigs...), body) {
			t.Fatalf("%q came back as %q", body, MarshalCosignatures(sigs...))
		}
		if n, err := ParseSizeAnswer(body); err == nil && !bytes.Equal(MarshalSize(n), body) {
			t.Fatalf("%q came back as %q", body, MarshalSize(n))
		}
	})
}

func FuzzKeys(f *testing.F) {
	k := testKey("court.example/w")
	f.Add(k.Text())
	f.Add(k.SecretText())
	f.Add("PRIVATE+KEY+")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := ParseVerifier(text); err == nil && v.Text() != text {
			t.Fatalf("%q came back as %q", text, v.Text())
		}
		if k, err := ParseKey(text); err == nil && k.SecretText() != text {
			t.Fatalf("%q came back as another", text)
		}
	})
}
