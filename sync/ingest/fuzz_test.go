package ingest_test

import (
	"context"
	"testing"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest/ingesttest"
)

// FuzzSubmit: whatever bytes are handed in, there is one answer for them, the same
// again, and they are in the log.
func FuzzSubmit(f *testing.F) {
	w := ingesttest.New(f)
	d := w.AddDevice()
	genesis := d.Genesis()
	id, open := d.OpenCase("F-1")
	w.Submit(genesis, open)
	note := d.Note(id, "never submitted as it is")
	for _, seed := range [][]byte{genesis, note, d.Sample(id, "S-1"), nil, []byte("{}"), []byte("null"), note[:len(note)/2], append([]byte(" "), note...), append(note, '\n'),
		d.SealBytes([]byte(`{"v":1}`)), d.SealBytes([]byte(`{"v":2,"device":"` + d.ID.String() + `","seq":3}`)), d.SealBytes(nil)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		first, err := w.Engine.Submit(context.Background(), [][]byte{line}, event.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.Engine.Submit(context.Background(), [][]byte{line, line}, event.UUID{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range again.Results {
			if err := same(r, first.Results[0]); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Engine.LeafAt(context.Background(), first.Results[0].Index); err != nil {
			t.Fatal(err)
		}
	})
}
