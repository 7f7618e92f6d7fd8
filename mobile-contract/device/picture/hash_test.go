package picture

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"testing"

	"github.com/disintegration/imaging"
)

func perceive(t testing.TB, b []byte) Hash {
	t.Helper()
	h, err := Perceive(bytes.NewReader(b), int64(len(b)), inspect(t, b))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashGolden(t *testing.T) {
	const want = "f9e5c9d4aa95e9b3" // computed apart from this code
	if h := perceive(t, encodePNG(t, scene(320, 240), nil)); h.String() != want {
		t.Errorf("hash of the drawn scene %s, want %s", h, want)
	}
}

func TestNearAndFar(t *testing.T) {
	img := scene(640, 480)
	original := perceive(t, encodeJPEG(t, img, 90))
	for name, m := range map[string]image.Image{
		"quarter": imaging.Resize(img, 160, 0, imaging.Lanczos),
		"bright":  imaging.AdjustBrightness(img, 20),
		"blurred": imaging.Blur(img, 2),
		"cropped": imaging.CropCenter(img, 620, 465),
	} {
		if h := perceive(t, encodeJPEG(t, m, 60)); !Near(h, original) {
			t.Errorf("%s is %d bits away", name, Distance(h, original))
		}
	}
	for name, m := range map[string]image.Image{"mirrored": imaging.FlipH(img), "inverted": imaging.Invert(img), "turned": imaging.Rotate180(img)} {
		if h := perceive(t, encodeJPEG(t, m, 90)); Near(h, original) || Distance(h, original) < 16 {
			t.Errorf("%s is only %d bits away", name, Distance(h, original))
		}
	}
}

// A picture stored turned, with its orientation stated, is the picture itself.
func TestHashIsOfTheUprightPicture(t *testing.T) {
	img := scene(639, 477)
	want := perceive(t, encodeJPEG(t, img, 95))
	for orientation, m := range map[uint16]image.Image{
		1: img, 2: imaging.FlipH(img), 3: imaging.Rotate180(img), 4: imaging.FlipV(img),
		5: imaging.Transpose(img), 6: imaging.Rotate90(img), 7: imaging.Transverse(img), 8: imaging.Rotate270(img),
	} {
		file := withExif(encodeJPEG(t, m, 95), dirs{ifd0: []tag{short(tagOrientation, orientation)}}.block())
		if h := perceive(t, file); Distance(h, want) > 2 {
			t.Errorf("orientation %d: %d bits away", orientation, Distance(h, want))
		}
	}
}

func TestWeakHashesMatchNothing(t *testing.T) {
	for name, c := range map[string]color.Color{"black": color.Black, "white": color.White, "grey": color.Gray{77}} {
		h := perceive(t, encodeJPEG(t, imaging.New(200, 200, c), 90))
		if !h.Weak() || Near(h, h) {
			t.Errorf("%s: hash %s is not weak", name, h)
		}
	}
}

func TestHashText(t *testing.T) {
	h := Hash(0x00fedcba98765432)
	if got, err := ParseHash(h.String()); err != nil || got != h {
		t.Errorf("%s reads as %v, %v", h, got, err)
	}
	for _, s := range []string{"", "0", "00FEDCBA98765432", "00fedcba987654321", "0x00fedcba987654", "+0fedcba98765432", "00fedcba9876543g"} {
		if _, err := ParseHash(s); !errors.Is(err, ErrHash) {
			t.Errorf("%q: %v, want ErrHash", s, err)
		}
	}
}

func TestPerceiveRefuses(t *testing.T) {
	try := func(name string, file []byte, want error) {
		p, err := Inspect(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := Perceive(bytes.NewReader(file), int64(len(file)), p); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	j := encodeJPEG(t, scene(160, 120), 80)
	try("heic", heic(phone().block()), ErrNoDecoder)
	try("cut off", j[:len(j)/2], ErrDecode)
	try("too small", encodePNG(t, scene(4, 4), nil), ErrDecode)
	bomb := bytes.Clone(j) // the size is a lie, and would take gigabytes
	at := bytes.Index(bomb, []byte{0xFF, 0xC0})
	copy(bomb[at+5:], []byte{0xFF, 0xFF, 0xFF, 0xFF})
	try("bomb", bomb, ErrTooLarge)
	pngBomb := encodePNG(t, scene(40, 40), nil)
	copy(pngBomb[16:], []byte{0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF})
	try("png bomb", pngBomb, ErrTooLarge)
}

func BenchmarkPerceive(b *testing.B) {
	file := encodeJPEG(b, scene(4000, 3000), 90)
	p := inspect(b, file)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Perceive(bytes.NewReader(file), int64(len(file)), p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInspect(b *testing.B) {
	file := withExif(encodeJPEG(b, scene(400, 300), 90), phone().block())
	b.ReportAllocs()
	for b.Loop() {
		inspect(b, file)
	}
}
