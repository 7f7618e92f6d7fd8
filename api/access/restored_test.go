package access

import (
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/event/eventtest"
	"fieldseal/sync/seal"
)

// Nothing that was open in an older copy opens anything after it was restored;
// a spent code still answers the device that spent it, and passwords stay.
func TestRestored(t *testing.T) {
	b, _ := open(t)
	person := eventtest.UUID(11)
	if err := b.SetPassword(ctx, person, "a long enough phrase"); err != nil {
		t.Fatal(err)
	}
	refresh, _, err := b.Open(ctx, Identity{Person: person, Scope: ScopeFull})
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := b.Challenge(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	for range 2 {
		code, _, err := b.IssueCode(ctx, person, person, 0)
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
	}
	key := seal.KeyID{1}
	_, device, err := b.SpendCode(ctx, codes[0], key)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := Restored(ctx, b.Store); err != nil || n != 1 {
		t.Fatalf("%d codes ended, %v", n, err)
	}
	if _, _, err := b.Refresh(ctx, refresh); !IsRefusal(err) {
		t.Errorf("a session of the backup goes on: %v", err)
	}
	if err := b.Spend(ctx, nonce, event.UUID{}); !IsRefusal(err) {
		t.Errorf("a challenge of the backup is open: %v", err)
	}
	if _, _, err := b.SpendCode(ctx, codes[1], key); !IsRefusal(err) {
		t.Errorf("a code that was open in the backup: %v", err)
	}
	if _, again, err := b.SpendCode(ctx, codes[0], key); err != nil || again != device {
		t.Errorf("the code that this key had spent: %v, %v", again, err)
	}
	if err := b.CheckPassword(ctx, person, "a long enough phrase"); err != nil {
		t.Error(err)
	}
}
