package upload

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"fieldseal/sync/blob/blobtest"
)

// pair is a connection through the listener: the peer's end and ours.
func pair(t *testing.T, idle time.Duration) (peer, ours net.Conn) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := RollingDeadlineListener(inner, idle)
	if peer, err = net.Dial("tcp", inner.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if ours, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(peer.Close(), ours.Close(), ln.Close()) })
	return peer, ours
}

func TestSilentPeerIsEnded(t *testing.T) {
	_, ours := pair(t, 50*time.Millisecond)
	start := time.Now()
	if _, err := ours.Read(make([]byte, 1)); !os.IsTimeout(err) || time.Since(start) < 50*time.Millisecond {
		t.Fatalf("after %v: %v", time.Since(start), err)
	}
}

// drip writes pieces with pauses until the other side goes.
func drip(c net.Conn, piece []byte, pause time.Duration) {
	for range 1000 {
		if _, err := c.Write(piece); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

func TestDripIsEnded(t *testing.T) {
	peer, ours := pair(t, 200*time.Millisecond)
	go drip(peer, []byte{'x'}, 10*time.Millisecond)
	n, err := io.Copy(io.Discard, ours)
	if !os.IsTimeout(err) || n >= progressBytes {
		t.Fatalf("%d bytes, %v", n, err)
	}
}

func TestSlowProgressGoesOn(t *testing.T) {
	const idle = 200 * time.Millisecond
	peer, ours := pair(t, idle)
	go drip(peer, make([]byte, progressBytes), idle/4)
	// Far longer than idle in total.
	if n, err := io.ReadFull(ours, make([]byte, 20*progressBytes)); err != nil {
		t.Fatalf("ended after %d bytes: %v", n, err)
	}
}

// Time in which the server is busy elsewhere is not the peer's fault.
func TestOwnTimeDoesNotCount(t *testing.T) {
	peer, ours := pair(t, 100*time.Millisecond)
	for range 4 {
		time.Sleep(60 * time.Millisecond)
		if _, err := peer.Write([]byte{'x'}); err != nil {
			t.Fatal(err)
		}
		if _, err := ours.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServerDeadlineHolds(t *testing.T) {
	_, ours := pair(t, time.Hour)
	if err := ours.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Fatal(err)
	}
	// A deadline also ends a Read that is under way.
	if err := ours.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { _, err := ours.Read(make([]byte, 1)); done <- err }()
	select {
	case err := <-done:
		t.Fatalf("not waiting: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if err := ours.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !os.IsTimeout(err) {
		t.Fatal(err)
	}
}

func TestPeerThatDoesNotReadIsEnded(t *testing.T) {
	_, ours := pair(t, 50*time.Millisecond)
	n, err := ours.Write(make([]byte, 256<<20)) // more than any socket buffer
	if !os.IsTimeout(err) || n >= 256<<20 {
		t.Fatalf("%d, %v", n, err)
	}
}

func TestLargeWriteToReader(t *testing.T) {
	peer, ours := pair(t, 5*time.Second)
	want := blobtest.Bytes(3<<20+17, 1)
	done := make(chan error, 1)
	go func() {
		n, err := ours.Write(want)
		if err == nil && n != len(want) {
			err = fmt.Errorf("wrote %d", n)
		}
		done <- errors.Join(err, ours.Close())
	}()
	got, err := io.ReadAll(peer)
	if err != nil || blobtest.DigestOf(got) != blobtest.DigestOf(want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Over a whole server: an upload that takes many times the idle time succeeds, one
// that stalls is ended, and what it brought is kept.
func TestUploadLongerThanIdle(t *testing.T) {
	w := newWorld(t, nil)
	data := blobtest.Bytes(20*progressBytes, 21)
	url := w.create(data)
	body, sender := io.Pipe()
	go func() {
		for i := range 20 {
			if _, err := sender.Write(data[i*progressBytes : (i+1)*progressBytes]); err != nil {
				return
			}
			time.Sleep(idle / 10)
		}
		_ = sender.Close()
	}()
	w.do("PATCH", url, body, "Upload-Offset", "0", "Content-Type", chunkType, "Content-Length", fmt.Sprint(len(data))).want(t, 204)
	w.wantHeld(data)

	data = blobtest.Bytes(20*progressBytes, 22)
	url = w.create(data)
	c := w.dial()
	rawPatch(t, c, url, 0, len(data), data[:10*progressBytes])
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 400 || res.Header.Get("Upload-Offset") != fmt.Sprint(10*progressBytes) {
		t.Fatalf("%+v, %v", res, err)
	}
	w.patch(url, 10*progressBytes, data[10*progressBytes:]).want(t, 204)
	w.wantHeld(data)
}

func TestSlowHeadIsEnded(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	go drip(c, []byte("X-A: b\r\n"), 20*time.Millisecond)
	if _, err := io.WriteString(c, "HEAD / HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(c); os.IsTimeout(err) {
		t.Fatal("a request head that never ends holds its connection")
	}
}

func TestHeadTooLarge(t *testing.T) {
	w := newWorld(t, nil)
	c := w.dial()
	if _, err := io.WriteString(c, "HEAD / HTTP/1.1\r\nX: "+strings.Repeat("x", 2*headerBuffer)+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || res.StatusCode != 431 {
		t.Fatalf("%+v, %v", res, err)
	}
}
