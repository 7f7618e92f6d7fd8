package ingest_test

import (
	"context"
	"errors"
	"testing"

	"fieldseal/sync/ingest"
	"fieldseal/sync/ingest/ingesttest"
	"fieldseal/sync/ledger"
	"fieldseal/sync/store"
)

// cosign puts a second signature line under a checkpoint. That the engine asks
// no more of it is its contract: witnesses' keys are the caller's.
func cosign(t *testing.T, signed *ledger.SignedCheckpoint) string {
	t.Helper()
	witness, err := ledger.GenerateKey("witness.test/a")
	if err != nil {
		t.Fatal(err)
	}
	sig, err := witness.Sign([]byte(signed.Text()))
	if err != nil {
		t.Fatal(err)
	}
	both, err := signed.WithSignature(ledger.Signature{Name: witness.Name(), KeyHash: witness.KeyHash(), Sig: sig}, witness.Verifier())
	if err != nil {
		t.Fatal(err)
	}
	return string(both.Note())
}

func TestCosignedCheckpointsAndTokens(t *testing.T) {
	w, other := ingesttest.New(t), ingesttest.New(t)
	ctx := context.Background()
	signed, err := w.Engine.Signed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	note := cosign(t, signed)
	for range 2 {
		if err := w.Engine.AddCosigned(ctx, note); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := w.Engine.AddToken(ctx, []byte(note), ingest.Token{Authority: "one", Token: []byte("a token"), Chain: []byte("certificates")}); err != nil {
			t.Fatal(err)
		}
	}
	// Also after the log has grown: an authority takes its time.
	w.Submit(w.AddDevice().Genesis())
	if err := w.Engine.AddToken(ctx, signed.Note(), ingest.Token{Authority: "two", Token: []byte("over the log's own note")}); err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Engine.Signed(ctx)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := ledger.Sign(ledger.Checkpoint{Origin: ingesttest.Origin, Size: signed.Size, Root: ledger.Hash{1}}, w.LogKey)
	if err != nil {
		t.Fatal(err)
	}
	ahead, err := ledger.Sign(ledger.Checkpoint{Origin: ingesttest.Origin, Size: signed.Size + 9, Root: signed.Root}, w.LogKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{"nonsense": "x", "only the log": string(signed.Note()), "another log": cosign(t, foreign), "another root": cosign(t, forged), "the future": cosign(t, ahead)} {
		if err := w.Engine.AddCosigned(ctx, bad); !errors.Is(err, ingest.ErrForeignCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, err := range map[string]error{"no note": w.Engine.AddToken(ctx, []byte("x"), ingest.Token{Token: []byte("y")}), "no token": w.Engine.AddToken(ctx, []byte(note), ingest.Token{}),
		"a huge token":        w.Engine.AddToken(ctx, []byte(note), ingest.Token{Token: make([]byte, ingest.MaxToken+1)}),
		"huge certificates":   w.Engine.AddToken(ctx, []byte(note), ingest.Token{Token: []byte("y"), Chain: make([]byte, ingest.MaxToken+1)}),
		"another root":        w.Engine.AddToken(ctx, forged.Note(), ingest.Token{Token: []byte("y")}),
		"the future":          w.Engine.AddToken(ctx, ahead.Note(), ingest.Token{Token: []byte("y")}),
		"another log":         w.Engine.AddToken(ctx, foreign.Note(), ingest.Token{Token: []byte("y")}),
		"a note nobody keeps": w.Engine.AddToken(ctx, []byte(cosign(t, signed)), ingest.Token{Token: []byte("y")})} {
		if !errors.Is(err, ingest.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.Submit(w.AddDevice().Genesis())
	w.Read(func(tx *store.Tx) error {
		got, found, err := ingest.Cosigned(tx)
		if got != note || !found || err != nil {
			t.Errorf("%q %v %v", got, found, err)
		}
		tokens, err := ingest.Tokens(tx, int64(signed.Size), int64(signed.Size))
		if len(tokens) != 2 || tokens[0].Size != int64(signed.Size) || tokens[0].Authority != "one" || string(tokens[0].Chain) != "certificates" || tokens[0].Note != digest([]byte(note)) {
			t.Errorf("%+v", tokens)
		}
		return err
	})
	w.Fsck()
}
