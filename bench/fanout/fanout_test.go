//go:build linux

package fanout_test

import (
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/bench/bare"
	"github.com/throng-im/throng/bench/fanout"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/target/targettest"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func small(t *testing.T, srv *clienttest.Server) fanout.Config {
	t.Helper()
	return fanout.Config{
		Members: 30, Senders: 3, InFlight: 2, Rounds: 2, Duration: 300 * time.Millisecond, Warmup: 20 * time.Millisecond, Size: 64,
		Target: target.Options{URL: targettest.Serve(t, srv), Key: "key"},
		Bare:   bare.Local,
	}
}

func TestFanout(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *fanout.Config){
		"closed":     func(*fanout.Config) {},
		"open":       func(c *fanout.Config) { c.Rate = 200 },
		"chunks":     func(c *fanout.Config) { c.Chunk, c.InFlight = 5, 20 },
		"alone":      func(c *fanout.Config) { c.Alone = true },
		"limit only": func(c *fanout.Config) { c.LimitOnly = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := small(t, clienttest.New())
			change(&cfg)
			rep, err := fanout.Run(t.Context(), cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			if sentence, good := rep.Verdict(); !good {
				t.Error(sentence)
			}
			// Of a message that is on its way when a round begins or ends some deliveries count, and its last one does not.
			const edge = 0.9
			l := rep.LatencyMS
			if rep.Deliveries == 0 || rep.PerSecond <= 0 || rep.Messages <= 0 || l.First <= 0 || l.P50 < l.First || l.Max < l.P99 || l.All < edge*l.P50 {
				t.Errorf("report %+v", rep)
			}
			if rep.OverText < 8 || rep.OverText > 40 || math.Abs(rep.BytesPerDelivery-rep.OverText-64) > 1e-6 {
				t.Errorf("%v bytes a delivery, %v beyond the text", rep.BytesPerDelivery, rep.OverText)
			}
			if rep.MessagesPerFrame == 1 && rep.OverText < 22 { // a frame of one, with its headers
				t.Errorf("%v bytes beyond the text of a frame's one message: not all that came was counted", rep.OverText)
			}
			if (rep.Limit > 0) == cfg.Alone || (rep.Ratio > 0) == cfg.Alone || len(rep.Rounds) != 2 {
				t.Errorf("limit %v, ratio %v, rounds %v", rep.Limit, rep.Ratio, rep.Rounds)
			}
			if !cfg.LimitOnly && rep.AckMS.P50 <= 0 {
				t.Errorf("acknowledgements %+v", rep.AckMS)
			}
			if len(rep.Rows()) == 0 || len(rep.Plots()) < 3 {
				t.Error("there is nothing to show")
			}
			if cfg.Rate > 0 && (rep.Messages < cfg.Rate/2 || rep.Messages > cfg.Rate*1.5) {
				t.Errorf("%v messages/s at %v/s", rep.Messages, cfg.Rate)
			}
		})
	}
}

// TestFanoutFindsFaults breaks deliveries: the verdict must say so.
func TestFanoutFindsFaults(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]clienttest.Verdict{"twice": clienttest.Twice, "lost": clienttest.Drop} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := clienttest.New()
			var pushes atomic.Int64
			srv.OnPush = func(_ *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
				if env.GetEntry().GetText() != "" && pushes.Add(1)%100 == 0 {
					return v
				}
				return clienttest.Pass
			}
			srv.OnRequest = func(s *clienttest.Session, env *throngv1.ClientEnvelope) bool {
				if env.GetListEntries() != nil { // nothing heals
					s.Refuse(env.GetId(), throngv1.Code_CODE_NOT_FOUND, "conversation_not_found", 0)
				}
				return env.GetListEntries() != nil
			}
			cfg := small(t, srv)
			cfg.Alone, cfg.Rate, cfg.Rounds, cfg.Patience = true, 200, 1, 500*time.Millisecond
			rep, err := fanout.Run(t.Context(), cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, good := rep.Verdict(); good || rep.Duplicate == 0 && rep.Lost == 0 || rep.Deliveries == 0 {
				t.Errorf("not found: %+v", rep)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []fanout.Config{
		{Members: 1},
		{Members: 5, Senders: 6},
		{Size: 39},
		{Rate: -1},
		{InFlight: 61},
		{Alone: true, LimitOnly: true},
		{Members: 10_000_000},
		{Target: target.Options{URL: "http://x"}},
	} {
		if _, err := fanout.Run(t.Context(), c, nil); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
