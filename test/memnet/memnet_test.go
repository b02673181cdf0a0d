package memnet_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/test/memnet"
)

func pair(t *testing.T) (client, server net.Conn, link *memnet.Link) {
	t.Helper()
	var n memnet.Network
	l := n.Listen()
	link = n.NewLink(rand.New(rand.NewPCG(1, 2)))
	client, err := link.DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close(); _ = server.Close(); _ = l.Close() })
	return client, server, link
}

func TestBytesArriveInOrderAfterTheLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server, link := pair(t)
		link.SetLatency(10*time.Millisecond, 50*time.Millisecond)
		start := time.Now()
		for _, w := range []string{"one ", "two ", "three"} {
			if _, err := io.WriteString(client, w); err != nil {
				t.Fatal(err)
			}
		}
		_ = client.Close()
		got, err := io.ReadAll(server)
		if err != nil || string(got) != "one two three" {
			t.Fatalf("%q, %v", got, err)
		}
		if took := time.Since(start); took < 10*time.Millisecond || took > 50*time.Millisecond {
			t.Fatalf("took %s", took)
		}
	})
}

func TestDeadlineEndsAWaitingRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _, _ := pair(t)
		_ = client.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	})
}

func TestWriterWaitsForAPeerThatDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, _, _ := pair(t)
		_ = client.SetWriteDeadline(time.Now().Add(time.Second))
		n, err := client.Write(make([]byte, 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || n == 0 || n == 1<<20 {
			t.Fatalf("%d bytes, %v", n, err)
		}
	})
}

func TestSilenceIsNotNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server, link := pair(t)
		link.Silence()
		if _, err := io.WriteString(client, "lost"); err != nil {
			t.Fatal(err)
		}
		_ = server.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := server.Read(make([]byte, 8)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	})
}

func TestStalledClientTakesNothingUntilItDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server, link := pair(t)
		link.SetStalled(true)
		if _, err := io.WriteString(server, "late"); err != nil {
			t.Fatal(err)
		}
		_ = client.SetReadDeadline(time.Now().Add(time.Minute))
		b := make([]byte, 8)
		if _, err := client.Read(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		_ = client.SetReadDeadline(time.Time{})
		link.SetStalled(false)
		if n, err := client.Read(b); err != nil || string(b[:n]) != "late" {
			t.Fatalf("%q, %v", b[:n], err)
		}
	})
}

func TestLossyLinkLosesWhatTheServerWrites(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server, link := pair(t)
		link.SetLossy(true)
		if _, err := io.WriteString(server, "lost"); err != nil {
			t.Fatal(err)
		}
		link.SetLossy(false)
		if _, err := io.WriteString(server, "kept"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 8)
		if n, err := client.Read(b); err != nil || string(b[:n]) != "kept" {
			t.Fatalf("%q, %v", b[:n], err)
		}
	})
}

func TestResetIsNoticedByBoth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, server, link := pair(t)
		link.Reset()
		if _, err := client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
		if _, err := server.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Fatal(err)
		}
	})
}

func TestHTTPWorksOverIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n memnet.Network
		srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(w, r.Body)
		})}
		l := n.Listen()
		go func() { _ = srv.Serve(l) }() // ends with Close
		link := n.NewLink(rand.New(rand.NewPCG(1, 2)))
		link.SetLatency(time.Millisecond, 5*time.Millisecond)
		tr := &http.Transport{DialContext: link.DialContext}
		req, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://server/", strings.NewReader("hello"))
		res, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if string(body) != "hello" {
			t.Fatalf("%q", body)
		}
		tr.CloseIdleConnections()
		_ = srv.Close()
	})
}
