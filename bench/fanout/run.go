package fanout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throng-im/throng/bench/bare"
	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/load"
	"github.com/throng-im/throng/bench/pump"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	serverName = "server"
	bareName   = "bare loop"
	restTime   = time.Second // for the server's memory to come to rest
)

// run is one run.
type run struct {
	cfg  *Config
	tell live.Func
	srv  *target.Server
	bare *bare.Process

	people *target.People
	conv   client.ConversationID

	average float64 // the machine's load before
	fleets  int
	watch   *watch // of a server in this process
	before  int64  // the server's memory with nobody online
	memory  int64  // and with everybody
}

// Run puts a server under load and checks every delivery. tell may be nil; it is called from one goroutine at a time. The report
// is whole even where messages were lost; the error is for what kept the run from its end.
func Run(ctx context.Context, cfg Config, tell live.Func) (rep Report, err error) {
	if err := cfg.complete(); err != nil {
		return Report{}, err
	}
	if tell == nil {
		tell = live.Silent
	}
	r := &run{cfg: &cfg, tell: tell, average: report.LoadAverage()}
	var sides []*side
	defer func() {
		if r.watch != nil {
			r.watch.close()
		}
		if r.srv != nil {
			err = errors.Join(err, r.srv.Close())
		}
		if r.bare != nil {
			err = errors.Join(err, r.bare.Close())
		}
	}()
	if !cfg.LimitOnly {
		s, err := r.serverSide(ctx)
		if err != nil {
			return Report{}, fmt.Errorf("set up: %w", err)
		}
		sides = append(sides, s)
	}
	if !cfg.Alone {
		s, err := r.bareSide(ctx)
		if err != nil {
			return Report{}, err
		}
		sides = append(sides, s)
	}
	for round := range cfg.Rounds {
		for _, s := range sides {
			if err := r.measure(ctx, s, round); err != nil {
				return Report{}, err
			}
		}
	}
	if cfg.Check != nil && r.srv != nil {
		if err := cfg.Check(ctx, r.srv, r.people, r.conv); err != nil {
			return Report{}, err
		}
	}
	if r.watch != nil {
		r.watch.close()
	}
	return r.report(sides), nil
}

// sources is a block of addresses that the fleet before did not use.
func (r *run) sources() int {
	const blocks = 200
	r.fleets++
	return r.fleets%blocks + 1
}

// round names a side's round in front of its phases.
func (r *run) round(s *side, round int) live.Func {
	return func(p live.Progress) {
		p.Phase = fmt.Sprintf("%s %d/%d: %s", s.name, round+1, r.cfg.Rounds, p.Phase)
		r.tell(p)
	}
}

func (r *run) serverSide(ctx context.Context) (*side, error) {
	o := r.cfg.Target
	o.Starting = func() { r.tell(live.Progress{Phase: "start"}) }
	s := newSide(serverName)
	if r.cfg.Memory {
		r.inside(&o, s)
	}
	srv, err := target.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	r.srv = srv
	people, err := srv.MakePeople(ctx, r.cfg.Members, r.cfg.Online, r.tell)
	if err != nil {
		return nil, err
	}
	conv, err := srv.MakeGroup(ctx, "bench", people.IDs, r.tell)
	if err != nil {
		return nil, err
	}
	if r.cfg.Tier != throngv1.Tier_TIER_UNSPECIFIED {
		if err := srv.SetTier(ctx, conv, r.cfg.Tier); err != nil {
			return nil, err
		}
	}
	r.tell(live.Progress{Phase: "members"})
	if err := srv.AwaitMember(ctx, people.IDs[len(people.IDs)-1], conv); err != nil {
		return nil, err
	}
	r.people, r.conv = people, conv
	s.url, s.token, s.conv = srv.URL(), people.Token, uint64(conv)
	s.cpu = func() time.Duration { return srv.CPU(ctx) }
	s.head = func(ctx context.Context) (uint64, error) { return srv.Head(ctx, people.IDs[0], conv) }
	s.mouth = func(f *load.Fleet) pump.Mouth { return pump.Server{Fleet: f, Conversation: uint64(conv)} }
	head, err := s.head(ctx)
	if err != nil {
		return nil, err
	}
	s.next = head + 1
	r.before = r.settled(ctx)
	s.opened = func() {
		if r.watch != nil {
			r.watch.opening = r.watch.part()
		}
		if r.memory == 0 {
			r.memory = r.settled(ctx)
		}
	}
	return s, nil
}

// settled is the server's memory after a rest.
func (r *run) settled(ctx context.Context) int64 {
	if r.srv.RSS(ctx) == 0 {
		return 0 // it is not known
	}
	t := time.NewTimer(restTime)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return r.srv.RSS(ctx)
}

func (r *run) bareSide(ctx context.Context) (*side, error) {
	b, err := r.cfg.Bare(ctx)
	if err != nil {
		return nil, err
	}
	r.bare = b
	mouth := &bare.Mouth{Process: b, Chunk: r.cfg.Chunk}
	s := newSide(bareName)
	s.url, s.conv, s.next = b.URL(), bare.Conversation, bare.FirstSeq
	s.token = func(int) (token, device string) { return bareName, "" }
	s.cpu = b.CPU
	s.head = func(context.Context) (uint64, error) { return mouth.Next() - 1, nil }
	s.mouth = func(*load.Fleet) pump.Mouth { return mouth }
	return s, nil
}
