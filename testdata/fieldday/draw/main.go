// Command draw makes the demonstration's pictures: simple scenes of a dump site,
// as JPEG files with the metadata that a phone writes (time, offset, position,
// orientation). They are drawn, not photographed, and say so in the picture.
//
//	go run ./testdata/fieldday/draw DIR
//
// The pictures are taken, by their own account, in the minutes before the program runs.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// scene is one picture. Angles are degrees times 1e7.
type scene struct {
	name     string
	title    string
	ago      time.Duration // before the program runs
	lat, lon int64
	drums    int
	seal     string
	turned   bool // stored sideways, with an orientation flag
}

var china = time.FixedZone("", 8*3600)

var scenes = []scene{
	{"li-01-bank.jpg", "River bank, drums D-01 to D-05", 9 * time.Minute, 302741200, 1199823400, 5, "", false},
	{"li-02-seal.jpg", "Drum D-01, seal C-7701", 8 * time.Minute, 302741260, 1199823370, 1, "C-7701", true},
	{"li-03-heap.jpg", "Sludge heap behind the shed", 4 * time.Minute, 302760100, 1199851900, 0, "", false},
	{"zhao-01-yard.jpg", "Yard of the plating shop", 7 * time.Minute, 302755300, 1199848800, 3, "", false},
	{"zhao-02-truck.jpg", "Tanker at the gate", 6 * time.Minute, 302755610, 1199849050, 1, "", false},
	{"zhao-03-outfall.jpg", "Outfall at the canal", 3 * time.Minute, 302801250, 1199872200, 0, "", true},
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: draw DIR")
	}
	if err := os.MkdirAll(os.Args[1], 0o755); err != nil {
		log.Fatal(err)
	}
	now := time.Now().In(china)
	for i, s := range scenes {
		data, err := s.file(uint64(i), now.Add(-s.ago))
		if err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(os.Args[1], s.name), data, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// file is the JPEG with its metadata after the SOI marker.
func (s scene) file(seed uint64, at time.Time) ([]byte, error) {
	var img image.Image = s.picture(rand.New(rand.NewPCG(seed, 7)))
	if s.turned {
		img = sideways(img)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 88}); err != nil {
		return nil, err
	}
	body := b.Bytes()
	exif := s.exif(at)
	out := append([]byte{0xff, 0xd8, 0xff, 0xe1}, byte((len(exif)+2)>>8), byte(len(exif)+2))
	return append(append(out, exif...), body[2:]...), nil
}

func (s scene) picture(r *rand.Rand) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, 1600, 1200))
	for y := range 1200 { // sky over ground, with some grain so that no two pictures are alike
		for x := range 1600 {
			c := color.RGBA{uint8(150 + y/8), uint8(175 + y/12), uint8(205 - y/20), 255}
			if y > 620 {
				c = color.RGBA{uint8(120 - y/30), uint8(110 - y/40), uint8(80 - y/40), 255}
			}
			n := uint8(r.IntN(14))
			m.SetRGBA(x, y, color.RGBA{c.R + n, c.G + n, c.B + n, 255})
		}
	}
	fill(m, image.Rect(0, 560+r.IntN(40), 1600, 640), color.RGBA{70, 100, 120, 255})
	for i := range s.drums {
		x := 120 + i*1300/max(s.drums, 1) + r.IntN(60)
		y := 520 + r.IntN(160)
		body := color.RGBA{uint8(30 + r.IntN(40)), uint8(60 + r.IntN(60)), uint8(120 + r.IntN(80)), 255}
		fill(m, image.Rect(x, y, x+200, y+340), body)
		for band := range 3 {
			fill(m, image.Rect(x-4, y+30+band*130, x+204, y+44+band*130), color.RGBA{40, 40, 45, 255})
		}
		fill(m, image.Rect(x+40, y+180, x+160, y+240), color.RGBA{235, 225, 190, 255})
		write(m, x+52, y+215, 2, fmt.Sprintf("D-%02d", i+1), color.Black)
	}
	if s.drums == 0 {
		for i := range 220 {
			w := 1200 - i*5
			fill(m, image.Rect(800-w/2, 980-i*2, 800+w/2, 983-i*2), color.RGBA{uint8(90 + i/4 + r.IntN(12)), uint8(75 + i/5), 60, 255})
		}
	}
	if s.seal != "" {
		fill(m, image.Rect(620, 420, 1100, 560), color.RGBA{200, 30, 30, 255})
		write(m, 650, 510, 6, s.seal, color.White)
	}
	write(m, 40, 60, 3, s.title, color.RGBA{20, 20, 30, 255})
	write(m, 40, 1160, 2, "drawn for the fieldseal demonstration - no photograph", color.RGBA{240, 240, 240, 255})
	return m
}

