package client

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client/link"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/proto/throng/v1/throngv1connect"
)

const (
	askTimeout     = 5 * time.Second
	gatewayTimeout = 5 * time.Second  // to open a connection to a gateway; there are others
	failedFor      = 30 * time.Second // a gateway that failed is left alone
	unknownFor     = 10 * time.Minute // a server that knows no access call is not asked again
	maxGateways    = 16               // of an answer, and of those that failed
)

// door is the server at the application's URL, which says at which gateway to open a session (docs/spec/access.md). It belongs to the
// goroutine that keeps the client connected.
type door struct {
	// Immutable after construction.
	session string // where the door itself takes sessions
	zone    string
	access  throngv1connect.AccessServiceClient // nil: it is not asked

	list   []string             // gateways by session URL, as it named them last
	good   time.Time            // until when they are tried without asking again
	silent time.Time            // until when it is not asked
	failed map[string]time.Time // gateways that are left alone until then
}

// newDoor makes the door at url, which link.URL has taken.
func newDoor(url string, o *Options, web connect.HTTPClient) door {
	d := door{zone: o.Zone, failed: map[string]time.Time{}}
	d.session, _ = link.URL(url)
	if !o.Direct {
		d.access = throngv1connect.NewAccessServiceClient(web, strings.TrimSuffix(httpURL(url), "/"), connect.WithInterceptors(translate{}))
	}
	return d
}

// targets returns where to open a session, in the order of trying; the door itself is among them. It fails where the door says that
// nobody takes sessions now.
func (d *door) targets(ctx context.Context, token string) ([]string, error) {
	now := time.Now()
	for url, until := range d.failed {
		if now.After(until) {
			delete(d.failed, url)
		}
	}
	if d.access == nil {
		return []string{d.session}, nil
	}
	if now.After(d.silent) && (now.After(d.good) || len(d.open()) == 0) {
		if err := d.ask(ctx, token); err != nil {
			return nil, err
		}
	}
	list := d.open()
	if !slices.Contains(list, d.session) {
		list = append(list, d.session)
	}
	return list, nil
}

// open returns the gateways that have not failed of late.
func (d *door) open() []string {
	return slices.DeleteFunc(slices.Clone(d.list), func(url string) bool { return !d.failed[url].IsZero() })
}

// ask gets the gateways. It returns an error only where the door says when to come back; where it says nothing, the gateways that
// it named before stay.
func (d *door) ask(ctx context.Context, token string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	req := connect.NewRequest(&throngv1.ListGatewaysRequest{Zone: d.zone})
	for url := range d.failed {
		if len(req.Msg.Failed) < maxGateways {
			req.Msg.Failed = append(req.Msg.Failed, url)
		}
	}
	req.Header().Set("Authorization", "Bearer "+token)
	req.Header().Set("Connection", "close") // the next question is a session away
	resp, err := d.access.ListGateways(ctx, req)
	if e := (*Error)(nil); errors.As(err, &e) {
		switch {
		case e.Code == throngv1.Code_CODE_NOT_FOUND, e.Code == throngv1.Code_CODE_UNSUPPORTED:
			d.list, d.silent = nil, time.Now().Add(unknownFor)
		case e.RetryAfter > 0:
			return e
		}
	}
	if err != nil {
		return nil
	}
	d.list = nil
	for _, g := range resp.Msg.GetGateways() {
		if g.GetDoor() {
			d.list = append(d.list, d.session)
		} else if url, err := link.URL(g.GetUrl()); err == nil && d.trusts(url) && len(d.list) < maxGateways {
			d.list = append(d.list, url)
		}
	}
	if len(d.open()) == 0 { // the door knows no others; perhaps it was our own network that failed
		clear(d.failed)
	}
	d.good = time.Now().Add(time.Duration(resp.Msg.GetValidMs()) * time.Millisecond)
	return nil
}

// trusts reports that the token is as safe on the way to a gateway as it is on the way to the door.
func (d *door) trusts(url string) bool {
	return strings.HasPrefix(url, "wss:") || strings.HasPrefix(d.session, "ws:")
}

// failure leaves a gateway alone for a while.
func (d *door) failure(url string) { d.failed[url] = time.Now().Add(failedFor) }

// moved notes that a gateway sent the client away: the door is asked for another one.
func (d *door) moved(url string) {
	d.failure(url)
	d.good = time.Time{}
}

// open opens a connection to the first of the door's targets that takes it, and returns to which. Whatever a gateway fails of, there
// are others, and the door at last, whose word counts.
func (c *Client) open(token string) (conn *link.Link, target string, err error) {
	targets, err := c.door.targets(c.life, token)
	if err != nil {
		return nil, "", err
	}
	var failure error
	for i, target := range targets {
		timeout := gatewayTimeout
		if i == len(targets)-1 {
			timeout = dialTimeout
		}
		ctx, cancel := context.WithTimeout(c.life, timeout)
		conn, err := link.Dial(ctx, link.Config{URL: target, JSON: c.opts.JSON, NetDial: c.opts.NetDial, TLS: c.opts.TLS})
		cancel()
		if err == nil {
			return conn, target, nil
		}
		if c.life.Err() != nil {
			return nil, "", err
		}
		c.opts.Log.Info("a gateway failed", "gateway", target, "error", err)
		c.door.failure(target)
		if failure == nil || target == c.door.session {
			failure = err
		}
	}
	return nil, "", failure
}

// web returns the client of the HTTP services, and what ends the connections of one that is the SDK's own.
func (o *Options) web() (client *http.Client, end func()) {
	switch transport, ok := http.DefaultTransport.(*http.Transport); {
	case o.HTTP != nil:
		return o.HTTP, func() {}
	case o.NetDial == nil && o.TLS == nil || !ok:
		return &http.Client{}, func() {}
	default:
		own := transport.Clone()
		if o.NetDial != nil {
			own.DialContext = o.NetDial
		}
		if o.TLS != nil {
			own.TLSClientConfig = o.TLS.Clone()
		}
		return &http.Client{Transport: own}, own.CloseIdleConnections
	}
}
