package seal

import (
	"bufio"
	"compress/bzip2"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/asn1"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"fieldseal/sync/event"
)

// published opens a set of known answers that comes with Go's own sources.
func published(t *testing.T, name string) io.Reader {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(root)), "src", "crypto", filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("this Go was installed without the sources' known answers: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// NIST's SigVer set for P-256 with SHA-256 (CAVP, FIPS 186-3): good signatures, and
// those with message, R, S or key changed.
func TestSigVer(t *testing.T) {
	lines := bufio.NewScanner(bzip2.NewReader(published(t, "ecdsa/testdata/SigVer.rsp.bz2")))
	v, section := map[string]string{}, ""
	good, bad := 0, 0
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "[") {
			section = line
		}
		name, value, ok := strings.Cut(line, " = ")
		if !ok || section != "[P-256,SHA-256]" {
			continue
		}
		v[name] = value
		if name != "Result" {
			continue
		}
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), unhex(t, "04"+v["Qx"]+v["Qy"]))
		if err != nil {
			if strings.HasPrefix(value, "P") {
				t.Errorf("the key of a good signature is refused: %v", err)
			}
			bad++
			continue
		}
		r, _ := new(big.Int).SetString(v["R"], 16)
		s, _ := new(big.Int).SetString(v["S"], 16)
		sig, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		want := strings.HasPrefix(value, "P")
		if got := public(t, event.AlgP256, pub).Check(unhex(t, v["Msg"]), sig); got != want {
			t.Errorf("R %s: %v, want %s", v["R"], got, value)
		}
		if want {
			good++
		} else {
			bad++
		}
	}
	if lines.Err() != nil || good < 3 || bad < 8 {
		t.Errorf("%d good and %d bad ones: %v", good, bad, lines.Err())
	}
}

// The Ed25519 authors' signatures (ed25519.cr.yp.to, sign.input), the 128 that Go keeps.
func TestSignInput(t *testing.T) {
	z, err := gzip.NewReader(published(t, "ed25519/testdata/sign.input.gz"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	n := 0
	for ; lines.Scan(); n++ {
		parts := strings.Split(lines.Text(), ":")
		pub, message := unhex(t, parts[1]), unhex(t, parts[2])
		k := public(t, event.AlgEd25519, ed25519.PublicKey(pub))
		sig := unhex(t, parts[3])[:ed25519.SignatureSize] // the message follows
		if !k.Check(message, sig) {
			t.Errorf("line %d: the published signature is refused", n+1)
		}
		sig[n%len(sig)] ^= 1 << (n % 8)
		if k.Check(message, sig) {
			t.Errorf("line %d: a changed signature verifies", n+1)
		}
	}
	if lines.Err() != nil || n != 128 {
		t.Errorf("%d signatures: %v", n, lines.Err())
	}
}
