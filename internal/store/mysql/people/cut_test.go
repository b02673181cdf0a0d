//go:build cluster

package people_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/assert"
)

// cutter stands between a node and its databases, and cuts the node off at one of its statements: the node is lost then.
type cutter struct {
	server  string
	lis     net.Listener
	dealing sync.WaitGroup // the server deals with the last statement

	// guarded by mu
	mu     sync.Mutex
	conns  map[net.Conn]bool
	armed  bool
	left   int  // statements that pass before the one at which it cuts
	behind bool // the server gets that one, and only its answer is lost
	cut    bool // at its statement
	ended  bool
}

// cutOff returns a cutter for the server of databases, and their addresses through it.
func cutOff(t testing.TB, dsns []string) (*cutter, []string) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, "listen", err)
	c := &cutter{lis: lis, conns: make(map[net.Conn]bool)}
	through := make([]string, len(dsns))
	for i, dsn := range dsns {
		d, err := driver.ParseDSN(dsn)
		assert.NoError(t, "address", err)
		c.server, d.Addr = d.Addr, lis.Addr().String()
		through[i] = d.FormatDSN()
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { c.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = lis.Close()
		c.end()
		serving.Wait()
	})
	return c, through
}

// arm has the cutter cut at the n-th statement from now on, from 1.
func (c *cutter) arm(n int, behind bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.left, c.behind = true, n-1, behind
}

// hasCut reports that there were that many statements.
func (c *cutter) hasCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

// end closes everything that is open, and lets nothing through any more. It waits for a statement whose answer nobody gets.
func (c *cutter) end() {
	c.hangUp(nil)
	c.dealing.Wait()
}

// hangUp closes all connections but one.
func (c *cutter) hangUp(but net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for conn := range c.conns {
		if conn != but {
			_ = conn.Close()
			delete(c.conns, conn)
		}
	}
}

func (c *cutter) keep(conns ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range conns {
		if c.ended {
			_ = conn.Close()
		}
		c.conns[conn] = true
	}
	return !c.ended
}

func (c *cutter) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if !c.keep(client, server) {
		return
	}
	var answers sync.WaitGroup
	answers.Go(func() {
		_, _ = io.Copy(client, server)
		_ = client.Close()
	})
	defer answers.Wait()
	defer func() { _ = server.Close() }()
	for {
		packet, err := readPacket(client)
		if err != nil {
			return
		}
		if cut, behind := c.statement(packet); cut {
			if behind {
				c.last(server, packet)
			}
			c.hangUp(nil)
			return
		}
		if _, err := server.Write(packet); err != nil {
			return
		}
	}
}

// last gives the server a statement whose answer nobody gets, and waits until it has dealt with it.
func (c *cutter) last(server net.Conn, packet []byte) {
	defer c.dealing.Done()
	c.mu.Lock()
	delete(c.conns, server) // nobody closes it meanwhile
	c.mu.Unlock()
	c.hangUp(nil)
	_, _ = server.Write(packet)
	_, _ = server.Write([]byte{1, 0, 0, 0, 1}) // the server leaves when it comes to this
	for buf := make([]byte, 1<<10); ; {
		if _, err := server.Read(buf); err != nil {
			return
		}
	}
}

func readPacket(from io.Reader) ([]byte, error) {
	head := make([]byte, 4)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(append(bytes.Clone(head[:3]), 0))
	packet := make([]byte, len(head)+int(size))
	copy(packet, head)
	_, err := io.ReadFull(from, packet[len(head):])
	return packet, err
}

// statement counts a packet where it is a statement, and says whether the node is cut off at it.
func (c *cutter) statement(packet []byte) (cut, behind bool) {
	const query = 3
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.armed || c.ended || packet[3] != 0 || len(packet) < 5 || packet[4] != query {
		return false, false
	}
	if c.left--; c.left < 0 && !c.cut {
		c.cut = true
		if c.behind {
			c.dealing.Add(1)
		}
		return true, c.behind
	}
	return c.cut, false
}
