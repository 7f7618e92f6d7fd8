package thumbnail

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fieldseal/sync/blob"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

// quarters is a picture whose quarters are red, green / blue, yellow, read as a text is.
func quarters(w, h int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{255, 0, 0, 255}
			switch {
			case y < h/2 && x >= w/2:
				c = color.NRGBA{0, 255, 0, 255}
			case y >= h/2 && x < w/2:
				c = color.NRGBA{0, 0, 255, 255}
			case y >= h/2:
				c = color.NRGBA{255, 255, 0, 255}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

// layout reads the quarters of a picture back, as letters.
func layout(img image.Image) string {
	b := img.Bounds()
	var s strings.Builder
	for _, p := range [][2]int{{1, 1}, {3, 1}, {1, 3}, {3, 3}} {
		r, g, bl, _ := img.At(b.Dx()*p[0]/4, b.Dy()*p[1]/4).RGBA()
		high := func(v uint32) bool { return v > 0x8000 }
		switch {
		case high(r) && high(g) && high(bl):
			s.WriteByte('w')
		case high(r) && high(g):
			s.WriteByte('y')
		case high(r):
			s.WriteByte('r')
		case high(g):
			s.WriteByte('g')
		case high(bl):
			s.WriteByte('b')
		default:
			s.WriteByte('.')
		}
	}
	return s.String()
}

func encode(t testing.TB, f func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, img image.Image) []byte {
	return encode(t, func(w io.Writer) error { return jpeg.Encode(w, img, nil) })
}

func pngOf(t testing.TB, img image.Image) []byte {
	return encode(t, func(w io.Writer) error { return png.Encode(w, img) })
}

// exif is a TIFF header with one directory that holds an orientation.
func exif(order binary.AppendByteOrder, mark string, orientation uint16) []byte {
	b := []byte(mark)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 0x010f) // Make, passed over
	b = order.AppendUint16(b, 2)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint32(b, 0)
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, orientation)
	b = order.AppendUint16(b, 0)
	return order.AppendUint32(b, 0)
}

func jpegWithExif(jpg, block []byte) []byte {
	body := append([]byte("Exif\x00\x00"), block...)
	seg := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	return bytes.Join([][]byte{jpg[:2], {0xff}, seg, body, jpg[2:]}, nil) // with a fill byte
}

func pngWithExif(p, block []byte) []byte {
	const afterIHDR = 8 + 25
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(block)))
	body := append([]byte("eXIf"), block...)
	chunk = binary.BigEndian.AppendUint32(append(chunk, body...), crc32.ChecksumIEEE(body))
	return bytes.Join([][]byte{p[:afterIHDR], chunk, p[afterIHDR:]}, nil)
}

