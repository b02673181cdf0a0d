//go:build unix

package eventloop_test

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/throng-im/throng/internal/eventloop"
)

// A write takes what fits, says EAGAIN when nothing does, and fails when the other end is gone.
func TestWriteNow(t *testing.T) {
	t.Parallel()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if err := syscall.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := eventloop.WriteNow(uintptr(fds[0]), nil); n != 0 || err != nil {
		t.Errorf("nothing: %d %v", n, err)
	}
	if n, err := eventloop.WriteNow(uintptr(fds[0]), []byte("hello")); n != 5 || err != nil {
		t.Errorf("hello: %d %v", n, err)
	}
	peer := os.NewFile(uintptr(fds[1]), "peer")
	got := make([]byte, 5)
	if _, err := io.ReadFull(peer, got); err != nil || string(got) != "hello" {
		t.Errorf("read %q %v", got, err)
	}
	chunk, total := make([]byte, 1<<20), 0
	for {
		n, err := eventloop.WriteNow(uintptr(fds[0]), chunk)
		if errors.Is(err, syscall.EAGAIN) {
			break
		}
		if err != nil || n == 0 {
			t.Fatalf("%d %v", n, err)
		}
		if total += n; total > 1<<30 {
			t.Fatal("it takes without end")
		}
	}
	if err := peer.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := eventloop.WriteNow(uintptr(fds[0]), chunk); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("after the peer's end: %v", err)
	}
	if err := syscall.Close(fds[0]); err != nil {
		t.Fatal(err)
	}
}
