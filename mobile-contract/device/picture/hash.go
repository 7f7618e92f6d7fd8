package picture

import (
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math/bits"
	"strconv"
)

// MaxDecoded is the most memory that the pixels of one picture may take when
// decoded: a baseline JPEG of 100 megapixels, a progressive one of 35, a PNG of
// 64 megapixels.
const MaxDecoded = 256 << 20

const (
	hashCols = 8 // bits in a row; one more cell is compared with its neighbour
	hashRows = 8
	// NearDistance is the most bits by which two pictures differ that are shown
	// as near the same. Measured on five phone pictures: the same picture scaled
	// to 320 pixels, saved at quality 30, blurred, brightened or given contrast by
	// a fifth, or cut by 2 % at each edge stays within 7 bits; cut by 2 % at two
	// edges, one came to 9; cut by 5 % at each edge, 2 to 19. Two different
	// pictures differed by 19 or more.
	NearDistance = 8
	// weakBits: a hash with fewer bits set (or unset) comes from a picture
	// without structure, such as a blank wall or a covered lens, and is near to
	// any other of its kind.
	weakBits = 8
)

// Hash is a 64-bit difference hash: the picture, turned upright, is averaged to
// 9 × 8 cells of luma; a bit says that a cell is brighter than its right
// neighbour. Pictures that look alike have hashes that differ in few bits.
//
// It is computed with integers alone from the decoded luma, so one decoder
// gives one hash on every machine. A JPEG decoder may differ from another by
// one step of brightness, which can turn a bit: compare with Near, not with ==.
// A match is a reason to look, never proof.
type Hash uint64

// String is 16 lower-case hex digits.
func (h Hash) String() string { return fmt.Sprintf("%016x", uint64(h)) }

// ErrHash: a text is not 16 lower-case hex digits.
var ErrHash = errors.New("not a perceptual hash of 16 hex digits")

// ParseHash reads what String writes.
func ParseHash(s string) (Hash, error) {
	v, err := strconv.ParseUint(s, 16, 64)
	if err != nil || Hash(v).String() != s {
		return 0, fmt.Errorf("%w: %.40q", ErrHash, s)
	}
	return Hash(v), nil
}

// Distance is the number of bits in which two hashes differ, 0 to 64.
func Distance(a, b Hash) int { return bits.OnesCount64(uint64(a ^ b)) }

// Weak reports whether the picture has too little structure for its hash to
// mean anything.
func (h Hash) Weak() bool {
	n := bits.OnesCount64(uint64(h))
	return n < weakBits || n > 64-weakBits
}

// Near reports whether two pictures look nearly the same.
func Near(a, b Hash) bool {
	return !a.Weak() && !b.Weak() && Distance(a, b) <= NearDistance
}

// Perceive decodes a picture of the given size in bytes and returns its hash.
// p is what Inspect said of it. The error is ErrNoDecoder, ErrTooLarge,
// ErrDecode or that of the medium.
func Perceive(r io.ReaderAt, size int64, p Picture) (Hash, error) {
	decode := jpeg.Decode
	switch p.Format {
	case JPEG:
	case PNG:
		decode = png.Decode
	default:
		return 0, fmt.Errorf("%w: %s", ErrNoDecoder, p.Format)
	}
	if p.Width == 0 || p.Height == 0 || p.cost == 0 {
		return 0, fmt.Errorf("%w: its size is not known", ErrDecode)
	}
	if p.cost > MaxDecoded {
		return 0, fmt.Errorf("%w: %d × %d takes %d bytes, at most %d", ErrTooLarge, p.Width, p.Height, p.cost, int64(MaxDecoded))
	}
	img, err := safely(decode, io.NewSectionReader(r, 0, size))
	if err != nil {
		return 0, err
	}
	if b := img.Bounds(); int64(b.Dx()) != p.Width || int64(b.Dy()) != p.Height {
		return 0, fmt.Errorf("%w: it states %d × %d and holds %d × %d", ErrDecode, p.Width, p.Height, b.Dx(), b.Dy())
	}
	orientation := int64(1)
	if p.Exif != nil && p.Exif.Orientation > 0 {
		orientation = p.Exif.Orientation
	}
	return hash(img, orientation)
}

// safely turns a panic of a decoder into an error: one broken picture must not
// end the program.
func safely(decode func(io.Reader) (image.Image, error), r io.Reader) (img image.Image, err error) {
	defer func() {
		if v := recover(); v != nil {
			img, err = nil, fmt.Errorf("%w: the decoder failed: %v", ErrDecode, v)
		}
	}()
	img, err = decode(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDecode, err)
	}
	return img, nil
}

// hash computes the difference hash of img after turning it upright.
func hash(img image.Image, orientation int64) (Hash, error) {
	cols, rows := hashCols+1, hashRows
	if orientation >= 5 {
		cols, rows = rows, cols
	}
	if b := img.Bounds(); b.Dx() < cols || b.Dy() < rows {
		return 0, fmt.Errorf("%w: %d × %d is too small for a hash", ErrDecode, b.Dx(), b.Dy())
	}
	cells := average(img, cols, rows)
	at := func(x, y int) int64 { // upright coordinates to stored ones
		switch orientation {
		case 2:
			x = hashCols - x
		case 3:
			x, y = hashCols-x, hashRows-1-y
		case 4:
			y = hashRows - 1 - y
		case 5:
			x, y = y, x
		case 6:
			x, y = y, hashCols-x
		case 7:
			x, y = hashRows-1-y, hashCols-x
		case 8:
			x, y = hashRows-1-y, x
		}
		return cells[y*cols+x]
	}
	var h Hash
	for y := range hashRows {
		for x := range hashCols {
			h <<= 1
			if at(x, y) > at(x+1, y) {
				h |= 1
			}
		}
	}
	return h, nil
}

// average returns the mean luma of cols × rows cells, in 1/256 of a step.
func average(img image.Image, cols, rows int) []int64 {
	b := img.Bounds()
	luma := lumaOf(img)
	cells := make([]int64, cols*rows)
	for r := range rows {
		y0, y1 := b.Min.Y+r*b.Dy()/rows, b.Min.Y+(r+1)*b.Dy()/rows
		for c := range cols {
			x0, x1 := b.Min.X+c*b.Dx()/cols, b.Min.X+(c+1)*b.Dx()/cols
			sum := int64(0)
			for y := y0; y < y1; y++ {
				sum += luma(y, x0, x1)
			}
			cells[r*cols+c] = sum * 256 / int64((y1-y0)*(x1-x0))
		}
	}
	return cells
}

// lumaOf returns a function that adds up the luma (0 to 255) of part of a row.
// JPEG stores luma as it is; other pictures are weighed as in JFIF, in integers.
func lumaOf(img image.Image) func(y, x0, x1 int) int64 {
	switch m := img.(type) {
	case *image.YCbCr:
		return func(y, x0, x1 int) int64 { return addUp(m.Y[m.YOffset(x0, y):][:x1-x0]) }
	case *image.Gray:
		return func(y, x0, x1 int) int64 { return addUp(m.Pix[m.PixOffset(x0, y):][:x1-x0]) }
	}
	return func(y, x0, x1 int) int64 {
		sum := int64(0)
		for x := x0; x < x1; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			sum += int64((19595*uint64(r) + 38470*uint64(g) + 7471*uint64(b) + 1<<15) >> 24)
		}
		return sum
	}
}

func addUp(b []byte) int64 {
	sum := int64(0)
	for _, v := range b {
		sum += int64(v)
	}
	return sum
}
