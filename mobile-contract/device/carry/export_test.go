package carry

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// TextOf packs any bytes as a text with right checksums.
func TextOf(raw []byte) string {
	var packed bytes.Buffer
	z, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		panic(err)
	}
	if _, err := z.Write(raw); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	piece := packed.Bytes()
	sum := checksum(piece)
	piece = binary.BigEndian.AppendUint32(piece, crc32.ChecksumIEEE(piece))
	return fmt.Sprintf("%s1/1:%s:%s", prefix, sum, base32Text.EncodeToString(piece))
}
