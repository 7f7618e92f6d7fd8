package decimal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrJSON: the JSON value is not exactly {"n":integer,"s":integer}.
var ErrJSON = errors.New(`not a decimal object {"n":integer,"s":0..18}`)

var (
	_ json.MarshalerTo     = Decimal{}
	_ json.UnmarshalerFrom = (*Decimal)(nil)
)

// AppendJSON appends the one JSON form of a valid d to b.
func (d Decimal) AppendJSON(b []byte) []byte {
	b = append(b, `{"n":`...)
	b = strconv.AppendInt(b, d.N, 10)
	b = append(b, `,"s":`...)
	b = strconv.AppendUint(b, uint64(d.S), 10)
	return append(b, '}')
}

// MarshalJSON is for encoding/json; ErrScale when d is not valid.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if err := d.Valid(); err != nil {
		return nil, err
	}
	return d.AppendJSON(make([]byte, 0, 40)), nil
}

// MarshalJSONTo is for go-json-experiment/json; ErrScale when d is not valid.
func (d Decimal) MarshalJSONTo(enc *jsontext.Encoder) error {
	b, err := d.MarshalJSON()
	if err != nil {
		return err
	}
	return enc.WriteValue(b)
}

// UnmarshalJSON is for encoding/json; as strict as UnmarshalJSONFrom.
func (d *Decimal) UnmarshalJSON(b []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(b))
	v := Decimal{}
	if err := v.UnmarshalJSONFrom(dec); err != nil {
		return err
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return fmt.Errorf("%w: more follows the object", ErrJSON)
	}
	*d = v
	return nil
}

// UnmarshalJSONFrom is for go-json-experiment/json. It is strict whatever the
// decoder's options are, and leaves d as it was on an error.
func (d *Decimal) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	if tok.Kind() != '{' {
		return fmt.Errorf("%w: got %s", ErrJSON, tok.Kind())
	}
	var v Decimal
	var seenN, seenS bool
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return err
		}
		switch {
		case name.String() == "n" && !seenN:
			seenN = true
			v.N, err = readInt(dec, "n")
		case name.String() == "s" && !seenS:
			seenS = true
			v.S, err = readScale(dec)
		default:
			return fmt.Errorf("%w: member %q is unknown or repeated", ErrJSON, name.String())
		}
		if err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if !seenN || !seenS {
		return fmt.Errorf("%w: n and s are both required", ErrJSON)
	}
	*d = v
	return nil
}

func readScale(dec *jsontext.Decoder) (uint8, error) {
	s, err := readInt(dec, "s")
	if err != nil {
		return 0, err
	}
	if s < 0 || s > MaxScale {
		return 0, fmt.Errorf("%w: s is %d", ErrJSON, s)
	}
	return uint8(s), nil
}

// readInt reads a JSON number that is spelled as a plain integer.
func readInt(dec *jsontext.Decoder, name string) (int64, error) {
	if k := dec.PeekKind(); k != '0' && k != 0 {
		return 0, fmt.Errorf("%w: %s is %s, not an integer", ErrJSON, name, k)
	}
	val, err := dec.ReadValue()
	if err != nil {
		return 0, err
	}
	text := string(val)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || text == "-0" {
		return 0, fmt.Errorf("%w: %s is %.40s, not an integer of 64 bits", ErrJSON, name, text)
	}
	return n, nil
}
