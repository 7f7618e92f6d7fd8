package custody

import (
	"math/bits"
	"strconv"

	"fieldseal/sync/event"
)

// picture is a photo that can be compared with others by its perceptual hash.
type picture struct {
	use  *fileUse
	body *event.PhotoCaptured
	exif *event.Exif
	hash uint64
}

// lookalike is two pictures whose perceptual hashes nearly agree, in causal order.
type lookalike struct {
	first, second *picture
	bits          int
}

// A picture that is nearly all dark or all bright has a hash of few or of
// nearly only ones, which it shares with every other such picture.
const leastOnes = 8

// parsePHash reads 16 hex digits; ok is false for anything else and for hashes
// that tell nothing.
func parsePHash(s string) (uint64, bool) {
	h, err := strconv.ParseUint(s, 16, 64)
	ones := bits.OnesCount64(h)
	return h, err == nil && len(s) == 16 && ones >= leastOnes && ones <= 64-leastOnes
}

// maxBucket bounds the pictures that one is compared with in each band, so that
// the work stays linear however alike the pictures of a case are.
const maxBucket = 64

// lookalikes finds the pairs of photos that nobody declared to be one picture and
// whose hashes differ in at most the pack's number of bits. Hashes that differ
// in k bits agree in at least one of k+1 bands, so only pictures that share a
// band are compared.
func (v *view) lookalikes() []lookalike {
	if v.files.pairs == nil {
		v.files.pairs = v.findLookalikes()
	}
	return v.files.pairs
}

func (v *view) findLookalikes() []lookalike {
	limit := int(whole(v.rules.Photo.SameBits))
	width := max(1, 64/(limit+1))
	type band struct {
		n    int
		bits uint64
	}
	buckets := map[band][]*picture{}
	pairs := []lookalike{}
	for _, p := range v.pictures() {
		met := map[*picture]bool{}
		for n := 0; n*width < 64; n++ {
			key := band{n, p.hash >> (n * width) & (1<<width - 1)}
			if n*width+2*width > 64 { // the last band takes what is left
				key.bits = p.hash >> (n * width)
			}
			for _, q := range buckets[key] {
				d := bits.OnesCount64(p.hash ^ q.hash)
				if !met[q] && d <= limit && !related(q.use, p.use) {
					met[q] = true
					pairs = append(pairs, lookalike{q, p, d})
				}
			}
			if len(buckets[key]) < maxBucket {
				buckets[key] = append(buckets[key], p)
			}
			if n*width+2*width > 64 {
				break
			}
		}
	}
	return pairs
}

// pictures lists the photos that have a usable hash, in causal order.
func (v *view) pictures() []*picture {
	if v.files.pictures != nil {
		return v.files.pictures
	}
	v.files.pictures = []*picture{}
	for _, u := range v.files.uses {
		b, ok := u.act.now.(*event.PhotoCaptured)
		if !ok || b.Exif == nil {
			continue
		}
		if h, ok := parsePHash(b.Exif.PHash); ok {
			v.files.pictures = append(v.files.pictures, &picture{u, b, b.Exif, h})
		}
	}
	return v.files.pictures
}

// related reports whether two files are one, or one is said to be made from the
// other, or both from a third.
func related(a, b *fileUse) bool {
	return a.media.SHA256 == b.media.SHA256 || a.ref == b.ref || a.original == b.media.SHA256 || b.original == a.media.SHA256 ||
		a.original == b.original && !a.original.IsZero()
}
