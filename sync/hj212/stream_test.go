package hj212

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// scanAll reads every chunk and checks that no byte is lost.
func scanAll(t testing.TB, r io.Reader, stream []byte) []Chunk {
	t.Helper()
	s := NewScanner(r)
	var chunks []Chunk
	var joined []byte
	for {
		c, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.Offset != int64(len(joined)) || len(c.Raw) == 0 || len(c.Raw) > MaxFrame || (c.Frame == nil) == (c.Reason == "") {
			t.Fatalf("chunk %+v at %d", c, len(joined))
		}
		joined = append(joined, c.Raw...)
		chunks = append(chunks, c)
	}
	if !bytes.Equal(joined, stream) {
		t.Fatalf("the chunks are not the stream:\n%q\n%q", joined, stream)
	}
	return chunks
}

// show writes chunks as F[…]/G[…] with the first bytes, for comparison.
func show(chunks []Chunk) string {
	var b strings.Builder
	for _, c := range chunks {
		kind := "G"
		if c.Frame != nil {
			kind = "F"
		}
		fmt.Fprintf(&b, "%s%d ", kind, len(c.Raw))
	}
	return b.String()
}

func TestScanner(t *testing.T) {
	g := wrap(head + area)
	n := len(g)
	bare := strings.TrimSuffix(g, "\r\n")
	// A declared length that reaches into the frames behind must not hold them back.
	liar := "##9101" + g[6:]
	cases := []struct {
		name, stream, want string
	}{
		{"empty", "", ""},
		{"one", g, fmt.Sprintf("F%d ", n)},
		{"two", g + g, fmt.Sprintf("F%d F%d ", n, n)},
		{"garbage lines", "hello\r\nworld" + g + "tail", fmt.Sprintf("G7 G5 F%d G4 ", n)},
		{"third hash", "#" + g, fmt.Sprintf("G1 F%d ", n)},
		{"lone hashes", "#\n##\n" + g + "##", fmt.Sprintf("G2 G3 F%d G2 ", n)},
		{"cut off by the next", g[:40] + g, fmt.Sprintf("G40 F%d ", n)},
		{"cut off by the end", g + g[:40], fmt.Sprintf("F%d G40 ", n)},
		{"no ends", bare + bare + bare, fmt.Sprintf("F%d F%d F%d ", n-2, n-2, n-2)},
		{"wrong length, no end, right check", "##9999" + bare[6:] + g, fmt.Sprintf("F%d F%d ", n-2, n)},
		{"lying length", liar + g, fmt.Sprintf("F%d F%d ", n, n)},
		{"length zero", "##00000000\r\n", "F12 "},
		{"start without content", "##0005hello\r\n" + g, fmt.Sprintf("G13 F%d ", n)},
		{"lf only", bare + "\n" + g, fmt.Sprintf("F%d F%d ", n-1, n)},
		{"cr only", bare + "\r" + g, fmt.Sprintf("F%d F%d ", n-1, n)},
		{"hash in data", wrap(head + "CP=&&i11001-Info=//a##b//&&"), "F119 "},
		{"long garbage", strings.Repeat("x", 5000) + g, fmt.Sprintf("G4096 G904 F%d ", n)},
		{"no end ever", "##1" + strings.Repeat("CN=", 7000), fmt.Sprintf("G%d G4096 G4096 G%d ", MaxFrame, 21003-MaxFrame-8192)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			whole := scanAll(t, strings.NewReader(c.stream), []byte(c.stream))
			if got := show(whole); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			bytewise := scanAll(t, iotest.OneByteReader(strings.NewReader(c.stream)), []byte(c.stream))
			if show(bytewise) != show(whole) {
				t.Errorf("byte by byte %s, at once %s", show(bytewise), show(whole))
			}
		})
	}
}

