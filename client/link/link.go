package link

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// The names of the session's subprotocols.
const (
	protocolProto = "throng.v1.proto"
	protocolJSON  = "throng.v1.json"
)

const (
	defaultMaxFrame   = 4 << 20 // bytes of one message; the server's frames end at 512 KiB by default
	defaultReadBuffer = 4096    // bytes a connection; larger messages get a buffer of their own
	keptBuffer        = 64 << 10
	writeTimeout      = 10 * time.Second
	closeTimeout      = time.Second
	maskBatch         = 64 // mask keys taken from the system at once
)

// Config says how to open a Link.
type Config struct {
	// URL is the server's base URL, or that of its sessions: http, https, ws or wss.
	URL string
	// JSON chooses the subprotocol throng.v1.json.
	JSON bool
	// MaxFrame bounds a message of the server; 0 is 4 MiB.
	MaxFrame int
	// ReadBuffer is the size of the read buffer; 0 is 4 KiB.
	ReadBuffer int
	// NetDial opens the transport; nil is TCP.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is for wss and https; nil is the default.
	TLS *tls.Config
	// Header is sent with the handshake.
	Header http.Header
}

// Link is one WebSocket connection to a server: whole frames in, whole frames out, no logic. Read is for one goroutine;
// Write and Close may be called from any.
type Link struct {
	// Immutable after construction.
	conn     net.Conn
	json     bool
	maxFrame int
	// turn holds one token while somebody writes, for as long as the transport takes: a channel, on which waiting is waiting
	// in virtual time too.
	turn chan struct{}

	// Owned by the reading goroutine.
	br      *bufio.Reader
	big     []byte
	discard int

	// Guarded by turn.
	out    []byte
	masks  [4 * maskBatch]byte
	masked int
	// deadline is when a write that blocks ends.
	deadline time.Time

	// Atomic.
	received atomic.Int64
	closed   atomic.Bool
}

// Dial opens a connection. It does not authenticate.
func Dial(ctx context.Context, cfg Config) (*Link, error) {
	target, err := URL(cfg.URL)
	if err != nil {
		return nil, err
	}
	want := protocolProto
	if cfg.JSON {
		want = protocolJSON
	}
	var refused *HandshakeError
	d := ws.Dialer{
		Protocols: []string{want}, NetDial: cfg.NetDial, TLSConfig: cfg.TLS,
		ReadBufferSize: 1024, WriteBufferSize: 1024,
		OnStatusError: func(status int, _ []byte, resp io.Reader) { refused = handshakeError(status, resp) },
	}
	if cfg.Header != nil {
		d.Header = ws.HandshakeHeaderHTTP(cfg.Header)
	}
	conn, early, hs, err := d.Dial(ctx, target)
	if err != nil {
		if refused != nil {
			return nil, refused
		}
		return nil, fmt.Errorf("open the session: %w", err)
	}
	if hs.Protocol != want {
		_ = conn.Close()
		return nil, &CloseError{Code: int(throngv1Unsupported), Reason: "the server does not speak " + want}
	}
	l := &Link{conn: conn, turn: make(chan struct{}, 1), json: cfg.JSON, maxFrame: cfg.MaxFrame, masked: 4 * maskBatch}
	if l.maxFrame == 0 {
		l.maxFrame = defaultMaxFrame
	}
	size := cfg.ReadBuffer
	if size == 0 {
		size = defaultReadBuffer
	}
	var src io.Reader = conn
	if early != nil { // the server's first bytes came with the handshake
		b, _ := early.Peek(early.Buffered())
		src = io.MultiReader(bytes.NewReader(bytes.Clone(b)), conn)
		ws.PutReader(early)
	}
	l.br = bufio.NewReaderSize(src, size)
	return l, nil
}

// Write sends one frame. It copies payload, and blocks while the transport does; a peer that takes nothing for 5 to
// 10 s ends the connection.
func (l *Link) Write(payload []byte) error {
	op := ws.OpBinary
	if l.json {
		op = ws.OpText
	}
	return l.write(op, payload, writeTimeout)
}

func (l *Link) write(op ws.OpCode, payload []byte, timeout time.Duration) error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	return l.put(op, payload, timeout)
}

// put writes a frame with turn held.
func (l *Link) put(op ws.OpCode, payload []byte, timeout time.Duration) error {
	b := l.out[:0]
	switch n := len(payload); {
	case n < lengthIs16:
		b = append(b, finBit|byte(op), maskBit|byte(n))
	case n < 1<<16:
		b = append(b, finBit|byte(op), maskBit|lengthIs16)
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b = append(b, finBit|byte(op), maskBit|lengthIs64)
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	key, err := l.mask()
	if err != nil {
		return err
	}
	b = append(b, key[:]...)
	at := len(b)
	b = append(b, payload...)
	ws.Cipher(b[at:], key, 0)
	if cap(b) <= keptBuffer {
		l.out = b
	}
	// Moving the deadline costs as much as the copy: it moves when half of it is used up.
	if until := time.Now().Add(timeout); until.Sub(l.deadline) > timeout/2 || until.Before(l.deadline) {
		if err := l.conn.SetWriteDeadline(until); err != nil {
			return err
		}
		l.deadline = until
	}
	_, err = l.conn.Write(b)
	return err
}

func (l *Link) mask() (key [4]byte, err error) {
	if l.masked == len(l.masks) {
		if _, err = rand.Read(l.masks[:]); err != nil {
			return key, err
		}
		l.masked = 0
	}
	copy(key[:], l.masks[l.masked:])
	l.masked += 4
	return key, nil
}

// Received returns how many bytes of frames, headers included, were read.
func (l *Link) Received() int64 { return l.received.Load() }

// Close sends a close frame and closes the transport; a blocked Read ends.
func (l *Link) Close(code int, reason string) error {
	if l.closed.Swap(true) {
		return nil
	}
	select {
	case l.turn <- struct{}{}:
		body := ws.NewCloseFrameBody(ws.StatusCode(code), reason)
		_ = l.put(ws.OpClose, body, closeTimeout)
		<-l.turn
	default: // a writer that is stuck must not keep the connection open
	}
	return l.conn.Close()
}

// sessionPath is where sessions begin.
const sessionPath = "/v1/session"

// URL returns the address of the session at a server's base URL: http, https, ws or wss. What is such an address stays as it is.
func URL(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil {
		return "", fmt.Errorf("the server's URL: %w", err)
	}
	switch u.Scheme {
	case "http", "ws":
		u.Scheme = "ws"
	case "https", "wss":
		u.Scheme = "wss"
	default:
		return "", fmt.Errorf("the server's URL %q needs http, https, ws or wss", base)
	}
	if u.Host == "" {
		return "", fmt.Errorf("the server's URL %q names no host", base)
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), sessionPath) + sessionPath
	return u.String(), nil
}

func handshakeError(status int, resp io.Reader) *HandshakeError {
	e := &HandshakeError{Status: status}
	r, err := http.ReadResponse(bufio.NewReader(resp), nil)
	if err != nil {
		return e
	}
	defer func() { _ = r.Body.Close() }()
	if s, err := strconv.Atoi(r.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	return e
}
