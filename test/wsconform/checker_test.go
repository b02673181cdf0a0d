package wsconform_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/throng-im/throng/test/wsconform"
)

// TestChecker shows that the suite says no: a server that agrees to everything and never fails a connection passes none of the
// cases that are to be refused or failed, and one that hangs up passes none at all.
func TestChecker(t *testing.T) {
	t.Run("agrees to everything", func(t *testing.T) {
		target := &wsconform.Target{Address: serve(t, sloppy), Path: "/", Echo: true, Patience: 2 * time.Second}
		refused, sound := 0, 0
		for _, p := range wsconform.Run(t.Context(), target) {
			k := &p.Case
			switch wrong := k.End.Kind == wsconform.Fails || k.Shake != nil && len(k.Shake.Refuse) > 0; {
			case wrong && p.Rating == wsconform.Strict:
				t.Errorf("%s passed", k.ID())
			case wrong:
				refused++
			case p.Rating == wsconform.Strict:
				sound++
			}
		}
		if refused < 400 || sound < 100 {
			t.Errorf("%d cases said no and %d yes", refused, sound)
		}
	})
	t.Run("hangs up", func(t *testing.T) {
		target := &wsconform.Target{Address: serve(t, func(c net.Conn) { _ = c.Close() }), Path: "/", Echo: true, Limit: 1 << 10}
		for _, p := range wsconform.Run(t.Context(), target) {
			if p.Rating != wsconform.Failed {
				t.Errorf("%s was %s", p.Case.ID(), p.Rating)
			}
		}
	})
}

// serve handles each connection of a listener until the test ends.
func serve(t *testing.T, handle func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go handle(c) // ends with the connection
		}
	}()
	return l.Addr().String()
}

// sloppy agrees to every handshake, sends back the payload of every frame of data, answers pings and close frames, and checks
// nothing.
func sloppy(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	key := ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if strings.EqualFold(name, "Sec-WebSocket-Key") {
			key = strings.TrimSpace(value)
		}
		if strings.TrimSpace(line) == "" {
			break
		}
	}
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	_, _ = io.WriteString(c, "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
		base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n")
	for {
		first, payload, err := anyFrame(r)
		if err != nil {
			return
		}
		switch op := first & 0x0f; op {
		case 1, 2:
			_, _ = c.Write(append([]byte{0x80 | op, byte(len(payload))}, payload...))
		case 9:
			_, _ = c.Write(append([]byte{0x8A, byte(len(payload))}, payload...))
		case 8:
			_, _ = c.Write([]byte{0x88, 2, 3, 232})
			return
		}
	}
}

// anyFrame reads a frame; of a long one it gives a short payload.
func anyFrame(r *bufio.Reader) (first byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1] & 0x7f)
	if more := map[uint64]int{126: 2, 127: 8}[n]; more > 0 {
		n = 0
		for range more {
			b, err := r.ReadByte()
			if err != nil {
				return 0, nil, err
			}
			n = n<<8 | uint64(b)
		}
	}
	var mask [4]byte
	if h[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return 0, nil, err
		}
	}
	for i := range n {
		b, err := r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		if len(payload) < 125 {
			payload = append(payload, b^mask[i%4])
		}
	}
	return h[0], payload, nil
}