// A frame with its end must come out before anything else arrives.
func TestScannerDoesNotHoldBack(t *testing.T) {
	pr, pw := io.Pipe()
	s := NewScanner(pr)
	got := make(chan Chunk)
	go func() {
		for {
			c, err := s.Next()
			if err != nil {
				close(got)
				return
			}
			got <- c
		}
	}()
	g := wrap(head + area)
	for _, part := range []string{g, "##9101" + g[6:], "noise\n", g} {
		if _, err := io.WriteString(pw, part); err != nil {
			t.Fatal(err)
		}
		select {
		case c := <-got:
			if string(c.Raw) != part {
				t.Fatalf("got %q, want %q", c.Raw, part)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q is held back", part)
		}
	}
	pw.Close()
	<-got
}

func TestScannerHandsOutBytesBeforeTheError(t *testing.T) {
	broken := errors.New("line cut")
	g := wrap(head + area)
	s := NewScanner(io.MultiReader(strings.NewReader(g+"half"), iotest.ErrReader(broken)))
	for _, want := range []string{g, "half"} {
		c, err := s.Next()
		if err != nil || string(c.Raw) != want {
			t.Fatalf("got %q, %v; want %q", c.Raw, err, want)
		}
	}
	if _, err := s.Next(); !errors.Is(err, broken) {
		t.Fatalf("got %v, want the error of the line", err)
	}
}

func TestEncode(t *testing.T) {
	m := Message{QN: "20240101120000000", ST: "31", CN: "2011", PW: "123456", MN: "010000A8900016F000169DC0", Flag: 4,
		Groups: [][]Pair{{{"DataTime", "20240101120000"}}, {{"a24088-Rtd", "1.20"}, {"a24088-Flag", "N"}}, {{"a21026-Rtd", "-0.5"}, {"a21026-Flag", "D"}}}}
	raw, err := Encode(m)
	if err != nil || string(raw) != wrap(head+area) {
		t.Errorf("got %q, %v", raw, err)
	}
	bad := []func(*Message){
		func(m *Message) { m.QN = "today" },
		func(m *Message) { m.MN = "" },
		func(m *Message) { m.ST = "31;CN=9" },
		func(m *Message) { m.PNUM = 2 },
		func(m *Message) { m.Flag = 6 },
		func(m *Message) { m.Groups[1][0].Value = "1.20,x=1" },
		func(m *Message) { m.Groups[1][0].Value = " 1.20" },
		func(m *Message) { m.Groups[1][0].Value = "&&" },
		func(m *Message) { m.Groups[0][0].Name = "" },
		func(m *Message) { m.Groups = append(m.Groups, []Pair{{"x", strings.Repeat("y", MaxData)}}) },
		func(m *Message) { m.Groups = append(m.Groups, []Pair{{"x", "a\r\nb"}}) },
	}
	for i, spoil := range bad {
		m := m
		m.Groups = [][]Pair{{{"DataTime", "20240101120000"}}, {{"a24088-Rtd", "1.20"}}}
		spoil(&m)
		if raw, err := Encode(m); !errors.Is(err, ErrEncode) {
			t.Errorf("spoiled message %d was written: %q, %v", i, raw, err)
		}
	}
	f, err := Parse([]byte(vector))
	if err != nil {
		t.Fatal(err)
	}
	ack, err := Encode(Ack(f, "9011", 1))
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(ack)
	if err != nil || back.QN != f.QN || back.ST != "91" || back.CN != "9011" || back.Flag.WantsAck() || back.Items[0].Value != "1" {
		t.Errorf("acknowledgement %q: %+v, %v", ack, back, err)
	}
}

func packet(t *testing.T, num, no int) *Frame {
	t.Helper()
	f, err := Parse([]byte(wrap(fmt.Sprintf("%sPNUM=%d;PNO=%d;CP=&&DataTime=20240101120000;a24088-Rtd=%d&&",
		strings.Replace(head, "Flag=4", "Flag=6", 1), num, no, no))))
	if err != nil {
		t.Fatal(err)
	}
	return &f
}

func TestJoiner(t *testing.T) {
	j := NewJoiner()
	for _, no := range []int{3, 1, 3} {
		if w := j.Add(packet(t, 3, no)); w != nil {
			t.Fatalf("packet %d of 3 ended %+v", no, w)
		}
	}
	w := j.Add(packet(t, 3, 2))
	if len(w) != 1 || !w[0].Complete() || len(w[0].Extra) != 1 {
		t.Fatalf("got %+v", w)
	}
	items := w[0].Items()
	if len(items) != 6 || items[1].Value != "1" || items[3].Value != "2" || items[5].Value != "3" || items[5].Group != 5 {
		t.Errorf("items %+v", items)
	}
	if w := j.Add(packet(t, 1, 1)); len(w) != 1 || !w[0].Complete() {
		t.Errorf("a message of one: %+v", w)
	}
	j.Add(packet(t, 4, 2))
	if w := j.Flush(); len(w) != 1 || fmt.Sprint(w[0].Missing) != "[1 3 4]" || w[0].Frames[1] == nil {
		t.Errorf("an open message at the end: %+v", w)
	}
}

func TestJoinerIsBoundedAndLosesNothing(t *testing.T) {
	j := NewJoiner()
	in, out := 0, 0
	count := func(ws []*Whole) {
		for _, w := range ws {
			out += len(w.Extra)
			for _, f := range w.Frames {
				if f != nil {
					out++
				}
			}
		}
	}
	for i := range 500 {
		f := packet(t, 3, 1)
		f.QN = fmt.Sprint(i % 100)
		in++
		count(j.Add(f))
		if j.order.Len() > maxOpen {
			t.Fatalf("%d messages open", j.order.Len())
		}
	}
	same := packet(t, 2, 1)
	for range 200 {
		in++
		count(j.Add(same))
	}
	count(j.Flush())
	if in != out {
		t.Errorf("%d frames in, %d out", in, out)
	}
}

func TestScannerOnSpoiledStreams(t *testing.T) {
	g := wrap(head + area)
	rapid.Check(t, func(rt *rapid.T) {
		stream := []byte(strings.Repeat(g, 4))
		for range rapid.IntRange(0, 6).Draw(rt, "edits") {
			i := rapid.IntRange(0, len(stream)-1).Draw(rt, "at")
			switch rapid.IntRange(0, 2).Draw(rt, "kind") {
			case 0:
				stream[i] = rapid.Byte().Draw(rt, "byte")
			case 1:
				stream = append(stream[:i:i], stream[i+1:]...)
			case 2:
				stream = append(stream[:i:i], append([]byte(rapid.SampledFrom([]string{"#", "##", "\n", "\r\n", "&&", "0"}).Draw(rt, "put")), stream[i:]...)...)
			}
		}
		whole := scanAll(t, bytes.NewReader(stream), stream)
		halves := scanAll(t, iotest.HalfReader(bytes.NewReader(stream)), stream)
		if show(whole) != show(halves) {
			rt.Fatalf("%q\nat once %s\nin halves %s", stream, show(whole), show(halves))
		}
	})
}

func FuzzScanner(f *testing.F) {
	g := wrap(head + area)
	for _, s := range []string{"", vector, g + g, "##", "##0000\r\n", g[:30] + g, "##9999" + g[6:], "\x00#\xff##01\n", strings.TrimSpace(g) + g} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		whole := scanAll(t, bytes.NewReader(stream), stream)
		if len(stream) < 2000 {
			if b := scanAll(t, iotest.OneByteReader(bytes.NewReader(stream)), stream); show(b) != show(whole) {
				t.Fatalf("byte by byte %s, at once %s", show(b), show(whole))
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{vector, wrap(head + area), "##0000FFFF\r\n", "##", wrap("CP=&&=//&&"), wrap(head + "CP=&&a=//;b=//&&")} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		fr, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Wrap(fr.Data)
		if err != nil || !strings.EqualFold(string(again[len(again)-6:]), string(raw[len(raw)-6:])) || !bytes.Equal(again[:len(again)-6], raw[:len(raw)-6]) {
			t.Fatalf("%q was accepted, but is written %q, %v", raw, again, err)
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	stream := []byte(strings.Repeat(wrap(head+area), 1000))
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		s := NewScanner(bytes.NewReader(stream))
		for {
			if _, err := s.Next(); err != nil {
				break
			}
		}
	}
}
