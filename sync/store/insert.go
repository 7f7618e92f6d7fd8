package store

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// The sizes in which many rows are inserted, so that few statements are
// prepared: a statement of 64 rows costs a twentieth of 64 statements.
var insertSizes = [...]int{64, 16, 4, 1}

// maxParams is below what a statement may have in either database (32,766 in
// SQLite, 65,535 in PostgreSQL).
const maxParams = 16384

// Insert adds rows: head is "INSERT INTO table (columns)", tail what follows the
// values ("" or "ON CONFLICT …"), args the values of all rows, one row after another.
func (tx *Tx) Insert(head string, columns int, tail string, args []any) error {
	if columns < 1 || len(args)%columns != 0 {
		return classify(head, fmt.Errorf("%d values are not rows of %d columns", len(args), columns))
	}
	for _, size := range insertSizes {
		if size > 1 && size*columns > maxParams {
			continue
		}
		for len(args) >= size*columns {
			if _, err := tx.Exec(insertText(tx.s.d.name, head, columns, size, tail), args[:size*columns]...); err != nil {
				return err
			}
			args = args[size*columns:]
		}
	}
	return nil
}

type insertKey struct {
	d             Driver
	head, tail    string
	columns, rows int
}

var insertTexts sync.Map

func insertText(d Driver, head string, columns, rows int, tail string) string {
	key := insertKey{d, head, tail, columns, rows}
	if text, ok := insertTexts.Load(key); ok {
		return text.(string)
	}
	var b strings.Builder
	b.WriteString(head + " VALUES ")
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteString("(" + placeholders(d, r*columns+1, columns) + ")")
	}
	b.WriteString(" " + tail)
	text := b.String()
	insertTexts.Store(key, text)
	return text
}

// placeholders is n parameters that follow on first-1 others. SQLite gets
// nameless ones: it looks a name up among all others, which for the six hundred
// of a full insert costs as much as the insert.
func placeholders(d Driver, first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		if d == SQLite {
			b.WriteByte('?')
			continue
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
	return b.String()
}

// maxList is the most values of one list: a query of 256 index searches is short.
const maxList = 256

// In runs a query once for each part of a list that is too long for one
// statement. text has %s where the list goes, behind every fixed argument; a part
// is padded with its last value to a power of two, so that few statements are prepared.
func In[T any](tx *Tx, text string, fixed []any, list []T, value func(T) any, fn func(scan func(dest ...any) error) error) error {
	for len(list) > 0 {
		part := list[:min(len(list), maxList)]
		list = list[len(part):]
		n := 1
		for n < len(part) {
			n *= 2
		}
		args := append(make([]any, 0, len(fixed)+n), fixed...)
		for i := range n {
			args = append(args, value(part[min(i, len(part)-1)]))
		}
		if err := tx.Each(inText(tx.s.d.name, text, len(fixed), n), args, fn); err != nil {
			return err
		}
	}
	return nil
}

type inKey struct {
	d        Driver
	text     string
	fixed, n int
}

var inTexts sync.Map

func inText(d Driver, text string, fixed, n int) string {
	key := inKey{d, text, fixed, n}
	if s, ok := inTexts.Load(key); ok {
		return s.(string)
	}
	s := fmt.Sprintf(text, placeholders(d, fixed+1, n))
	inTexts.Store(key, s)
	return s
}

// Text makes a text fit for a text column: no NUL, which PostgreSQL does not
// take, and valid UTF-8. Both become U+FFFD; the exact bytes are in the event.
func Text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}
