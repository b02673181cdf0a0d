package storm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/client"
)

// world is a server with its people.
type world struct {
	cfg    *Config
	tell   live.Func
	srv    *target.Server
	people *target.People
	conv   client.ConversationID
	next   uint64 // the first seq that the group's members have to get
}

// Run brings the storms. tell may be nil. The report is whole even where something was wrong; the error is for what kept the run
// from its end.
func Run(ctx context.Context, cfg Config, tell live.Func) (Report, error) {
	if err := cfg.complete(); err != nil {
		return Report{}, err
	}
	if tell == nil {
		tell = live.Silent
	}
	rep := Report{Command: cfg.Command, Environment: report.ReadEnvironment(), Average: report.LoadAverage(), Kind: cfg.Kind}
	for _, s := range []struct {
		kind    string
		clients int
		group   bool
		do      func(w *world, ctx context.Context) (Storm, error)
	}{
		{Send, DefaultSenders, false, (*world).sends},
		{Push, DefaultOnline, true, (*world).pushes},
		{Pull, DefaultOnline, true, (*world).pulls},
		{Reconnect, DefaultReconnects, true, (*world).reconnects},
	} {
		if cfg.Kind != All && cfg.Kind != s.kind {
			continue
		}
		c := cfg
		c.Clients = cmp.Or(c.Clients, s.clients)
		storm, err := bring(ctx, &c, func(p live.Progress) {
			p.Phase = s.kind + ": " + p.Phase
			tell(p)
		}, s.group, s.do)
		if err != nil {
			return rep, fmt.Errorf("%s: %w", s.kind, err)
		}
		storm.Kind = s.kind
		rep.Storms = append(rep.Storms, storm)
	}
	return rep, nil
}

// bring makes a server of its own for one storm.
func bring(ctx context.Context, c *Config, tell live.Func, group bool, do func(w *world, ctx context.Context) (Storm, error)) (s Storm, err error) {
	o := c.Target
	o.Usual = true
	o.Starting = func() { tell(live.Progress{Phase: "start"}) }
	srv, err := target.Open(ctx, o)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	w := &world{cfg: c, tell: tell, srv: srv}
	if w.people, err = srv.MakePeople(ctx, c.Clients, c.Clients, tell); err != nil {
		return s, err
	}
	if group {
		if err := w.makeGroup(ctx); err != nil {
			return s, err
		}
	}
	return do(w, ctx)
}

func (w *world) makeGroup(ctx context.Context) (err error) {
	if w.conv, err = w.srv.MakeGroup(ctx, groupName, w.people.IDs, w.tell); err != nil {
		return err
	}
	if err := w.srv.AwaitMember(ctx, w.people.IDs[len(w.people.IDs)-1], w.conv); err != nil {
		return err
	}
	head, err := w.srv.Head(ctx, w.people.IDs[0], w.conv)
	w.next = head + 1
	return err
}

// fleet opens everybody: in the group, each from an address of its own.
func (w *world) fleet(ctx context.Context, change func(c *load.Config)) (*load.Fleet, error) {
	c := load.Config{
		URL: w.srv.URL(), Clients: w.cfg.Clients, Token: w.people.Token, Again: load.FullJitter(), PerAddress: 1,
		Conversation: func(int) (uint64, uint64) { return uint64(w.conv), w.next },
		Sends:        func(int) bool { return false },
	}
	change(&c)
	f, err := load.New(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := f.Open(ctx, c.Clients, w.tell); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// wait waits until ok, and reports whether it came to that in time.
func (w *world) wait(ctx context.Context, phase string, most time.Duration, ok func() (done, of int)) bool {
	const every = 20 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	end, told := time.Now().Add(most), time.Time{}
	for ctx.Err() == nil {
		done, of := ok()
		if time.Since(told) > 10*every || done >= of {
			told = time.Now()
			w.tell(live.Progress{Phase: phase, Done: done, Total: of})
		}
		if done >= of {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		<-tick.C
	}
	return false
}

// pause waits.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