func fill(m *image.RGBA, r image.Rectangle, c color.Color) {
	draw.Draw(m, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// write draws text enlarged by a whole factor.
func write(m *image.RGBA, x, y, times int, text string, c color.Color) {
	small := image.NewAlpha(image.Rect(0, 0, 7*len(text), 13))
	d := font.Drawer{Dst: small, Src: image.Opaque, Face: basicfont.Face7x13, Dot: fixed.P(0, 11)}
	d.DrawString(text)
	for v := range 13 {
		for u := range 7 * len(text) {
			if small.AlphaAt(u, v).A > 0 {
				fill(m, image.Rect(x+u*times, y+(v-11)*times, x+(u+1)*times, y+(v-10)*times), c)
			}
		}
	}
}

// sideways turns a picture a quarter left, as a phone held upright stores it with orientation 6.
func sideways(m image.Image) image.Image {
	b := m.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dy(), b.Dx()))
	for y := range b.Dy() {
		for x := range b.Dx() {
			out.Set(y, b.Dx()-1-x, m.At(x, y))
		}
	}
	return out
}

// exif is an APP1 block: TIFF, big-endian, with the main, Exif and GPS directories (Exif 2.32, section 4).
func (s scene) exif(at time.Time) []byte {
	orientation := uint16(1)
	if s.turned {
		orientation = 6
	}
	clock := at.Format("2006:01:02 15:04:05")
	utc := at.UTC()
	main := &directory{}
	main.text(0x010f, "Fieldseal")
	main.text(0x0110, "Drawn Camera 1")
	main.short(0x0112, orientation)
	main.text(0x0132, clock)
	main.long(0x8769, 0)
	main.long(0x8825, 0)
	camera := &directory{}
	camera.text(0x9003, clock)
	camera.text(0x9011, at.Format("-07:00"))
	gps := &directory{}
	gps.text(0x0001, "N")
	gps.degrees(0x0002, s.lat)
	gps.text(0x0003, "E")
	gps.degrees(0x0004, s.lon)
	gps.rationals(0x0007, uint32(utc.Hour()), 1, uint32(utc.Minute()), 1, uint32(utc.Second()), 1)
	gps.text(0x0012, "WGS-84")
	gps.text(0x001d, utc.Format("2006:01:02"))
	gps.rationals(0x001f, 52, 10)
	offset := uint32(8)
	main.entries[4].value = offset + main.size()
	main.entries[5].value = offset + main.size() + camera.size()
	out := []byte("Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08")
	for _, d := range []*directory{main, camera, gps} {
		out = append(out, d.bytes(offset)...)
		offset += d.size()
	}
	return out
}

// directory is a TIFF image file directory with its data behind it.
type directory struct{ entries []entry }

type entry struct {
	tag, kind uint16
	count     uint32
	value     uint32
	data      []byte // where it does not fit into value
}

func (d *directory) text(tag uint16, s string) {
	e := entry{tag: tag, kind: 2, count: uint32(len(s) + 1), data: append([]byte(s), 0)}
	if len(e.data) <= 4 {
		var b [4]byte
		copy(b[:], e.data)
		e.value, e.data = binary.BigEndian.Uint32(b[:]), nil
	}
	d.entries = append(d.entries, e)
}

func (d *directory) short(tag, v uint16) {
	d.entries = append(d.entries, entry{tag: tag, kind: 3, count: 1, value: uint32(v) << 16})
}

func (d *directory) long(tag uint16, v uint32) {
	d.entries = append(d.entries, entry{tag: tag, kind: 4, count: 1, value: v})
}

func (d *directory) rationals(tag uint16, parts ...uint32) {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, p)
	}
	d.entries = append(d.entries, entry{tag: tag, kind: 5, count: uint32(len(parts) / 2), data: b})
}

func (d *directory) degrees(tag uint16, e7 int64) {
	minutes := e7 % 1e7 * 60
	d.rationals(tag, uint32(e7/1e7), 1, uint32(minutes/1e7), 1, uint32(minutes%1e7*60/1e3), 1e4)
}

func (d *directory) size() uint32 {
	n := 2 + 12*len(d.entries) + 4
	for _, e := range d.entries {
		n += len(e.data) + len(e.data)%2
	}
	return uint32(n)
}

func (d *directory) bytes(at uint32) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(d.entries)))
	data := at + uint32(2+12*len(d.entries)+4)
	var tail []byte
	for _, e := range d.entries {
		b = binary.BigEndian.AppendUint16(b, e.tag)
		b = binary.BigEndian.AppendUint16(b, e.kind)
		b = binary.BigEndian.AppendUint32(b, e.count)
		v := e.value
		if e.data != nil {
			v = data + uint32(len(tail))
			tail = append(tail, e.data...)
			if len(e.data)%2 == 1 {
				tail = append(tail, 0)
			}
		}
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return append(append(b, 0, 0, 0, 0), tail...)
}
