package app

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/config"
)

// ReadProxyHeader is for tests.
func ReadProxyHeader(r *bufio.Reader) (net.Addr, error) { return readProxyHeader(r) }

// ProxyListener is for tests.
func ProxyListener(l net.Listener, trusted []netip.Prefix) net.Listener {
	return proxyListener{Listener: l, trusted: trusted}
}

// Forwarded is for tests.
func Forwarded(trusted []netip.Prefix, next http.Handler) http.Handler {
	return forwarded(trusted, next)
}

// NewHTTPServer is for tests.
func NewHTTPServer(c config.Server) *http.Server {
	return newHTTPServer(c, http.NotFoundHandler(), slog.New(slog.DiscardHandler))
}

// RetainOnce is for tests.
func (a *App) RetainOnce(ctx context.Context, before time.Time) (int, error) {
	return a.retainOnce(ctx, before, make(map[chat.ConversationID]chat.Seq))
}

// Part is for tests.
type Part struct {
	Name       string
	Run, Drain func(ctx context.Context) error
	Patience   time.Duration
}

// RunParts is for tests.
func RunParts(ctx context.Context, list []Part, limit time.Duration, ready func()) error {
	r := runner{log: slog.New(slog.DiscardHandler), limit: limit, stopping: func() {}}
	for _, p := range list {
		r.parts = append(r.parts, part{name: p.Name, run: p.Run, drain: p.Drain, patience: p.Patience})
	}
	return r.run(ctx, ready)
}

// NewMemory is for tests.
func NewMemory(budget int64) func() float64 { return newMemory(budget).taken }

// Nodes are those that the app's registry shows.
func Nodes(t testing.TB, a *App) []cluster.Info {
	t.Helper()
	list, err := a.core.engine.registry.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// AnnounceOwnURL makes the app, which does not run yet, a gateway with a URL of its own: its address, which the system chose.
func AnnounceOwnURL(a *App) { a.announcer.info.URL = api.SessionURL(a.URL()) }

// Sparing reports that callers leave the engine its files, whatever takes them.
func Sparing(a *App) bool {
	_, ok := a.listener.(sparingListener)
	return ok
}

// CutOff is for tests: why a node whose engines give these errors sends its people away. A database has ten seconds to answer; one with
// DeadlineExceeded is silent.
func CutOff(storage, meets *error, company *bool) (look func(ctx context.Context) string) {
	answer := func(err *error) func(context.Context) error {
		return func(ctx context.Context) error {
			if errors.Is(*err, context.DeadlineExceeded) {
				<-ctx.Done()
			}
			return *err
		}
	}
	others := func(ctx context.Context) bool { return *company && ctx.Err() == nil }
	return newCutOff(answer(storage), answer(meets), others, 10*time.Second, nil).look
}

// SendElsewhere is for tests.
func SendElsewhere(a *App) { a.drainer.cutOff(0, "a test cuts it off") }

// Follows is for tests: whether the node takes streams.
func Follows(a *App) bool {
	shut, _ := a.drainer.followers.now()
	return !shut
}

// TakeAgain is for tests.
func TakeAgain(a *App) { a.drainer.rejoin() }

// Gate is for tests.
func Gate() (shut func(bool), run func(ctx context.Context, part func(ctx context.Context) error) error) {
	g := newGate()
	return g.set, func(ctx context.Context, part func(ctx context.Context) error) error { return g.run(part)(ctx) }
}

// Lanes are those that the app's node has leased, a bit for each.
func Lanes(a *App) uint64 {
	var info cluster.Info
	a.core.engine.outbox(&info)
	return info.Lanes
}

// TendingLane is for tests.
func TendingLane(database int) int { return int(tendingLane(database)) }
