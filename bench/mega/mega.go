package mega

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/bench/fanout"
	"github.com/throng-im/throng/bench/live"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/text"
	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Config says what Run does. Zero values are the defaults.
type Config struct {
	// Members of the group; default a million.
	Members int
	// Online of them; default 19,000. One in 20 of those has something else open.
	Online int
	// Writers among those online; default 1,000.
	Writers int
	// Rate in messages per second; 0 is as fast as it goes.
	Rate float64
	// Size of a text in bytes; default 128.
	Size int
	// Duration of the measured part; default 30 s.
	Duration time.Duration
	// Absent is how many members who are not online read the end of the log; default 100.
	Absent int
	// Target is what is put under load.
	Target target.Options
	// Command stands in the report.
	Command string
}

// The defaults.
const (
	DefaultMembers  = 1_000_000
	DefaultOnline   = 19_000
	DefaultWriters  = 1_000
	DefaultDuration = 30 * time.Second
	DefaultAbsent   = 100

	// Within is how long a run with the defaults may take.
	Within = 3 * time.Minute

	oneInBlind = 20
	inFlight   = 40
	readers    = 8
	page       = 50
)

// Report is what a run found.
type Report struct {
	fanout.Report
	// Took is the whole run, from nothing to the verdict.
	Took float64 `json:"took_s"`
	// Counted are the members that the server says the group has.
	Counted uint32 `json:"members_counted"`
	// Read are members who were not online and read the end of the log as all others have it; Unlike are those who read something else.
	Read   int `json:"absent_read"`
	Unlike int `json:"absent_read_unlike"`

	within time.Duration
}

// Run makes the group and looks at it. tell may be nil.
func Run(ctx context.Context, cfg Config, tell live.Func) (Report, error) {
	set(&cfg.Members, DefaultMembers)
	set(&cfg.Online, min(DefaultOnline, cfg.Members))
	blind := cfg.Online / oneInBlind
	set(&cfg.Writers, min(DefaultWriters, cfg.Online-blind))
	if cfg.Absent == 0 {
		cfg.Absent = min(DefaultAbsent, cfg.Members-cfg.Online)
	}
	if cfg.Duration == 0 {
		cfg.Duration = DefaultDuration
	}
	if tell == nil {
		tell = live.Silent
	}
	begin := time.Now()
	rep := Report{}
	if cfg.Members >= DefaultMembers && cfg.Duration <= DefaultDuration {
		rep.within = Within
	}
	var err error
	rep.Report, err = fanout.Run(ctx, fanout.Config{
		Members: cfg.Members, Online: cfg.Online, Blind: blind, Senders: cfg.Writers, Random: true, Rate: cfg.Rate, InFlight: inFlight,
		Size: cfg.Size, Duration: cfg.Duration, Rounds: 1, Alone: true, Target: cfg.Target, Command: cfg.Command,
		Check: func(ctx context.Context, s *target.Server, people *target.People, conv client.ConversationID) error {
			return rep.check(ctx, &cfg, s, people, conv, tell)
		},
	}, tell)
	rep.Took = time.Since(begin).Seconds()
	rep.Scenario = fmt.Sprintf("mega: %d members, %d online, %d of them writing at random", cfg.Members, cfg.Online, cfg.Writers)
	return rep, err
}

func set(v *int, def int) {
	if *v == 0 {
		*v = def
	}
}

// check looks at what is not a delivery.
func (r *Report) check(
	ctx context.Context, cfg *Config, s *target.Server, people *target.People, conv client.ConversationID, tell live.Func,
) error {
	web := target.Web()
	defer web.CloseIdleConnections()
	group, err := s.API(web, people.IDs[0]).Conversations.GetConversation(ctx,
		connect.NewRequest(&throngv1.GetConversationRequest{Conversation: uint64(conv)}))
	if err != nil {
		return fmt.Errorf("look at the group: %w", err)
	}
	r.Counted = group.Msg.GetConversation().GetMemberCount()
	read := func(ctx context.Context, who client.UserID) (*throngv1.ListEntriesResponse, error) {
		resp, err := s.API(web, who).Messages.ListEntries(ctx,
			connect.NewRequest(&throngv1.ListEntriesRequest{Conversation: uint64(conv), Limit: page}))
		if err != nil {
			return nil, fmt.Errorf("read as a member who was not online: %w", err)
		}
		return resp.Msg, nil
	}
	want, err := read(ctx, people.IDs[0])
	if err != nil {
		return err
	}
	var unlike atomic.Int64
	err = target.Each(ctx, "absent readers", cfg.Absent, readers, tell, func(ctx context.Context, _ int) error {
		got, err := read(ctx, people.IDs[cfg.Online+rand.IntN(cfg.Members-cfg.Online)]) //nolint:gosec // a sample
		if err == nil && !alike(want, got) {
			unlike.Add(1)
		}
		return err
	})
	r.Read, r.Unlike = cfg.Absent, int(unlike.Load())
	return err
}

// alike: the same head and the same entries, whole and undamaged.
func alike(a, b *throngv1.ListEntriesResponse) bool {
	if a.GetHeadSeq() != b.GetHeadSeq() || len(a.GetEntries()) != len(b.GetEntries()) {
		return false
	}
	for i, e := range a.GetEntries() {
		o := b.GetEntries()[i]
		if e.GetSeq() != o.GetSeq() || e.GetText() != o.GetText() || e.GetSender() != o.GetSender() {
			return false
		}
		if t := e.GetText(); t != "" {
			if _, ok := text.Read([]byte(t)); !ok {
				return false
			}
		}
	}
	return true
}

// Verdict says how it went.
func (r *Report) Verdict() (sentence string, good bool) {
	sentence, good = r.Report.Verdict()
	switch {
	case !good:
	case r.Counted != uint32(r.Members):
		return fmt.Sprintf("the server counts %d members of %d", r.Counted, r.Members), false
	case r.Unlike > 0:
		return fmt.Sprintf("%d of %d members who were not online read something else than the others", r.Unlike, r.Read), false
	case r.within > 0 && r.Took > r.within.Seconds():
		return fmt.Sprintf("all was right, but it took %.0f s", r.Took), false
	}
	return sentence, good
}

// Rows are the figures for people.
func (r *Report) Rows() []report.Row {
	return append([]report.Row{
		report.R("members", "%s counted by the server", report.Count(float64(r.Counted))),
		report.R("absent", "%d members who were not online read the end of the log, %d of them another one", r.Read, r.Unlike),
		report.R("took", "%.0f s from nothing to the verdict", r.Took),
	}, r.Report.Rows()...)
}
