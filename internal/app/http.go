package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/throng-im/throng/internal/api"
	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/eventloop"
	"github.com/throng-im/throng/internal/gateway"
)

// listen opens the port for clients: listeners for the gateway's loops, or one for net/http where TLS ends in the process or the
// system has no such loops.
func (a *App) listen(ctx context.Context) (err error) {
	c := a.cfg.Server
	err = errors.ErrUnsupported
	if !c.TLS.On() {
		a.doors, err = eventloop.Listen(ctx, c.Listen, a.cfg.Gateway.LoopCount(), eventloop.Options{
			SendBuffer: a.cfg.Gateway.SendBuffer, Unanswered: a.cfg.Gateway.Stall,
		})
	}
	if errors.Is(err, errors.ErrUnsupported) {
		a.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	}
	if err != nil {
		return fmt.Errorf("listening on %s: %w; is another server running there? name another address with --listen", c.Listen, err)
	}
	for _, d := range a.doors {
		a.closers.add(d.Close)
	}
	if a.listener == nil {
		return nil
	}
	if c.ProxyProtocol {
		a.listener = proxyListener{Listener: a.listener, trusted: c.Proxies()}
	}
	a.listener = sparing(a.listener)
	a.closers.add(closeListener(a.listener))
	return nil
}

// door is what the gateway's loops need to accept callers; nil where net/http does.
func (a *App) door() *gateway.Door {
	if a.doors == nil {
		return nil
	}
	c := a.cfg.Server
	d := &gateway.Door{
		Listeners: a.doors, Path: api.SessionPath, Below: divide(openFiles()).doors, HeadTimeout: c.ReadHeaderTimeout,
		Health: func(path string) (int, string) { return a.api.Health(path, a.health.seen()) },
	}
	trusted := c.Proxies()
	d.Carriers = func(from netip.Addr) bool { return trusts(trusted, from) }
	if c.ProxyProtocol {
		d.Proxied = d.Carriers
	}
	return d
}

// address is where a handshake comes from, by what trusted proxies say.
func (a *App) address() func(r *http.Request) string {
	trusted := a.cfg.Server.Proxies()
	return func(r *http.Request) string {
		forward(trusted, r)
		host, _, err := net.SplitHostPort(r.RemoteAddr)
		if err != nil {
			return r.RemoteAddr
		}
		return host
	}
}

// writePatience is how long a connection of HTTP/2 may take nothing while something waits for it. The deadlines of requests end
// their streams, not the connection that they share.
const writePatience = 30 * time.Second

// newHTTPServer makes the server for clients with the timeouts that keep slow ones from holding it.
func newHTTPServer(c config.Server, h http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true) // where TLS ends here
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           fresh(forwarded(c.Proxies(), h)),
		ReadHeaderTimeout: c.ReadHeaderTimeout,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    c.MaxHeaderBytes,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{WriteByteTimeout: writePatience},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// fresh takes away the deadlines that an earlier request of the same connection left behind: net/http does not.
func fresh(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // connections without deadlines need none
		next.ServeHTTP(w, r)
	})
}

// serve runs a server until ctx ends; then it closes what is left of it.
func serve(ctx context.Context, s *http.Server, l net.Listener) error {
	ended := make(chan error, 1)
	go func() { // ends with Close below
		if s.TLSConfig != nil {
			ended <- s.ServeTLS(l, "", "")
			return
		}
		ended <- s.Serve(l)
	}()
	var err error
	select {
	case err = <-ended:
		if errors.Is(err, http.ErrServerClosed) {
			<-ctx.Done() // shutdown lets requests finish, for as long as it may
		}
	case <-ctx.Done():
		_ = s.Close()
		err = <-ended
	}
	_ = s.Close() // requests that outlasted shutdown, and who was accepted in between
	if !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// shutdown lets requests under way finish. Connections that were taken over (WebSocket) are the gateway's.
func shutdown(ctx context.Context, s *http.Server) error {
	if err := s.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("finishing requests: %w", err)
	}
	return nil
}

// forwarded sets the request's address to the client's where a trusted proxy says whose request it is. Of the list in
// X-Forwarded-For the last address that no trusted proxy has is the client: what stands before it is the client's own
// claim.
func forwarded(trusted []netip.Prefix, next http.Handler) http.Handler {
	if len(trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forward(trusted, r)
		next.ServeHTTP(w, r)
	})
}

// forward is forwarded for one request.
func forward(trusted []netip.Prefix, r *http.Request) {
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && trusts(trusted, peer.Addr()) {
		if client, ok := lastForeign(trusted, r.Header.Values("X-Forwarded-For")); ok {
			r.RemoteAddr = netip.AddrPortFrom(client, 0).String()
		}
	}
}

func trusts(trusted []netip.Prefix, a netip.Addr) bool {
	for _, p := range trusted {
		if p.Contains(a.Unmap()) {
			return true
		}
	}
	return false
}

func lastForeign(trusted []netip.Prefix, headers []string) (netip.Addr, bool) {
	list := strings.Split(strings.Join(headers, ","), ",")
	for i := len(list) - 1; i >= 0; i-- {
		text := strings.TrimSpace(list[i])
		a, err := netip.ParseAddr(text)
		if err != nil {
			p, portErr := netip.ParseAddrPort(text)
			if portErr != nil {
				return netip.Addr{}, false
			}
			a = p.Addr()
		}
		if !trusts(trusted, a) {
			return a.Unmap(), true
		}
	}
	return netip.Addr{}, false
}

// publicURL is where clients reach the server.
func publicURL(c config.Server, l net.Listener) string {
	if c.PublicURL != "" {
		return strings.TrimSuffix(c.PublicURL, "/")
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return "http://" + l.Addr().String()
	}
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http://"
	if c.TLS.On() {
		scheme = "https://"
		if len(c.TLS.Domains) > 0 {
			host = c.TLS.Domains[0]
		}
	}
	return scheme + net.JoinHostPort(host, fmt.Sprint(addr.Port))
}
