package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
)

// photo gives n bytes that do not compress and differ by seed.
func photo(n int, seed byte) []byte {
	b := make([]byte, n)
	x := uint32(seed)*2654435761 + 12345
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

// BenchmarkUpload is Create, Append, Finish and Settle of one file, from memory.
// api/upload measures the whole path over HTTP.
func BenchmarkUpload(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20, 3 << 20, 64 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			f, err := OpenFiles(FilesConfig{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			data, ctx := photo(size, 1), context.Background()
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := range b.N {
				b.StopTimer()
				data[i%size]++
				d := Digest(sha256.Sum256(data))
				b.StartTimer()
				up, err := f.Create(ctx, Promise{Wanted: d, Length: int64(size)})
				if err == nil {
					_, err = f.Append(ctx, up.ID, 0, bytes.NewReader(data), nil)
				}
				if err == nil {
					_, err = f.Finish(ctx, up.ID)
				}
				if err == nil {
					err = f.Settle(ctx, up.ID)
				}
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := f.fs.Remove(f.contentPath(d)); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
