package wsconform

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
	"unicode/utf8"
)

const (
	// patience is how long the suite waits for what must come, where the target does not say otherwise.
	patience = 20 * time.Second
	// moment is how long it waits for what may come.
	moment = 250 * time.Millisecond
	// chopAll is how much is sent in writes of one byte; of more, the first and the last chopEnds are.
	chopAll, chopEnds = 70_000, 512
	// largest frame that a server may send here.
	largest = 4 << 20
)

// event is what a server sent: a message, a pong, a close frame, or the end.
type event struct {
	op      byte
	message Message // of a data frame
	payload string  // of a control frame
	code    int     // of a close frame; 0: it has none
	err     error   // the end of the connection, or what is wrong with the server's frames
}

// errBroken is what the suite has against a server's frames.
var errBroken = errors.New("the server's frame")

func broken(why string) error { return fmt.Errorf("%w %s", errBroken, why) }

// conn is a raw connection.
type conn struct {
	net.Conn
	chop     bool
	patience time.Duration

	// owned by the reading goroutine
	r       *bufio.Reader
	deflate map[string]string
	window  []byte // what the server's compressor may refer to

	events chan event
	over   chan struct{} // closed once nothing more needs to be sent
}

// dial opens a connection without a handshake.
func dial(ctx context.Context, t *Target, chop bool) (*conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(ctx, "tcp", t.Address)
	if err != nil {
		return nil, fmt.Errorf("dialling: %w", err)
	}
	if t.TLS {
		raw = tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	}
	return &conn{Conn: raw, chop: chop, patience: t.patience(), r: bufio.NewReader(raw), events: make(chan event, 256), over: make(chan struct{})}, nil
}

// send writes, chopped or not. A server may have ended the connection by then: what it says is read, not how the write went.
func (c *conn) send(b []byte) {
	for at, until := 0, 0; at < len(b); {
		if at >= until { // patience begins anew: tens of thousands of writes take their time
			until = at + chopEnds
			if c.SetDeadline(time.Now().Add(c.patience)) != nil {
				return
			}
		}
		select {
		case <-c.over:
			return
		default:
		}
		n := len(b) - at
		switch {
		case !c.chop:
		case len(b) <= chopAll || at < chopEnds || n <= chopEnds:
			n = 1
		default:
			n -= chopEnds
		}
		if _, err := c.Write(b[at : at+n]); err != nil {
			return
		}
		at += n
	}
}

// answer reads the answer to the handshake.
func (c *conn) answer(method string) (*Answer, error) {
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return nil, fmt.Errorf("reading the answer to the handshake: %w", err)
	}
	a := &Answer{Status: resp.StatusCode, Header: resp.Header}
	if a.Status != http.StatusSwitchingProtocols {
		_ = resp.Body.Close() // nothing more is read of it
		return a, nil
	}
	var why string
	if a.Deflate, why = parseDeflate(resp.Header); why != "" {
		return nil, errors.New(why)
	}
	c.deflate = a.Deflate
	return a, nil
}

// read turns frames into events until the connection ends; then it closes events.
func (c *conn) read() {
	defer close(c.events)
	var message []byte
	var first byte
	for {
		h, payload, err := c.frame()
		if err != nil {
			close(c.over)
			c.events <- event{err: err}
			return
		}
		op := h & 0x0f
		switch {
		case op >= opClose:
			ev := event{op: op, payload: string(payload)}
			if op == opClose {
				ev.code, ev.err = closeCode(payload)
			}
			c.events <- ev
			continue
		case op == opContinuation:
			if first == 0 {
				err = broken("continues nothing")
			}
		case first != 0:
			err = broken("begins a message within another")
		default:
			first = h
		}
		if message = append(message, payload...); h&fin != 0 && err == nil {
			var m Message
			if m, err = c.whole(first, message); err == nil {
				c.events <- event{op: first & 0x0f, message: m}
			}
			message, first = nil, 0
		}
		if err != nil {
			c.events <- event{err: err}
			close(c.over)
			return
		}
	}
}

// whole is a message whose last fragment has come.
func (c *conn) whole(first byte, b []byte) (Message, error) {
	if first&rsv1 != 0 {
		var err error
		if b, err = c.inflate(b); err != nil {
			return Message{}, err
		}
	}
	m := Message{Text: first&0x0f == opText, Payload: bytes.Clone(b)}
	if m.Text && !utf8.Valid(m.Payload) {
		return m, broken("is text and not UTF-8")
	}
	return m, nil
}

// inflate is RFC 7692 section 7.2.2.
func (c *conn) inflate(b []byte) ([]byte, error) {
	if c.deflate == nil {
		return nil, broken("is compressed, which was not agreed on")
	}
	// Behind the message an empty last block, so that the stream ends.
	src := io.MultiReader(bytes.NewReader(b), bytes.NewReader([]byte("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
	out, err := io.ReadAll(flate.NewReaderDict(src, c.window))
	if err != nil {
		return nil, broken("does not inflate: " + err.Error())
	}
	if _, alone := c.deflate[serverTakeover]; !alone {
		const window = 32 << 10
		c.window = append(c.window, out...)
		c.window = bytes.Clone(c.window[max(0, len(c.window)-window):])
	}
	return out, nil
}

// frame reads a frame and holds it against what a server may send.
func (c *conn) frame() (first byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		return 0, nil, err //nolint:wrapcheck // the end of the connection as it is
	}
	n := uint64(h[1] & 0x7f)
	control := h[0]&0x08 != 0
	switch {
	case h[1]&mask != 0:
		return 0, nil, broken("is masked")
	case h[0]&0x07 > opBinary:
		return 0, nil, broken("has a reserved opcode")
	case h[0]&(rsv2|rsv3) != 0 || h[0]&rsv1 != 0 && (control || h[0]&0x0f == opContinuation):
		return 0, nil, broken("has reserved bits")
	case control && (h[0]&fin == 0 || n > mostControl):
		return 0, nil, broken("is a control frame in fragments, or a long one")
	}
	var ext [8]byte
	switch n {
	case 126:
		_, err = io.ReadFull(c.r, ext[6:])
	case 127:
		_, err = io.ReadFull(c.r, ext[:])
	}
	if err != nil {
		return 0, nil, err //nolint:wrapcheck // as above
	}
	if n >= 126 {
		short := n
		n = binary.BigEndian.Uint64(ext[:])
		if n < 126 || short == 127 && n < 1<<16 {
			return 0, nil, broken("has a length in more bytes than it needs")
		}
	}
	if n > largest {
		return 0, nil, broken(fmt.Sprintf("has %d bytes", n))
	}
	payload = make([]byte, n)
	if _, err := io.ReadFull(c.r, payload); err != nil {
		return 0, nil, err //nolint:wrapcheck // as above
	}
	return h[0], payload, nil
}

// closeCode reads a close frame of the server.
func closeCode(payload []byte) (int, error) {
	if len(payload) == 0 {
		return 0, nil
	}
	if len(payload) == 1 {
		return 0, broken("closes with half a code")
	}
	code := int(binary.BigEndian.Uint16(payload))
	if !utf8.Valid(payload[2:]) {
		return code, broken("closes with a reason that is not UTF-8")
	}
	if code < 1000 || code > 4999 || code == 1004 || code == 1005 || code == 1006 || code > 1014 && code < 3000 {
		return code, broken(fmt.Sprintf("closes with %d", code))
	}
	return code, nil
}
