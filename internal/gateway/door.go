package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/eventloop"
	"github.com/throng-im/throng/internal/proxyproto"
	"github.com/throng-im/throng/internal/websocket"
)

// Door is what loops need that accept callers by themselves.
type Door struct {
	// Listeners share one port; each loop has one.
	Listeners []*eventloop.Listener
	// Path is where sessions begin; empty: anywhere. Who asks for something else, or for a session in a way that has to be refused, is handed to
	// net/http: see [Server.Strangers].
	Path string
	// Proxied says whose connections begin with a PROXY protocol header; nil: nobody's.
	Proxied func(a netip.Addr) bool
	// Carriers says whose connections carry the requests of many people, as a proxy's do: to those the bound per address does not apply;
	// nil: nobody's.
	Carriers func(a netip.Addr) bool
	// Below bounds the descriptors of callers: who gets one that is not below is turned away, so that the rest is left for
	// others than callers; 0 is no bound. The last of those below, 64 at most, are for who asks how the server does.
	Below int
	// Health answers who asks how the server does, by the path of a GET; a status of 0 is another path. The loops ask and answer by
	// themselves, so that a check does not wait for net/http to have its turn. It must not block; nil answers nobody.
	Health func(path string) (status int, text string)
	// HeadTimeout is how long a caller may take for the header of its request.
	HeadTimeout time.Duration
}

func (d *Door) validate() error {
	if n := len(d.Listeners); n < 1 || n > maxLoops {
		return fmt.Errorf("there are %d listeners; use 1 to %d", n, maxLoops)
	}
	if d.HeadTimeout <= 0 {
		return errors.New("callers need a bound on the time for their request")
	}
	return nil
}

// checks is how many callers of a loop are heard out although there is no room for them: they may ask how the server does.
const checks = 64

// scarceShare is how many callers an address may have for one more of them to be heard out where descriptors are scarce: 64 are left.
const scarceShare = 8

// longestCheck bounds the paths that are compared with those of health checks.
const longestCheck = 64

// handshake is what is known of a caller whose handshake is not over.
type handshake struct {
	buf     []byte // what came of a head that is not complete
	from    netip.AddrPort
	proxied bool  // a PROXY protocol header is still to come
	late    bool  // there is no room for it, unless it asks how the server does
	unheard bool  // buf is the beginning of its request, which nobody has looked at
	until   int64 // when it is late

	before, after *conn // among the loop's callers
}

// welcome takes a caller that was accepted.
func (l *loop) welcome(link door, num uint64, from netip.AddrPort) *conn {
	d := l.srv.deps.Door
	c := l.slab.take()
	c.id, c.num, c.link = l.srv.conns.Add(1), num, link
	l.workOf(c).head = &handshake{
		from: from, until: l.now + d.HeadTimeout.Milliseconds(), proxied: d.Proxied != nil && d.Proxied(from.Addr().Unmap()),
	}
	l.callers.add(c)
	l.wheel.schedule(c, c.work.head.until)
	return c
}

// complete reports that the head of a caller's request has come to its end.
func complete(b []byte) bool { return bytes.Contains(b, []byte("\r\n\r\n")) }

// glance takes the first that a caller sent; it borrows b. Who asks how the server does is answered. Others have their turn: a
// handshake costs three times a look, and of callers there may be thousands at once, with a check behind them all. Whose request is not
// complete waits for the rest of it: it may still be a check.
func (l *loop) glance(c *conn, b []byte) {
	h := c.work.head
	if h.proxied || l.asksHealth(b) || !complete(b) {
		l.knock(c, b)
		return
	}
	h.buf, h.unheard = append(h.buf, b...), true
	c.link.resume(c)
}

// hear takes the request of a caller whose turn it is.
func (l *loop) hear(c *conn) {
	if w := c.work; w != nil && w.head != nil && w.head.unheard {
		b := w.head.buf
		w.head.buf, w.head.unheard = nil, false
		l.knock(c, b)
	}
}

// heardOut reports that a caller for whom there is no room may stay for a while: one that asks how the server does, and a few
// that may do so yet, fewer of an address where descriptors are scarce. b is what they have sent: nothing, a part of a request, or all of it.
func (l *loop) heardOut(from netip.Addr, b []byte, scarce bool) bool {
	if proxied := l.srv.deps.Door.Proxied; !complete(b) || proxied != nil && proxied(from.Unmap()) {
		share := l.callers.share
		if scarce {
			share = min(share, scarceShare)
		}
		return l.callers.heardOut(from, share)
	}
	return l.asksHealth(b)
}

// asksHealth reports that a caller's first bytes are a check of the server's health, and all of it.
func (l *loop) asksHealth(b []byte) bool {
	ask := l.srv.deps.Door.Health
	target, get := bytes.CutPrefix(b, []byte("GET "))
	if ask == nil || !get || !bytes.HasSuffix(b, []byte("\r\n\r\n")) {
		return false
	}
	n := bytes.IndexAny(target, "? ")
	if n < 0 || n > longestCheck {
		return false
	}
	status, _ := ask(string(target[:n]))
	return status != 0
}

