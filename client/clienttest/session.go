package clienttest

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const queued = 4096 // frames that wait for one client

// Session is one connection.
type Session struct {
	srv  *Server
	conn net.Conn
	json bool
	out  chan []byte
	quit chan struct{}
	once sync.Once

	mu       sync.Mutex
	user     uint64
	watch    map[uint64]bool // users
	focus    []uint64
	received map[uint64]uint64
}

// User returns whose session it is; 0 before it has authenticated.
func (s *Session) User() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.user
}

// Focus returns what the session has open.
func (s *Session) Focus() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.focus)
}

// Received returns the highest seq of a conversation that the client acknowledged on this session.
func (s *Session) Received(conv uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.received[conv]
}

func (s *Server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	c := peeked{Conn: conn, r: bufio.NewReader(conn)}
	if s.call(c) {
		return
	}
	up := ws.Upgrader{Protocol: func(p []byte) bool {
		return string(p) == "throng.v1.proto" || string(p) == "throng.v1.json"
	}}
	hs, err := up.Upgrade(c)
	if err != nil {
		return
	}
	s.session(c, hs.Protocol)
}

// ServeHTTP is the way in for clients that come over TCP.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		status, kind, answer := s.answerCall(r.URL.Path, body)
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = w.Write(answer) // the client has gone
		return
	}
	up := ws.HTTPUpgrader{Protocol: func(p string) bool { return p == "throng.v1.proto" || p == "throng.v1.json" }}
	conn, _, hs, err := up.Upgrade(r, w)
	if err != nil {
		return
	}
	s.wg.Add(1)
	defer s.wg.Done()
	defer func() { _ = conn.Close() }()
	s.session(conn, hs.Protocol)
}

func (s *Server) session(conn net.Conn, protocol string) {
	ss := &Session{
		srv: s, conn: conn, json: protocol == "throng.v1.json", out: make(chan []byte, queued),
		quit: make(chan struct{}), received: map[uint64]uint64{},
	}
	s.mu.Lock()
	s.sessions[ss] = struct{}{}
	s.mu.Unlock()
	var writer sync.WaitGroup
	writer.Go(ss.writer)
	ss.reader()
	s.mu.Lock()
	delete(s.sessions, ss)
	s.mu.Unlock()
	close(ss.quit)
	_ = conn.Close()
	writer.Wait()
}

func (s *Session) writer() {
	for {
		select {
		case b := <-s.out:
			if _, err := s.conn.Write(b); err != nil {
				_ = s.conn.Close()
				return
			}
		case <-s.quit:
			return
		}
	}
}

func (s *Session) reader() {
	for {
		b, op, err := wsutil.ReadClientData(s.conn)
		if err != nil {
			return
		}
		var f throngv1.ClientFrame
		if op == ws.OpText {
			err = protojson.Unmarshal(b, &f)
		} else {
			err = proto.Unmarshal(b, &f)
		}
		if err != nil {
			s.Close(uint16(throngv1.CloseCode_CLOSE_CODE_BAD_FRAME), "bad_frame")
			return
		}
		for _, env := range f.GetEnvelopes() {
			if s.srv.OnRequest != nil && s.srv.OnRequest(s, env) {
				continue
			}
			s.srv.handle(s, env)
		}
	}
}

// Push sends an envelope, subject to OnPush.
func (s *Session) Push(env *throngv1.ServerEnvelope) {
	v := Pass
	if s.srv.OnPush != nil {
		v = s.srv.OnPush(s, env)
	}
	s.send(env, v)
}

// Answer sends the response to a request, subject to OnAnswer.
func (s *Session) Answer(id uint64, r *throngv1.Response) {
	if id == 0 {
		return
	}
	r.Id = id
	env := &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: r}}
	v := Pass
	if s.srv.OnAnswer != nil {
		v = s.srv.OnAnswer(s, env)
	}
	s.send(env, v)
}

// Refuse answers a request with an error.
func (s *Session) Refuse(id uint64, code throngv1.Code, reason string, retryAfterMS uint32) {
	s.Answer(id, &throngv1.Response{Result: &throngv1.Response_Error{Error: &throngv1.Error{
		Code: code, Reason: reason, Message: reason, RetryAfterMs: retryAfterMS,
	}}})
}

// Raw sends bytes as one message, whatever they are.
func (s *Session) Raw(b []byte) {
	op := ws.OpBinary
	if s.json {
		op = ws.OpText
	}
	frame, err := ws.CompileFrame(ws.NewFrame(op, true, b))
	if err != nil {
		return
	}
	s.put(frame)
}

// Close ends the connection with a code, after what was sent before.
func (s *Session) Close(code uint16, reason string) {
	s.once.Do(func() {
		if b, err := ws.CompileFrame(ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), reason))); err == nil {
			s.put(b)
		}
	})
}

func (s *Session) send(env *throngv1.ServerEnvelope, v Verdict) {
	if v == Drop {
		return
	}
	f := &throngv1.ServerFrame{Envelopes: []*throngv1.ServerEnvelope{env}}
	if v == Twice {
		f.Envelopes = append(f.Envelopes, env)
	}
	var b []byte
	var err error
	if s.json {
		b, err = protojson.Marshal(f)
	} else {
		b, err = proto.Marshal(f)
	}
	if err == nil {
		s.Raw(b)
	}
}

func (s *Session) put(b []byte) {
	select {
	case s.out <- b:
	case <-s.quit:
	}
}
