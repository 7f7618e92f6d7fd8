package projection

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"fieldseal/sync/store"
)

// Difference is a row of a read model that is not what the events come to. Have
// and Want are the row as text, empty where there is none.
type Difference struct {
	Table      string
	Have, Want string
}

func (d Difference) String() string {
	switch {
	case d.Have == "":
		return fmt.Sprintf("%s: row %s is missing", d.Table, d.Want)
	case d.Want == "":
		return fmt.Sprintf("%s: row %s is too much", d.Table, d.Have)
	}
	return fmt.Sprintf("%s: row %s should be %s", d.Table, d.Have, d.Want)
}

// Compare calls fn with each difference of the read models of two databases,
// which may be of different kinds; an error of fn ends it.
func Compare(have, want *store.Tx, fn func(Difference) error) error {
	for _, t := range tables {
		if err := t.compare(have, want, fn); err != nil {
			return err
		}
	}
	return nil
}

// Dump writes every row of the read models as a line of text, in order of table and key.
func Dump(tx *store.Tx, w io.Writer) error {
	for _, t := range tables {
		for r, err := range t.rows(tx) {
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s %s\n", t.name, r.text()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t table) compare(have, want *store.Tx, fn func(Difference) error) error {
	nextHave, stopHave := iter.Pull2(t.rows(have))
	defer stopHave()
	nextWant, stopWant := iter.Pull2(t.rows(want))
	defer stopWant()
	h, errH, okH := nextHave()
	w, errW, okW := nextWant()
	for okH || okW {
		if errH != nil {
			return errH
		}
		if errW != nil {
			return errW
		}
		order := 0
		switch {
		case !okW:
			order = -1
		case !okH:
			order = 1
		default:
			order = compareKeys(h[:t.key], w[:t.key])
		}
		d := Difference{Table: t.name}
		if order <= 0 {
			d.Have = h.text()
			h, errH, okH = nextHave()
		}
		if order >= 0 {
			d.Want = w.text()
			w, errW, okW = nextWant()
		}
		if d.Have != d.Want {
			if err := fn(d); err != nil {
				return err
			}
		}
	}
	return nil
}

// row is the values of a row: int64, string or []byte.
type row []any

// rows gives a table's rows in order of its key.
func (t table) rows(tx *store.Tx) iter.Seq2[row, error] {
	columns := strings.Split(t.columns, ", ")
	query := "SELECT " + t.columns + " FROM " + t.name + " ORDER BY " + strings.Join(columns[:t.key], ", ")
	return func(yield func(row, error) bool) {
		err := tx.Each(query, nil, func(scan func(...any) error) error {
			r := make(row, len(columns))
			dest := make([]any, len(columns))
			for i := range r {
				dest[i] = &r[i]
			}
			if err := scan(dest...); err != nil {
				return err
			}
			if !yield(r, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && err != errStop {
			yield(nil, err)
		}
	}
}

// errStop ends a query whose reader has seen enough.
var errStop = errors.New("enough")

func (r row) text() string {
	parts := make([]string, len(r))
	for i, v := range r {
		switch v := v.(type) {
		case int64:
			parts[i] = strconv.FormatInt(v, 10)
		case []byte:
			parts[i] = hex.EncodeToString(v)
			if len(v) == 0 {
				parts[i] = "-"
			}
		default:
			parts[i] = fmt.Sprintf("%q", v)
		}
	}
	return strings.Join(parts, " ")
}

func compareKeys(a, b row) int {
	for i := range a {
		var c int
		switch x := a[i].(type) {
		case int64:
			y, _ := b[i].(int64)
			c = cmp.Compare(x, y)
		case []byte:
			y, _ := b[i].([]byte)
			c = bytes.Compare(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return 0
}
