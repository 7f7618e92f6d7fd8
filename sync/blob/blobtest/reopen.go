package blobtest

import (
	"bytes"
	"testing"

	"fieldseal/sync/blob"
)

// RunReopenTests checks that nothing acknowledged depends on the process. begin
// makes an empty store and returns a function that opens it, as often as asked;
// an earlier one is then no longer used.
func RunReopenTests(t *testing.T, begin func(t *testing.T) (reopen func() blob.Store)) {
	t.Run("resume in a new process after every chunk", func(t *testing.T) {
		reopen := begin(t)
		data := Bytes(700_001, 30)
		up := create(t, reopen(), data)
		for at := int64(0); at < int64(len(data)); {
			n := min(int64(99_991), int64(len(data))-at)
			s := reopen()
			wantUpload(t, s, up.ID, blob.Open, at, false)
			send(t, s, up.ID, at, data[at:at+n])
			at += n
		}
		_, err := reopen().Finish(ctx, up.ID)
		must(t, err)
		wantHeld(t, reopen(), data)
	})
	t.Run("every state is remembered", func(t *testing.T) {
		reopen := begin(t)
		data := [][]byte{Bytes(10, 31), Bytes(10, 32), Bytes(10, 33), Bytes(10, 34)}
		var ids []blob.UploadID
		for _, b := range data {
			up := create(t, reopen(), b)
			ids = append(ids, up.ID)
		}
		send(t, reopen(), ids[0], 0, data[0])
		send(t, reopen(), ids[1], 0, data[1][:5])
		send(t, reopen(), ids[2], 0, bytes.Repeat([]byte{'!'}, 10))
		send(t, reopen(), ids[3], 0, data[3])
		_, err := reopen().Finish(ctx, ids[0])
		must(t, err)
		must(t, reopen().Abandon(ctx, ids[1], "expired"))
		_, err = reopen().Finish(ctx, ids[2])
		wantAs[*blob.MismatchError](t, err)
		s := reopen()
		wantUpload(t, s, ids[0], blob.Arrived, 10, false)
		wantUpload(t, s, ids[1], blob.Abandoned, 5, false)
		wantUpload(t, s, ids[2], blob.Quarantined, 10, false)
		wantUpload(t, s, ids[3], blob.Open, 10, false)
		if n := len(list(t, s)); n != 4 {
			t.Fatalf("%d uploads are listed, want 4", n)
		}
		must(t, s.Settle(ctx, ids[0]))
		must(t, s.Settle(ctx, ids[2]))
		s = reopen()
		wantUpload(t, s, ids[0], blob.Arrived, 10, true)
		wantUpload(t, s, ids[2], blob.Quarantined, 10, true)
	})
}
