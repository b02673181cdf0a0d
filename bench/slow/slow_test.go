//go:build linux

package slow_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/bench/slow"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/target/targettest"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const members, slowOne = 12, 12 // the last user is slow

func small(t *testing.T, srv *clienttest.Server) slow.Config {
	t.Helper()
	return slow.Config{
		Members: members, Size: 64, Duration: 200 * time.Millisecond, Rounds: 2, Warmup: 10 * time.Millisecond, Patience: time.Second,
		Target: target.Options{URL: targettest.Serve(t, srv), Key: "key"},
	}
}

// TestSlow drops every third delivery to the slow one, as a server does that keeps so much and no more: it pulls what it lacks.
func TestSlow(t *testing.T) {
	t.Parallel()
	srv := clienttest.New()
	var pushes atomic.Int64
	srv.OnPush = func(s *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
		if env.GetEntry().GetText() != "" && s.User() == slowOne && pushes.Add(1)%3 == 0 {
			return clienttest.Drop
		}
		return clienttest.Pass
	}
	rep, err := slow.Run(t.Context(), small(t, srv), nil)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Faults.Count() != 0 || rep.Messages == 0 || rep.Pulled == 0 || rep.Members != members || rep.Slow != 1 {
		t.Errorf("report %+v", rep)
	}
	if len(rep.Behind) != 2 || rep.Behind[0] == 0 || rep.Behind[1] == 0 || len(rep.Back) != 2 {
		t.Errorf("behind %v, back after %v", rep.Behind, rep.Back)
	}
	for name, s := range map[string]slow.Side{"without": rep.Without, "with": rep.With} {
		if s.Messages <= 0 || s.LatencyMS.P50 <= 0 || s.LatencyMS.P99 < s.LatencyMS.P50 || len(s.Rounds) != 2 || len(s.RoundsP50) != 2 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if rep.RateRatio <= 0 || rep.P50Ratio <= 0 || rep.P99Ratio <= 0 || len(rep.Rows()) < 6 || len(rep.Plots()) != 3 || !strings.HasPrefix(rep.Title(), "slow") {
		t.Errorf("ratios %v %v %v, title %q", rep.RateRatio, rep.P50Ratio, rep.P99Ratio, rep.Title())
	}
}

// TestSlowFindsFaults: what the slow one gets twice or never is found.
func TestSlowFindsFaults(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]clienttest.Verdict{"twice": clienttest.Twice, "lost": clienttest.Drop} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := clienttest.New()
			srv.OnPush = func(s *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
				if env.GetEntry().GetText() != "" && s.User() == slowOne {
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
			cfg.Rounds, cfg.Rate, cfg.Patience = 1, 200, 300*time.Millisecond
			rep, err := slow.Run(t.Context(), cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, good := rep.Verdict(); good || rep.Lost+rep.Duplicate == 0 {
				t.Errorf("not found: %+v", rep)
			}
		})
	}
}

// TestVerdict: each of the bounds is held.
func TestVerdict(t *testing.T) {
	t.Parallel()
	whole := func() slow.Report {
		side := slow.Side{Messages: 100, RSS: 50 << 20, Rounds: []float64{98, 102}, RoundsP50: []float64{5, 6}, RoundsRSS: []float64{49 << 20, 51 << 20}}
		return slow.Report{Slow: 2, Without: side, With: side, RateRatio: 1, Noise: 2 << 20}
	}
	rep := whole()
	if sentence, good := rep.Verdict(); !good {
		t.Error(sentence)
	}
	rep.Noise = 3 << 20
	if sentence, good := rep.Verdict(); !good || !strings.Contains(sentence, "lost in its changes") {
		t.Error(sentence)
	}
	rep.With.RSS, rep.Without.RoundsRSS = 500<<20, rep.Without.RoundsRSS[:1]
	if sentence, good := rep.Verdict(); !good || !strings.Contains(sentence, "more than one round") {
		t.Error(sentence)
	}
	for name, change := range map[string]func(r *slow.Report){
		"lost":    func(r *slow.Report) { r.Lost = 1 },
		"nothing": func(r *slow.Report) { r.With.Messages = 0 },
		"memory":  func(r *slow.Report) { r.With.RSS += 5 << 20 },
		"waiting": func(r *slow.Report) { r.WaitingPerSlow = 1<<20 + 1 },
		"delay":   func(r *slow.Report) { r.With.RoundsP50 = []float64{8, 8} },
		"rate":    func(r *slow.Report) { r.With.Messages, r.RateRatio = 80, 0.8 },
	} {
		rep := whole()
		change(&rep)
		if _, good := rep.Verdict(); good {
			t.Errorf("%s is passed over", name)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []slow.Config{
		{Members: 2},
		{Members: 5, Slow: 4},
		{Slow: -1},
		{Members: 5, Senders: 5},
		{Size: 39},
		{Size: 200_000},
		{Rate: -1},
		{Rounds: -1},
		{Members: 10_000_000},
		{Target: target.Options{URL: "http://x"}},
	} {
		if _, err := slow.Run(t.Context(), c, nil); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
