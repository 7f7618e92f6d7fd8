package stamp

import (
	encoding "encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxDepth bounds how deep elements stand within one another. A token with
// certificates has some 15 levels.
const maxDepth = 40

var errDER = errors.New("it is not DER")

// checkDER reports whether data is exactly one element in DER, as far as tags and
// lengths go, in all that is constructed: also in what is signed or passed over as
// a whole, such as a certificate's name.
func checkDER(data []byte) error {
	rest, err := skip(data, maxDepth)
	if err == nil && len(rest) > 0 {
		err = errDER
	}
	return err
}

// skip passes one element.
func skip(data []byte, depth int) (rest []byte, err error) {
	if depth == 0 || len(data) < 2 || data[0]&0x1f == 0x1f {
		return nil, errDER
	}
	tag, n, head := data[0], int(data[1]), 2
	if n >= 0x80 {
		bytes := n & 0x7f
		if bytes == 0 || bytes > 3 || len(data) < 2+bytes || data[2] == 0 {
			return nil, errDER
		}
		n, head = 0, 2+bytes
		for _, b := range data[2:head] {
			n = n<<8 | int(b)
		}
		if n < 0x80 {
			return nil, errDER
		}
	}
	if len(data)-head < n {
		return nil, errDER
	}
	body, rest := data[head:head+n], data[head+n:]
	for tag&0x20 != 0 && len(body) > 0 {
		if body, err = skip(body, depth-1); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// fields reads one element after another; the first fault stays.
type fields struct {
	s   cryptobyte.String
	bad bool
}

func within(data []byte) *fields { return &fields{s: data} }

func (f *fields) fail(ok bool) { f.bad = f.bad || !ok }

// element is the content of an element, which must be there.
func (f *fields) element(tag asn1.Tag) cryptobyte.String {
	var out cryptobyte.String
	f.fail(f.s.ReadASN1(&out, tag))
	return out
}

// whole is an element with its tag and length.
func (f *fields) whole(tag asn1.Tag) cryptobyte.String {
	var out cryptobyte.String
	f.fail(f.s.ReadASN1Element(&out, tag))
	return out
}

func (f *fields) optional(tag asn1.Tag) (out cryptobyte.String, there bool) {
	f.fail(f.s.ReadOptionalASN1(&out, &there, tag))
	return out, there
}

// sequence goes into a SEQUENCE, set into a SET.
func (f *fields) sequence() *fields { return within(f.element(asn1.SEQUENCE)) }
func (f *fields) set() *fields      { return within(f.element(asn1.SET)) }

// integer is an INTEGER of up to maxInteger bytes.
func (f *fields) integer() *big.Int {
	n := new(big.Int)
	f.fail(f.s.ReadASN1Integer(n) && len(n.Bytes()) <= maxInteger)
	return n
}

// maxInteger bounds serial numbers and nonces: RFC 3161 asks for serial numbers of up to 20 bytes.
const maxInteger = 64

func (f *fields) isInteger(want int64) { f.fail(f.integer().Cmp(big.NewInt(want)) == 0) }

// small is an INTEGER from least to most under a tag.
func small(content cryptobyte.String, least, most int64) (n int64, ok bool) {
	if len(content) == 0 || len(content) > 8 {
		return 0, false
	}
	// As an element of its own, so that the rules for minimal form apply.
	whole := cryptobyte.String(append([]byte{byte(asn1.INTEGER), byte(len(content))}, content...))
	ok = whole.ReadASN1Int64WithTag(&n, asn1.INTEGER) && n >= least && n <= most
	return n, ok
}

// oid is an OBJECT IDENTIFIER in dots.
func (f *fields) oid() string {
	var id encoding.ObjectIdentifier
	f.fail(f.s.ReadASN1ObjectIdentifier(&id))
	return id.String()
}

func (f *fields) isOID(want string) { f.fail(f.oid() == want) }

// algorithm is an AlgorithmIdentifier whose parameters are absent or NULL.
func (f *fields) algorithm() (oid string, null bool) {
	in := f.sequence()
	oid = in.oid()
	if !in.s.Empty() {
		null = true
		in.fail(len(in.element(asn1.NULL)) == 0)
	}
	f.end(in)
	return oid, null
}

// end takes up the faults of an inner element, which must be read to its end.
func (f *fields) end(in *fields) { f.fail(!in.bad && in.s.Empty()) }

// generalizedTime reads a time as RFC 3161 has it: UTC to the second, with a
// fraction that does not end in 0 where there is one.
func generalizedTime(content cryptobyte.String) (time.Time, bool) {
	text, ok := strings.CutSuffix(string(content), "Z")
	base, fraction, dot := strings.Cut(text, ".")
	t, err := time.Parse("20060102150405", base)
	if !ok || err != nil || t.Format("20060102150405") != base {
		return time.Time{}, false
	}
	if !dot {
		return t, true
	}
	if len(fraction) == 0 || len(fraction) > 9 || strings.Trim(fraction, "0123456789") != "" || strings.HasSuffix(fraction, "0") {
		return time.Time{}, false
	}
	nanos := 0
	for i := range 9 {
		nanos *= 10
		if i < len(fraction) {
			nanos += int(fraction[i] - '0')
		}
	}
	return t.Add(time.Duration(nanos)), true
}
