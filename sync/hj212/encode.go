package hj212

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrEncode: what was to be written is not a frame of the standard.
var ErrEncode = errors.New("not an HJ 212 frame of the standard")

// Message is what Encode writes as one frame.
type Message struct {
	QN, ST, CN, PW, MN string
	Flag               Flag
	PNUM, PNO          int      // both 0 unless Flag.Split
	Groups             [][]Pair // the CP area
}

// Pair is one name=value of a group.
type Pair struct {
	Name, Value string
}

// Encode writes m as one frame and checks it by the strict reader: what it
// returns, Parse accepts.
func Encode(m Message) ([]byte, error) {
	var s strings.Builder
	fmt.Fprintf(&s, "QN=%s;ST=%s;CN=%s;PW=%s;MN=%s;Flag=%d;", m.QN, m.ST, m.CN, m.PW, m.MN, m.Flag)
	if m.PNUM != 0 || m.PNO != 0 {
		fmt.Fprintf(&s, "PNUM=%d;PNO=%d;", m.PNUM, m.PNO)
	}
	s.WriteString("CP=&&")
	count := 0
	for i, g := range m.Groups {
		if i > 0 {
			s.WriteByte(';')
		}
		for j, p := range g {
			if j > 0 {
				s.WriteByte(',')
			}
			s.WriteString(p.Name + "=" + p.Value)
			count++
		}
	}
	s.WriteString("&&")
	raw, err := Wrap([]byte(s.String()))
	if err != nil {
		return nil, err
	}
	f, err := Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncode, err)
	}
	if !m.same(f, count) {
		return nil, fmt.Errorf("%w: a separator or white space inside a name or value", ErrEncode)
	}
	return raw, nil
}

// same reports whether the frame says what the message says.
func (m Message) same(f Frame, count int) bool {
	pw, _ := f.Field("PW")
	if f.QN != m.QN || f.ST != m.ST || f.CN != m.CN || f.MN != m.MN || pw != m.PW || f.PNUM != m.PNUM || f.PNO != m.PNO || len(f.Items) != count {
		return false
	}
	i := 0
	for g, group := range m.Groups {
		for _, p := range group {
			if it := f.Items[i]; it.Group != g || it.Name != p.Name || it.Value != p.Value {
				return false
			}
			i++
		}
	}
	return true
}

// Wrap puts a data part between "##", its length, its check and CR LF.
func Wrap(data []byte) ([]byte, error) {
	if len(data) > MaxData {
		return nil, fmt.Errorf("%w: %d bytes of data, at most %d; split the message", ErrEncode, len(data), MaxData)
	}
	b := make([]byte, 0, len(data)+12)
	b = append(b, "##"...)
	b = append(b, fmt.Sprintf("%04d", len(data))...)
	b = append(b, data...)
	b = append(b, hexCRC(CRC(data))...)
	return append(b, '\r', '\n'), nil
}

// Ack is the message that acknowledges f: 9014 for data, 9013 for a notice,
// 9011 for a request, with the QN of f; rtn is QnRtn for 9011 (1 ready, 9 CRC
// error) and left out otherwise.
func Ack(f Frame, cn string, rtn int) Message {
	pw, _ := f.Field("PW")
	m := Message{QN: f.QN, ST: "91", CN: cn, PW: pw, MN: f.MN, Flag: f.Flag &^ 3}
	if cn == "9011" {
		m.Groups = [][]Pair{{{"QnRtn", strconv.Itoa(rtn)}}}
	}
	return m
}
