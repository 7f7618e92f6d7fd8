package event

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
)

// A decoder leaves an absent member at its zero value, and so cannot tell a count
// of 0 from no count. Signed evidence must not read the second as the first: a
// shape knows the required members of a struct and finds what is absent.
type shape struct {
	required map[string]bool
	members  map[string]*shape // nested structs, also as elements of lists
}

var shapes = map[reflect.Type]*shape{}

func init() {
	shapeOf(reflect.TypeFor[Payload]())
	shapeOf(reflect.TypeFor[Terms]())
	for _, s := range specs {
		shapeOf(s.body)
	}
}

func shapeOf(t reflect.Type) *shape {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[Payload]().PkgPath() {
		return nil // words, identifiers, decimals: read whole or refused
	}
	if s, ok := shapes[t]; ok {
		return s
	}
	s := &shape{required: map[string]bool{}, members: map[string]*shape{}}
	shapes[t] = s
	for i := range t.NumField() {
		name, opts, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if !strings.Contains(opts, "omit") {
			s.required[name] = true
		}
		if m := shapeOf(t.Field(i).Type); m != nil {
			s.members[name] = m
		}
	}
	return s
}

// missing says which required member is absent in data, or which one is null or
// has its name written with escapes. data has been decoded into a t before and so
// is known to be well-formed JSON without duplicate names; the scanner relies on it
// and costs a fraction of a second parse.
func missing(data []byte, t reflect.Type) error {
	sc := scanner{data: data}
	return sc.value(shapes[t], "")
}

var ends = []byte(" \t\n\r,:]}")

type scanner struct {
	data []byte
	at   int
}

// peek skips white space and separators and returns the next byte.
func (sc *scanner) peek() byte {
	for {
		switch c := sc.data[sc.at]; c {
		case ' ', '\t', '\n', '\r', ',', ':':
			sc.at++
		default:
			return c
		}
	}
}

// text reads a string and returns what stands between its quotes.
func (sc *scanner) text() []byte {
	sc.at++
	start := sc.at
	for ; sc.data[sc.at] != '"'; sc.at++ {
		if sc.data[sc.at] == '\\' {
			sc.at++
		}
	}
	sc.at++
	return sc.data[start : sc.at-1]
}

// value reads one value; s is nil where nothing is required within it.
func (sc *scanner) value(s *shape, path string) error {
	switch sc.peek() {
	case '"':
		sc.text()
	case 'n':
		return fmt.Errorf("%s is null; leave it out instead", orBody(path))
	case '[':
		for sc.at++; sc.peek() != ']'; {
			if err := sc.value(s, path); err != nil {
				return err
			}
		}
		sc.at++
	case '{':
		return sc.object(s, path)
	default: // a number, true or false
		for sc.at < len(sc.data) && bytes.IndexByte(ends, sc.data[sc.at]) < 0 {
			sc.at++
		}
	}
	return nil
}

func (sc *scanner) object(s *shape, path string) error {
	found := 0
	for sc.at++; sc.peek() != '}'; {
		name := sc.text()
		var inner *shape
		if s != nil {
			if s.required[string(name)] {
				found++
			}
			inner = s.members[string(name)]
		}
		here := path
		if inner != nil {
			here = path + "/" + string(name)
		}
		if err := sc.value(inner, here); err != nil {
			return err
		}
	}
	sc.at++
	if s != nil && found < len(s.required) {
		return fmt.Errorf("%s has %d of the %d members that it must have", orBody(path), found, len(s.required))
	}
	return nil
}

func orBody(path string) string {
	if path == "" {
		return "the object"
	}
	return path
}
