package proxy

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	// pieceBytes is the most that is read at once, and backlog how many pieces wait for their turn before nothing more is read.
	pieceBytes = 32 << 10
	backlog    = 64
)

// piece is bytes on their way.
type piece struct {
	bytes []byte
	due   time.Time
}

// link is a connection of a client and the one to the server that belongs to it.
type link struct {
	// immutable after construction
	proxy          *Proxy
	client, server *net.TCPConn
	severed        chan struct{} // closed when nothing passes any more
	ended          chan struct{} // closed when the test ends

	once, last sync.Once
}

func newLink(p *Proxy, client, server *net.TCPConn) *link {
	return &link{proxy: p, client: client, server: server, severed: make(chan struct{}), ended: make(chan struct{})}
}

// run carries bytes until both ends have said that they have no more, or the link is severed. An end that is not to know of that is kept
// until the test ends.
func (l *link) run() {
	var both sync.WaitGroup
	both.Go(func() { l.pump(l.server, l.client, false) })
	both.Go(func() { l.pump(l.client, l.server, true) })
	both.Wait()
	if !l.stands() {
		<-l.ended // keeps the place of an end that waits
	}
	_, _ = l.client.Close(), l.server.Close()
}

// sever stops what passes, and resets the ends that are to know.
func (l *link) sever(client, server bool) {
	l.once.Do(func() {
		close(l.severed)
		past := time.Unix(1, 0)
		_, _ = l.client.SetDeadline(past), l.server.SetDeadline(past) // the pumps end
		if client {
			reset(l.client)
		}
		if server {
			reset(l.server)
		}
		if client && server {
			l.end()
		}
	})
}

// stands reports that the link was not severed.
func (l *link) stands() bool {
	select {
	case <-l.severed:
		return false
	default:
		return true
	}
}

// end lets go of what is left of a severed link.
func (l *link) end() { l.last.Do(func() { close(l.ended) }) }

// pump carries bytes from one end to the other.
func (l *link) pump(to, from *net.TCPConn, replies bool) {
	pieces := make(chan piece, backlog)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(pieces)
		l.read(from, pieces)
	})
	defer reading.Wait()
	w := writer{link: l, to: to, replies: replies, cut: -1}
	for p := range pieces {
		if !w.write(p) {
			l.sever(true, true)
			return
		}
	}
	if l.stands() { // else an end that is not to know would
		_ = to.CloseWrite()
	}
}

func (l *link) read(from *net.TCPConn, pieces chan<- piece) {
	last := time.Time{}
	for {
		buf := make([]byte, pieceBytes)
		n, err := from.Read(buf)
		if n > 0 {
			f, _ := l.proxy.now()
			due := time.Now().Add(f.Delay + upTo(f.Jitter))
			if due.Before(last) {
				due = last
			}
			last = due
			select {
			case pieces <- piece{buf[:n], due}:
			case <-l.severed:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

// writer is the end of a direction, for one goroutine.
type writer struct {
	link    *link
	to      *net.TCPConn
	replies bool
	cut     int             // bytes until the connection is cut; -1 while it is not going to be
	era     <-chan struct{} // of the faults that cut was drawn by
}

// write writes a piece as the faults will have it. It reports false where the connection is gone.
func (w *writer) write(p piece) bool {
	if !w.link.wait(time.Until(p.due)) {
		return false
	}
	for len(p.bytes) > 0 {
		f, ok := w.gate()
		if !ok {
			return false
		}
		n := len(p.bytes)
		if f.Slice > 0 {
			n = min(n, 1+rand.IntN(f.Slice))
		}
		if f.Rate > 0 {
			n = min(n, max(1, f.Rate/20))
			if !w.link.wait(time.Second * time.Duration(n) / time.Duration(f.Rate)) {
				return false
			}
		}
		if w.cut >= 0 && n >= w.cut {
			_, _ = w.to.Write(p.bytes[:w.cut])
			return false
		}
		if _, err := w.to.Write(p.bytes[:n]); err != nil {
			return false
		}
		if w.cut >= 0 {
			w.cut -= n
		}
		p.bytes = p.bytes[n:]
	}
	return true
}

// gate waits while the direction is held, and returns the faults of now.
func (w *writer) gate() (Faults, bool) {
	for {
		f, changed := w.link.proxy.now()
		if held := (w.replies && f.HoldReplies) || (!w.replies && f.HoldRequests); !held {
			w.draw(f, changed)
			return f, true
		}
		select {
		case <-changed:
		case <-w.link.severed:
			return f, false
		}
	}
}

// draw chooses where replies are cut, once for each time that faults are set.
func (w *writer) draw(f Faults, changed <-chan struct{}) {
	switch {
	case f.Cut == 0 || !w.replies:
		w.cut, w.era = -1, nil
	case w.era != changed:
		w.cut, w.era = rand.IntN(f.Cut), changed
	}
}

// wait lets time pass; it reports false where the link was severed.
func (l *link) wait(d time.Duration) bool {
	if d <= 0 {
		return l.stands()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.severed:
		return false
	}
}