func thumb(t *testing.T, original []byte) image.Image {
	t.Helper()
	out, err := render(bytes.NewReader(original), "made of x")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out[:64], []byte("made of x")) {
		t.Fatal("the comment is missing")
	}
	img, err := jpeg.Decode(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestOrientations(t *testing.T) {
	// Where the first row and column lie for each value: CIPA DC-008, 4.6.5.
	want := map[uint16]string{0: "rgby", 1: "rgby", 2: "gryb", 3: "ybgr", 4: "byrg", 5: "rbgy", 6: "bryg", 7: "ygbr", 8: "gyrb", 9: "rgby"}
	base := quarters(300, 200)
	for o, layoutWanted := range want {
		for name, original := range map[string][]byte{
			"JPEG II": jpegWithExif(jpegOf(t, base), exif(binary.LittleEndian, "II*\x00", o)),
			"JPEG MM": jpegWithExif(jpegOf(t, base), exif(binary.BigEndian, "MM\x00*", o)),
			"PNG":     pngWithExif(pngOf(t, base), exif(binary.BigEndian, "MM\x00*", o)),
		} {
			img := thumb(t, original)
			w, h := 300, 200
			if o >= 5 && o <= 8 {
				w, h = h, w
			}
			if got := layout(img); got != layoutWanted || img.Bounds().Dx() != w || img.Bounds().Dy() != h {
				t.Errorf("%s, orientation %d: %s, %v; want %s", name, o, got, img.Bounds(), layoutWanted)
			}
		}
	}
}

// webpOf is a lossless WebP (RFC 9649) of one pixel: every prefix code has one
// symbol, so that the pixel itself takes no bits.
func webpOf(c color.NRGBA) []byte {
	var stream []byte
	at := 0
	put := func(v uint32, n int) {
		for i := range n {
			if at%8 == 0 {
				stream = append(stream, 0)
			}
			stream[at/8] |= byte(v>>i&1) << (at % 8)
			at++
		}
	}
	put(0x2f, 8)
	put(0, 14) // width - 1
	put(0, 14) // height - 1
	put(1, 1)  // alpha is used
	put(0, 3)  // version
	put(0, 3)  // no transform, no colour cache, one set of prefix codes
	for _, symbol := range []byte{c.G, c.R, c.B, c.A} {
		put(0b101, 3) // simple code, one symbol, of 8 bits
		put(uint32(symbol), 8)
	}
	put(0b0001, 4) // distance: simple code, one symbol, of 1 bit: 0
	body := append([]byte("WEBPVP8L"), binary.LittleEndian.AppendUint32(nil, uint32(len(stream)))...)
	body = append(body, stream...)
	if len(stream)%2 == 1 {
		body = append(body, 0)
	}
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func TestFormats(t *testing.T) {
	base := quarters(1200, 900)
	for name, original := range map[string][]byte{
		"JPEG": jpegOf(t, base), "PNG": pngOf(t, base),
		"GIF":  encode(t, func(w io.Writer) error { return gif.Encode(w, base, nil) }),
		"TIFF": encode(t, func(w io.Writer) error { return tiff.Encode(w, base, &tiff.Options{Compression: tiff.Deflate}) }),
		"BMP":  encode(t, func(w io.Writer) error { return bmp.Encode(w, base) }),
	} {
		img := thumb(t, original)
		if img.Bounds().Dx() != MaxSide || img.Bounds().Dy() != 384 || layout(img) != "rgby" {
			t.Errorf("%s: %v %s", name, img.Bounds(), layout(img))
		}
	}
	if got := layout(thumb(t, webpOf(color.NRGBA{255, 0, 0, 255}))); got != "rrrr" {
		t.Errorf("WebP: %s", got)
	}
	if got := layout(thumb(t, pngOf(t, image.NewNRGBA(image.Rect(0, 0, 9, 9))))); got != "wwww" {
		t.Errorf("a transparent picture is not white: %s", got)
	}
}

// bomb is a PNG that claims a size and has no data.
func bomb(w, h uint32, depth, kind byte) []byte {
	ihdr := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	ihdr = append(binary.BigEndian.AppendUint32(ihdr, h), depth, kind, 0, 0, 0)
	b := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13)
	b = append(b, ihdr...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(ihdr))
}

func TestRefused(t *testing.T) {
	good, large := jpegOf(t, quarters(64, 64)), jpegOf(t, quarters(640, 640))
	for name, test := range map[string]struct {
		original []byte
		reason   string
	}{
		"empty":           {nil, "it is not a"},
		"text":            {[]byte("not a picture"), "it is not a"},
		"cut":             {large[:len(large)-200], "cannot be decoded"},
		"header cut":      {good[:30], "header cannot be read"},
		"pixel bomb":      {bomb(60_000, 60_000, 8, 2), "60000 × 60000"},
		"thin bomb":       {bomb(1<<31-1, 1, 8, 0), "pixels"},
		"deep bomb":       {bomb(9_500, 9_500, 16, 6), "would take"},
		"good size, void": {bomb(10, 10, 8, 2), "cannot be decoded"},
	} {
		start := time.Now()
		_, err := render(bytes.NewReader(test.original), "")
		if err == nil || errors.Is(err, errSource) || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: %v, want %q", name, err, test.reason)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	if got := bytesPerPixel(color.YCbCrModel, true); got != 15 {
		t.Errorf("a progressive JPEG is counted with %d bytes a pixel", got)
	}
}

func TestProgressiveIsSeen(t *testing.T) {
	good := jpegOf(t, quarters(64, 64))
	if look(bytes.NewReader(good), "jpeg").progressive {
		t.Error("a baseline JPEG counts as progressive")
	}
	i := bytes.Index(good, []byte{0xff, 0xc0})
	good[i+1] = 0xc2
	if !look(bytes.NewReader(good), "jpeg").progressive {
		t.Error("a progressive JPEG is not seen")
	}
}

// failing breaks off with an error of the disk.
type failing struct{ *bytes.Reader }

func (f failing) Read(p []byte) (int, error) {
	if f.Len() < 500 {
		return 0, syscall.EIO
	}
	return f.Reader.Read(p[:min(len(p), 100)])
}

type panicking struct{ *bytes.Reader }

func (panicking) Read([]byte) (int, error) { panic("a decoder's bug") }

func TestDiskAndPanic(t *testing.T) {
	if _, err := render(failing{bytes.NewReader(jpegOf(t, quarters(640, 640)))}, ""); !errors.Is(err, errSource) || !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	if _, err := render(panicking{bytes.NewReader([]byte("x"))}, ""); err == nil || !strings.Contains(err.Error(), "a decoder's bug") {
		t.Errorf("got %v", err)
	}
}

func store(t testing.TB) *blob.Files {
	t.Helper()
	f, err := blob.OpenFiles(blob.FilesConfig{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func put(t testing.TB, s *blob.Files, b []byte) blob.Digest {
	t.Helper()
	d, _, err := s.Put(context.Background(), bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func openMaker(t testing.TB, cfg Config) *Maker {
	t.Helper()
	m, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// await asks until the thumbnail or its failure is there.
func await(t *testing.T, m *Maker, d blob.Digest) ([]byte, error) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if b, err := m.Get(context.Background(), d); !errors.Is(err, ErrPending) {
			return b, err
		}
	}
	t.Fatal("the thumbnail is not made")
	return nil, nil
}

func TestOnDemand(t *testing.T) {
	s, dir := store(t), t.TempDir()
	original := jpegOf(t, quarters(800, 600))
	d, broken := put(t, s, original), put(t, s, []byte("no picture"))
	m := openMaker(t, Config{Content: s, Dir: dir})
	if _, err := m.Get(context.Background(), blob.Digest{9}); !errors.Is(err, blob.ErrNotHeld) {
		t.Fatalf("got %v", err)
	}
	picture, err := await(t, m, d)
	if err != nil || !bytes.Contains(picture[:200], []byte(d.String())) {
		t.Fatalf("%d bytes, %v", len(picture), err)
	}
	var failure *FailureError
	if _, err := await(t, m, broken); !errors.As(err, &failure) || failure.Digest != broken || !strings.Contains(failure.Reason, "not a JPEG") {
		t.Fatalf("got %v", err)
	}
	if err := s.Verify(context.Background(), d); err != nil {
		t.Fatalf("the original was touched: %v", err)
	}
	// Both results outlive the maker, and the original is not looked at again.
	again := openMaker(t, Config{Content: gone{s}, Dir: dir})
	if b, err := again.Get(context.Background(), d); err != nil || !bytes.Equal(b, picture) {
		t.Fatalf("after a restart: %v", err)
	}
	if _, err := again.Get(context.Background(), broken); !errors.As(err, &failure) {
		t.Fatalf("after a restart: %v", err)
	}
	// Deleted, it is made anew, the same.
	if err := os.Remove(m.path(d, ".jpg")); err != nil {
		t.Fatal(err)
	}
	if b, err := await(t, m, d); err != nil || !bytes.Equal(b, picture) {
		t.Fatalf("made anew: %v", err)
	}
}

// gone is a store that must not be read.
type gone struct{ blob.Content }

func (gone) Open(context.Context, blob.Digest) (io.ReadSeekCloser, error) {
	return nil, errors.New("the original was opened")
}

// sick is a store whose disk fails.
type sick struct{ blob.Content }

func (s sick) Open(ctx context.Context, d blob.Digest) (io.ReadSeekCloser, error) {
	f, err := s.Content.Open(ctx, d)
	return struct {
		io.Reader
		io.Seeker
		io.Closer
	}{iotestErr{}, f, f}, err
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, syscall.EIO }

func TestDiskFailureIsNotRecorded(t *testing.T) {
	s, dir := store(t), t.TempDir()
	d := put(t, s, jpegOf(t, quarters(64, 64)))
	told := make(chan error, 100)
	m := openMaker(t, Config{Content: sick{s}, Dir: dir, Failed: func(err error) { told <- err }})
	if err := m.Enqueue(d); err != nil {
		t.Fatal(err)
	}
	if err := <-told; !errors.Is(err, syscall.EIO) {
		t.Fatalf("got %v", err)
	}
	m.Content = s // the maker is idle
	if _, err := await(t, m, d); err != nil {
		t.Fatalf("after the disk recovered: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, version, "*", "tmp-*"))
	if err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v, %v", left, err)
	}
}

// slow is a store whose originals are given out when the test says so.
type slow struct {
	blob.Content
	open    chan struct{}
	started chan blob.Digest
}

func (s slow) Open(ctx context.Context, d blob.Digest) (io.ReadSeekCloser, error) {
	s.started <- d
	<-s.open
	return s.Content.Open(ctx, d)
}

func TestQueueIsBounded(t *testing.T) {
	s := store(t)
	var ds []blob.Digest
	for i := range 4 {
		ds = append(ds, put(t, s, jpegOf(t, quarters(64+i, 64))))
	}
	gate := slow{Content: s, open: make(chan struct{}), started: make(chan blob.Digest, 10)}
	m := openMaker(t, Config{Content: gate, Dir: t.TempDir(), Queue: 2})
	for i, d := range ds {
		for range 3 { // asked for again, it takes no second place
			err := m.Enqueue(d)
			if want := i == 3; errors.Is(err, ErrBusy) != want {
				t.Fatalf("picture %d: %v", i, err)
			}
		}
		if i == 0 {
			<-gate.started // the worker has taken it: two places are free
		}
	}
	if _, err := m.Get(context.Background(), ds[3]); !errors.Is(err, ErrPending) {
		t.Fatalf("got %v", err)
	}
	if n := len(gate.started); n != 0 {
		t.Fatalf("%d more pictures are in the works beside the first", n)
	}
	close(gate.open)
	for _, d := range ds {
		if _, err := await(t, m, d); err != nil {
			t.Fatal(err)
		}
	}
}

func photos(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("../../../shared/data/photos/*.jpg")
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Skip("no real photos in ../shared/data/photos; the generated pictures are tested all the same")
	}
	return names
}

func TestRealPhotos(t *testing.T) {
	for _, name := range photos(t) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := jpeg.DecodeConfig(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		img := thumb(t, b)
		o := look(bytes.NewReader(b), "jpeg").orientation
		landscape := cfg.Width > cfg.Height
		if o >= 5 {
			landscape = !landscape
		}
		got := img.Bounds()
		if max(got.Dx(), got.Dy()) != MaxSide || (got.Dx() > got.Dy()) != landscape {
			t.Errorf("%s: %d × %d, orientation %d, gives %v", filepath.Base(name), cfg.Width, cfg.Height, o, got)
		}
	}
}

func BenchmarkRealPhotos(b *testing.B) {
	for _, name := range photos(b) {
		b.Run(filepath.Base(name), func(b *testing.B) {
			original, err := os.ReadFile(name)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := render(bytes.NewReader(original), "x"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzLook: what walks the segments of strangers' files ends, and says 1 to 8.
func FuzzLook(f *testing.F) {
	f.Add(jpegWithExif(jpegOf(f, quarters(8, 8)), exif(binary.LittleEndian, "II*\x00", 6)))
	f.Add(pngWithExif(pngOf(f, quarters(8, 8)), exif(binary.BigEndian, "MM\x00*", 6)))
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPEXIF\xff\xff\xff\xff"))
	f.Add(exif(binary.LittleEndian, "II*\x00", 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range []string{"jpeg", "png", "webp", "tiff"} {
			if o := look(bytes.NewReader(b), format).orientation; o < 1 || o > 8 {
				t.Fatalf("%s: orientation %d", format, o)
			}
		}
	})
}

// FuzzRender: pictures with damage end in an error or a picture, never a panic.
func FuzzRender(f *testing.F) {
	f.Add(jpegOf(f, quarters(16, 16)), uint64(1))
	f.Add(pngOf(f, quarters(16, 16)), uint64(2))
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		if len(b) > 4<<10 || len(b) == 0 {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 0))
		b = bytes.Clone(b)
		b[rng.IntN(len(b))] ^= byte(1 << rng.IntN(8))
		cfg, _, err := image.DecodeConfig(bytes.NewReader(b))
		if err == nil && int64(cfg.Width)*int64(cfg.Height) > 1<<22 {
			return // allowed, but too slow to try often
		}
		_, _ = render(bytes.NewReader(b), "x")
	})
}
