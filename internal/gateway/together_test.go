package gateway_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/gateway"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// ahead is a frame as it comes along with a handshake (S-36).
func ahead(t *testing.T, envs ...*throngv1.ClientEnvelope) string {
	t.Helper()
	b, err := proto.Marshal(&throngv1.ClientFrame{Envelopes: envs})
	assert.NoError(t, "encode", err)
	return base64.RawURLEncoding.EncodeToString(b)
}

// S-36: a frame in the handshake is what would come first behind the token.
func TestFrameInTheHandshake(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		dial := func(frame string) *peer {
			d := ws.Dialer{
				Protocols: []string{"throng.v1.proto"},
				Header:    ws.HandshakeHeaderHTTP(http.Header{"Authorization": {"Bearer 1:10"}, "Throng-Frame": {frame}}),
			}
			c, br, _, err := d.Dial(t.Context(), w.session())
			assert.NoError(t, "dial", err)
			t.Cleanup(func() { _ = c.Close() })
			p := &peer{t: t, Conn: c, r: c}
			if br != nil {
				p.r = br
			}
			return p
		}
		p := dial(ahead(t, focusOn(5), text(3, 5, "along")))
		answers := map[uint64]*throngv1.Response{}
		for i, env := range p.collect(3) {
			a := env.GetResponse()
			if answers[a.GetId()] = a; i == 0 {
				assert.Equal(t, "who it is comes first", a.GetAuthenticate().GetDevice(), 10)
			}
		}
		assert.Equal(t, "the head", answers[2].GetFocus().GetHeads()[0].GetSeq(), 1_005)
		assert.Equal(t, "the message", answers[3].GetSend().GetSeq(), 1)

		code, _ := dial(base64.RawURLEncoding.EncodeToString([]byte{1, 2, 3})).closed()
		assert.Equal(t, "what is no frame (S-22)", code, 4400)
	})
}

// storm is callers who come one after the other while no token is looked at.
type storm struct {
	first   []chan []byte // what each reads first, then the rest
	release chan struct{} // closed: tokens are looked at
}

// alone is how many of a loop are answered at once while the tokens of all of them wait.
const alone = 15

func newStorm(t *testing.T, callers int) *storm {
	t.Helper()
	s := &storm{first: make([]chan []byte, callers), release: make(chan struct{})}
	came := make(chan struct{}, callers)
	w := newWorld(t, true, func(c *gateway.Config) { c.Loops, c.Workers = 1, 64 })
	w.back.mu.Lock()
	w.back.onToken = func() {
		came <- struct{}{}
		<-s.release
	}
	w.back.mu.Unlock()
	const request = "GET /v1/session HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: throng.v1.proto\r\nAuthorization: Bearer %d:10\r\n" +
		"Throng-Frame: %s\r\n\r\n"
	frame := ahead(t, focusOn(5))
	for i := range s.first {
		c, err := net.Dial("tcp", strings.TrimPrefix(w.url, "http://"))
		assert.NoError(t, "dial", err)
		t.Cleanup(func() { _ = c.Close() })
		s.first[i] = make(chan []byte, 8)
		go func() { // ends with the connection
			for {
				buf := make([]byte, 4<<10)
				n, err := c.Read(buf)
				if err != nil {
					close(s.first[i])
					return
				}
				s.first[i] <- buf[:n]
			}
		}()
		_, err = fmt.Fprintf(c, request, i+1, frame)
		assert.NoError(t, "ask", err)
		<-came
	}
	return s
}

// behind is what comes in one with the answer to a handshake.
func (s *storm) behind(t *testing.T, i int) []byte {
	t.Helper()
	b := <-s.first[i]
	assert.True(t, "it begins with the answer to the handshake", bytes.HasPrefix(b, []byte("HTTP/1.1 101 ")))
	_, behind, _ := bytes.Cut(b, []byte("\r\n\r\n"))
	return behind
}

// S-5, S-36: where many come at once, the answers to the handshake, to the token and to what came with it are one write.
func TestAnswersOfAStormGoTogether(t *testing.T) {
	t.Parallel()
	s := newStorm(t, alone+8)
	for i := range alone {
		assert.Equal(t, "behind the answer of who is among the first", len(s.behind(t, i)), 0)
	}
	close(s.release)
	for i := alone; i < len(s.first); i++ {
		var frame throngv1.ServerFrame
		b := s.behind(t, i)
		assert.True(t, "a frame is there", len(b) > 2)
		assert.NoError(t, "decode", proto.Unmarshal(b[2:], &frame)) // behind the two bytes of a short message's header
		assert.Equal(t, "answers in it", len(frame.GetEnvelopes()), 2)
		assert.Equal(t, "the head", frame.GetEnvelopes()[1].GetResponse().GetFocus().GetHeads()[0].GetSeq(), 1_005)
	}
}

// S-36: nobody waits for the answer to the handshake for as long as it takes to look at a token.
func TestAnswersOfAStormWaitForAWhile(t *testing.T) {
	t.Parallel()
	s := newStorm(t, alone+1)
	assert.Equal(t, "behind the answer", len(s.behind(t, alone)), 0)
	close(s.release)
	assert.True(t, "the rest", len(<-s.first[alone]) > 0)
}
