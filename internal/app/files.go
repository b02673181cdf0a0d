package app

import (
	"net"
	"syscall"
	"time"
)

const (
	// storeFilesMost is how many tables the engine keeps open at most; a larger folder opens and closes some as they are read.
	storeFilesMost = 512
	// otherFiles are for logs, listeners and whatever else is opened now and then.
	otherFiles = 64
)

// files divides what the process may open.
type files struct {
	store int // tables of the engine
	doors int // callers get numbers below this one; 0 is no bound
}

// divide keeps enough of a limit for the engine: without a file to write to it could store nothing more, whoever is connected.
func divide(limit uint64) files {
	if limit == 0 {
		return files{store: storeFilesMost}
	}
	store := min(storeFilesMost, limit/4)
	return files{store: int(store), doors: int(max(1, limit-min(limit, store+otherFiles)))}
}

// sparingListener turns callers away while the files that are left are the engine's. The system gives out the lowest number
// that is free, so the number of a connection says how many are taken; nothing has to be counted.
type sparingListener struct {
	net.Listener
	below uintptr
}

// sparing is a listener of callers that leaves the engine its files.
func sparing(l net.Listener) net.Listener {
	if most := divide(openFiles()).doors; most > 0 {
		return sparingListener{Listener: l, below: uintptr(most)}
	}
	return l
}

// refusePatience is how long saying no may take: the answer fits the socket's buffer, so it takes no time.
const refusePatience = 100 * time.Millisecond

const refusal = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

// Accept implements net.Listener.
func (l sparingListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || numberOf(c) < l.below {
			return c, err //nolint:wrapcheck // net/http looks at it
		}
		_ = c.SetWriteDeadline(time.Now().Add(refusePatience))
		_, _ = c.Write([]byte(refusal))
		_ = c.Close()
	}
}

// numberOf is the number that the system gave to a connection; 0 where that cannot be known.
func numberOf(c net.Conn) (number uintptr) {
	if p, ok := c.(*proxyConn); ok {
		c = p.Conn
	}
	s, ok := c.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { number = fd }) // a closed one has none
	return number
}