// knock takes what a caller sent; it borrows b. A good handshake makes a connection of it. One that has to be refused goes to
// net/http, whose handlers say why; so does everything that is no handshake.
func (l *loop) knock(c *conn, b []byte) {
	h := c.work.head
	if h == nil || len(b) == 0 { // it was answered, and is read to the end
		return
	}
	if len(h.buf) > 0 {
		h.buf = append(h.buf, b...)
		b = h.buf
	}
	if h.proxied {
		from, n, err := proxyproto.Parse(b)
		switch {
		case err != nil:
			l.srv.log.Debug("a caller through a proxy", "error", err)
			l.drop(c)
			return
		case n == 0:
			h.buf = append(h.buf[:0], b...)
			return
		}
		if h.proxied, b = false, b[n:]; from.IsValid() {
			h.from = from
		}
		l.callers.told(c)
	}
	r, n, err := websocket.ParseRequest(b)
	switch {
	case err != nil:
		l.turnAway(c, err)
		return
	case n == 0:
		h.buf = append(h.buf[:0], b...)
		return
	}
	link, ok := c.link.(door)
	if !ok {
		l.drop(c)
		return
	}
	if status, text := l.health(r); status != 0 {
		l.reply(c, status, plain(status), []byte(text))
		return
	}
	if h.late {
		l.turnAway(c, tooManyCallers())
		return
	}
	if p := l.srv.deps.Door.Path; p != "" && r.URL.Path != p {
		l.handOver(c, link, b)
		return
	}
	r.RemoteAddr = h.from.String()
	hello, agreed, err := l.srv.check(r)
	if err != nil {
		l.handOver(c, link, b)
		return
	}
	from, v := l.srv.admission.enter(hello.Address)
	if v != admitted {
		l.turnAway(c, refusal(v))
		return
	}
	l.upgrade(c, from, &hello, &agreed)
	if c.id != 0 {
		l.input(c, b[n:])
	}
}

// handOver gives a caller to net/http, unless its address has too many there.
func (l *loop) handOver(c *conn, link door, read []byte) {
	if !l.srv.strangers.enter(c.work.head.from.Addr()) {
		l.turnAway(c, refusal(tooManyFromAddress))
		return
	}
	link.handOver(c, read, c.work.head.from)
	l.forget(c, false)
}

const (
	// together is how many of a loop wait for their token to be checked when the next ones have the answer to their handshake along with
	// what comes of the token, and of the requests beside it: in a storm a write or two and as many packets less for each of them. Who comes
	// alone is answered at once.
	together = 16
	// apart is how long an answer waits for the next one at most.
	apart = 2 * time.Second
)

// upgrade answers a good handshake and makes a connection of the caller.
func (l *loop) upgrade(c *conn, from *held, h *Hello, agreed *websocket.Agreement) {
	l.callers.remove(c)
	l.begin(c, from, h)
	l.srv.metrics.handshake(http.StatusSwitchingProtocols)
	if h.Token != "" && l.unchecked >= together {
		w := l.workOf(c)
		w.control = websocket.AppendAnswer(w.control, agreed)
		c.flags |= flagTogether
		l.wheel.schedule(c, min(l.now+apart.Milliseconds(), c.dueAt()))
		return
	}
	answer := websocket.AppendAnswer(l.env.Get(), agreed)
	n, err := c.link.write(c, answer)
	if err != nil || n < len(answer) { // nothing was written before: there is room
		l.drop(c)
	}
	l.env.Put(answer)
}

// health is the answer to who asks how the server does; a status of 0 to everybody else.
func (l *loop) health(r *http.Request) (status int, text string) {
	if ask := l.srv.deps.Door.Health; ask != nil && r.Method == http.MethodGet {
		return ask(r.URL.Path)
	}
	return 0, ""
}

// plain are the headers of an answer that is a line of text.
func plain(status int) http.Header {
	h := http.Header{
		"Content-Type": {"text/plain; charset=utf-8"}, "Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"},
	}
	if status != http.StatusOK {
		h.Set("Retry-After", "1")
	}
	return h
}

// turnAway answers a caller with an error.
func (l *loop) turnAway(c *conn, err error) {
	a := answer{header: make(http.Header)}
	l.srv.refuse(&a, err)
	l.reply(c, a.status, a.header, a.body.Bytes())
}

// reply answers a caller and ends the connection: once the caller has closed it, or lingers too long.
func (l *loop) reply(c *conn, status int, header http.Header, body []byte) {
	link, ok := c.link.(door)
	_, err := link.write(c, websocket.AppendResponse(nil, status, header, body))
	if !ok || err != nil {
		l.drop(c)
		return
	}
	link.hush(c)
	c.flags |= flagDeaf
	l.callers.remove(c)
	w := c.work
	w.endAt = l.now + l.srv.cfg.Linger.Milliseconds()
	l.wheel.schedule(c, w.endAt)
}

// answer is an answer in the making, for those who write it without net/http.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) } //nolint:wrapcheck // it never fails

// tooManyCallers is how a caller is answered for whom there is no room.
func tooManyCallers() error {
	err := chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "too many connections are opening; come back later")
	err.RetryAfter = 2 * time.Second
	return &websocket.Refusal{Status: http.StatusServiceUnavailable, Err: err}
}
