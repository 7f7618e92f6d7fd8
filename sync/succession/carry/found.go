package carry

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"fieldseal/sync/event"
	"fieldseal/sync/ingest"
	"fieldseal/sync/projection"
	"fieldseal/sync/reconcile"
	"fieldseal/sync/seal"
	"fieldseal/sync/store"
)

// Found is what devices hold of a former log whose database is not whole: lines of
// their archives, in no order. Statements count that the former authority's key has
// sealed; what devices have sealed is judged by the successor as ever.
type Found struct {
	authority  seal.PublicKey
	statements map[int64]*seal.Verified
	lines      map[event.UUID]map[int64][]byte
}

// NewFound looks for what is sealed by the former authority's key.
func NewFound(authority seal.PublicKey) *Found {
	return &Found{authority: authority, statements: map[int64]*seal.Verified{}, lines: map[event.UUID]map[int64][]byte{}}
}

// DeviceKey implements seal.Keys: whoever says so, only the authority's key will do.
func (f *Found) DeviceKey(event.UUID) (seal.PublicKey, bool, error) { return f.authority, true, nil }

// archiveLines are the members of a device's archive that hold verified envelopes.
var archiveLines = []string{"events.ndjson", "pulled.ndjson", "carried.ndjson"}

// AddArchive takes up the archive of a device (fieldkit export archive).
func (f *Found) AddArchive(r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	found := false
	for _, file := range z.File {
		if !slices.Contains(archiveLines, file.Name) {
			continue
		}
		found = true
		body, err := file.Open()
		if err != nil {
			return err
		}
		if err := errors.Join(f.addLines(body), body.Close()); err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
	}
	if !found {
		return errors.New("it is not an archive of a device (fieldkit export archive)")
	}
	return nil
}

func (f *Found) addLines(r io.Reader) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, seal.MaxLine+1)
	for sc.Scan() {
		line := bytes.Clone(sc.Bytes())
		v, refusal, err := seal.Verify(line, f)
		if err != nil {
			return err
		}
		if refusal == nil {
			f.statements[v.Payload().Seq] = v
			continue
		}
		if p := refusal.Claimed; p.Seq > 0 && !p.Device.IsZero() {
			if f.lines[p.Device] == nil {
				f.lines[p.Device] = map[int64][]byte{}
			}
			f.lines[p.Device][p.Seq] = line
		}
	}
	return sc.Err()
}

// Genesis is what the former authority stated of itself; nil where no archive has it.
func (f *Found) Genesis() *event.AuthorityGenesis {
	if v := f.statements[1]; v != nil {
		b, _ := v.Body().(*event.AuthorityGenesis)
		return b
	}
	return nil
}

// Further states anew what was found beyond what the former log's database has, and
// hands in the lines of devices; Over comes before. What is stated in cases, which
// devices have opened, comes after their lines, and so do revocations, since when
// each was made among the lines is not known any more. What contradicts what is there
// is left out and told in Summary.Refused.
func Further(ctx context.Context, cfg Config, sum *Summary, f *Found) error {
	c := &carrier{Config: cfg, ctx: ctx, sum: sum}
	g := f.Genesis()
	if g == nil {
		return fmt.Errorf("%w: no archive has the genesis of its authority", ErrFormer)
	}
	c.origin, c.former = g.LogOrigin, f.statements[1].Payload().Device
	var last []*seal.Verified
	for _, seq := range slices.Sorted(maps.Keys(f.statements)) {
		v := f.statements[seq]
		switch {
		case seq <= sum.authoritySeq:
		case v.Payload().Type == event.TypeDeviceRevoked || !v.Payload().Case.IsZero():
			last = append(last, v)
		default:
			if err := c.further(v); err != nil {
				return err
			}
		}
	}
	if err := c.furtherLines(f); err != nil {
		return err
	}
	for _, v := range last {
		if err := c.further(v); err != nil {
			return err
		}
	}
	return nil
}

// further states one statement anew.
func (c *carrier) further(v *seal.Verified) error {
	if err := c.restate(*v.Payload(), v.Body(), v.ID()); err != nil {
		return err
	}
	if len(c.drafts) == 0 {
		return nil
	}
	_, err := c.To.Author(c.ctx, c.drafts...)
	c.drafts = c.drafts[:0]
	if errors.Is(err, ingest.ErrConflict) {
		c.sum.Statements[v.Payload().Type]--
		c.sum.Refused = append(c.sum.Refused, fmt.Sprintf("%s of the former log: %v", v.Payload().Type, err))
		return nil
	}
	return err
}

// furtherLines hands in the lines of devices that the successor has enrolled.
func (c *carrier) furtherLines(f *Found) error {
	devices := slices.SortedFunc(maps.Keys(f.lines), func(a, b event.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range devices {
		known := false
		err := c.Store.Read(c.ctx, func(tx *store.Tx) (err error) {
			_, known, err = projection.DeviceByID(tx, id)
			return err
		})
		if err != nil {
			return err
		}
		if !known {
			continue
		}
		for part := range slices.Chunk(slices.Sorted(maps.Keys(f.lines[id])), pageRows) {
			lines := make([][]byte, len(part))
			for i, seq := range part {
				lines[i] = f.lines[id][seq]
			}
			receipt, err := c.To.Submit(c.ctx, lines, event.UUID{})
			if err != nil {
				return err
			}
			for _, r := range receipt.Results {
				switch r.Status {
				case reconcile.Accepted:
					c.sum.Lines++
				case reconcile.Quarantined:
					c.sum.Refused = append(c.sum.Refused, fmt.Sprintf("event %s of device %s: %s", r.ID, id, cmp.Or(r.Detail, string(r.Code))))
				}
			}
		}
	}
	return nil
}
