package gateway_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/store/local"
)

// Guarantee 22: a loop that is behind with its reads answers who calls meanwhile and asks how the server does, also where the question
// comes after the call, or in two packets.
func TestALoopThatIsBehindAnswersHealthChecks(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]string{"silent at first": "", "in two packets": "GET /heal"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const slow, rest = 400, " HTTP/1.1\r\nHost: a\r\n\r\n"
			cfg := gateway.Default()
			cfg.Loops = 1
			deps := newBackend().deps(local.NewRoutes("n1"))
			deps.Door = newDoor(t, cfg)
			address := deps.Door.Listeners[0].Addr().String()
			call := func() net.Conn {
				c, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
				if err != nil {
					t.Error(err)
					return nil
				}
				t.Cleanup(func() { _ = c.Close() })
				return c
			}
			say := func(c net.Conn, words string) {
				if _, err := io.WriteString(c, words); err != nil {
					t.Error(err)
				}
			}
			var (
				check  net.Conn
				asked  int // how many of the slow ones were read when the check was
				read   int
				looked atomic.Bool
				once   sync.Once
			)
			held, free := make(chan struct{}), make(chan struct{})
			deps.Door.Health = func(path string) (int, string) { // on the loop
				switch path {
				case "/busy":
					once.Do(func() { close(held) })
					<-free
				case "/healthz":
					asked = read
					looked.Store(true)
					return http.StatusOK, "ok\n"
				case "/slow":
					switch read++; read {
					case 1: // in the first part of the round: it calls
						if check = call(); check != nil {
							say(check, first)
						}
					case 120: // in a later one, of which there are some yet: it asks
						say(check, ("GET /healthz" + rest)[len(first):])
					}
					<-time.After(time.Millisecond)
					return http.StatusOK, "slow\n"
				}
				return 0, ""
			}
			defer serveDoor(t, cfg, deps)()
			var callers []net.Conn
			for range slow {
				c := call()
				callers = append(callers, c)
				say(c, "GET /slow HTTP/1.1\r\n")
			}
			busy := call()
			say(busy, "GET /busy"+rest)
			<-held
			for _, c := range callers { // all are found by one look
				say(c, "Host: a\r\n\r\n")
			}
			close(free)
			for _, c := range callers {
				r, err := http.ReadResponse(bufio.NewReader(c), nil)
				assert.NoError(t, "answer", err)
				_ = r.Body.Close()
			}
			assert.NoError(t, "deadline", check.SetDeadline(time.Now().Add(20*time.Second)))
			r, err := http.ReadResponse(bufio.NewReader(check), nil)
			assert.NoError(t, "answer", err)
			_ = r.Body.Close()
			assert.True(t, "it was asked", looked.Load())
			assert.True(t, "before all others were read", asked < slow)
		})
	}
}
