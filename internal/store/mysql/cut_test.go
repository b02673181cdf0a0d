//go:build cluster

package mysql

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
)

// cutter stands between a store and its database. Once it is armed it cuts the connection at the n-th command that comes; what sets up a
// session does not count.
type cutter struct {
	listener net.Listener
	server   string

	// guarded by mu
	mu    sync.Mutex
	left  int // commands until the cut; 0 cuts nothing
	where cutAt
	done  bool
}

type cutAt string

const (
	cutBefore cutAt = "before"            // the command does not arrive
	cutWithin cutAt = "in the middle"     // a half of it arrives
	cutBehind cutAt = "before the answer" // it arrives, and is done, and its answer does not come back
	cutLate   cutAt = "within the answer" // a part of the answer comes back
	headBytes       = 4                   // in front of each packet: the length of its body, and its number
)

func newCutter(t testing.TB, server string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NoError(t, "listening", err)
	c := &cutter{listener: l, server: server}
	var conns sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	conns.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { c.serve(client) })
		}
	})
	return c
}

func (c *cutter) arm(n int, where cutAt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.where, c.done = n, where, false
}

// fired says whether the cut was made, and makes none any more.
func (c *cutter) fired() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = 0
	return c.done
}

// command counts a command, and says where to cut it.
func (c *cutter) command() cutAt {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left == 0 {
		return ""
	}
	if c.left--; c.left > 0 {
		return ""
	}
	c.done = true
	return c.where
}

func (c *cutter) serve(client net.Conn) {
	server, err := net.Dial("tcp", c.server)
	if err != nil {
		_ = client.Close()
		return
	}
	defer func() { _, _ = client.Close(), server.Close() }()
	cut := make(chan cutAt, 1)
	var both sync.WaitGroup
	both.Go(func() {
		defer func() { _, _ = client.Close(), server.Close() }()
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			select {
			case where := <-cut: // the answer to the command that is cut
				if where == cutLate {
					_, _ = client.Write(buf[:n/2])
				}
				return
			default:
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	})
	both.Go(func() {
		defer func() { _, _ = client.Close(), server.Close() }()
		for {
			packet := make([]byte, headBytes)
			if _, err := io.ReadFull(client, packet); err != nil {
				return
			}
			body := make([]byte, int(packet[0])|int(packet[1])<<8|int(packet[2])<<16)
			if _, err := io.ReadFull(client, body); err != nil {
				return
			}
			packet = append(packet, body...)
			where := cutAt("")
			const query = 3
			if packet[3] == 0 && len(body) > 0 && body[0] == query && !bytes.HasPrefix(body[1:], []byte("SET SESSION")) { // number 0 begins a command
				where = c.command()
			}
			switch where {
			case cutBefore:
				return
			case cutWithin:
				_, _ = server.Write(packet[:len(packet)/2])
				return
			case cutBehind, cutLate:
				cut <- where
			}
			if _, err := server.Write(packet); err != nil {
				return
			}
		}
	})
	both.Wait()
}

// T8, T13: the connection to the database is cut at each command of an append, in each way. What was answered is true, and what is
// repeated gives one entry.
func TestCutAtEachCommand(t *testing.T) {
	t.Parallel()
	for _, where := range []cutAt{cutBefore, cutWithin, cutBehind, cutLate} {
		t.Run(string(where), func(t *testing.T) {
			t.Parallel()
			c := settings(t, 1)
			c.SlotInterval = time.Minute // it is a command, too
			direct := open(t, c)
			address, err := driver.ParseDSN(c.Databases[0])
			assert.NoError(t, "address", err)
			proxy := newCutter(t, address.Addr)
			address.Addr = proxy.listener.Addr().String()
			c.Databases = []string{address.FormatDSN()}
			s := open(t, c)
			const id = chat.ConversationID(1)
			must(t, direct, group(id, alice, bob), group(id+1, alice, bob))
			unknown, again := 0, 0
			for n := 1; ; n++ {
				first, second := words(id, alice, 2*n), words(id+1, bob, 2*n+1)
				mark := &chat.Draft{Conversation: id, Sender: bob, Mark: 1}
				proxy.arm(n, where)
				got := <-begin(t, s, first, second, mark)
				fired := proxy.fired()
				r := must(t, direct, first, second) // it waits for what is still on its way
				assert.Equal(t, "both or none", r[0].Repeat, r[1].Repeat)
				switch {
				case got.err == nil:
					again++
					assert.True(t, "what was acknowledged is there", r[0].Repeat && r[0].Seq == got.results[0].Seq && r[1].Seq == got.results[1].Seq)
				case chat.AsError(got.err).Code == chat.CodeUnknown:
					unknown++
				default:
					assert.True(t, "of what is unavailable nothing is there", chat.AsError(got.err).Code == chat.CodeUnavailable && !r[0].Repeat)
				}
				assert.True(t, "both are there in the end", stored(t, direct, first) && stored(t, direct, second))
				if !fired {
					assert.True(t, fmt.Sprintf("cuts %s at %d commands", where, n-1), n >= 3)
					break
				}
			}
			assert.True(t, "cuts before the commit cost nobody anything", again >= 2)
			assert.True(t, "the cut of the commit is in doubt", unknown == 1)
		})
	}
}
