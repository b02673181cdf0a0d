//go:build linux

package fair_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/bench/fair"
	"github.com/throng-im/throng/bench/report"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/target/targettest"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const group = 1 // the first conversation that is made

func small(t *testing.T, srv *clienttest.Server) fair.Config {
	t.Helper()
	return fair.Config{
		Members: 40, Online: 20, Writers: 5, Pairs: 4, Rate: 100, Size: 64, Duration: 100 * time.Millisecond, Rounds: 2, Warmup: 10 * time.Millisecond,
		Patience: 500 * time.Millisecond, Target: target.Options{URL: targettest.Serve(t, srv), Key: "key"},
	}
}

// limited refuses two of three sends into the group with a wait.
func limited() *clienttest.Server {
	srv := clienttest.New()
	var sends atomic.Int64
	srv.OnRequest = func(s *clienttest.Session, env *throngv1.ClientEnvelope) bool {
		if env.GetSend().GetConversation() != group || sends.Add(1)%3 == 0 {
			return false
		}
		s.Refuse(env.GetId(), throngv1.Code_CODE_RATE_LIMITED, "conversation_busy", 10)
		return true
	}
	return srv
}

func TestFair(t *testing.T) {
	t.Parallel()
	rep, err := fair.Run(t.Context(), small(t, limited()), nil)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Faults.Count() != 0 || rep.Waits == 0 || rep.Deliveries <= 0 || rep.Messages <= 0 || rep.GroupLatencyMS.P50 <= 0 {
		t.Errorf("report %+v", rep)
	}
	for name, s := range map[string]fair.Side{"alone": rep.Alone, "beside": rep.Beside} {
		if s.Messages == 0 || s.LatencyMS.P50 <= 0 || s.LatencyMS.P99 < s.LatencyMS.P50 || s.AckMS.P50 <= 0 || len(s.Rounds) != 2 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if rep.Ratio <= 0 || rep.P50Ratio <= 0 || len(rep.Rows()) < 9 || len(rep.Plots()) != 2 || !strings.HasPrefix(rep.Title(), "fair") {
		t.Errorf("ratios %v %v, title %q", rep.Ratio, rep.P50Ratio, rep.Title())
	}
}

// TestFairFindsFaults loses and repeats deliveries of the chats, which nothing else would tell.
func TestFairFindsFaults(t *testing.T) {
	t.Parallel()
	srv := limited()
	waits := srv.OnRequest
	srv.OnRequest = func(s *clienttest.Session, env *throngv1.ClientEnvelope) bool {
		if env.GetListEntries() != nil { // nothing heals
			s.Refuse(env.GetId(), throngv1.Code_CODE_NOT_FOUND, "conversation_not_found", 0)
			return true
		}
		return waits(s, env)
	}
	var pushes atomic.Int64
	srv.OnPush = func(_ *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
		if e := env.GetEntry(); e.GetText() != "" && e.GetConversation() != group && pushes.Add(1)%5 == 0 {
			return clienttest.Twice
		}
		return clienttest.Pass
	}
	cfg := small(t, srv)
	cfg.Rounds = 1
	rep, err := fair.Run(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, good := rep.Verdict(); good || rep.Duplicate == 0 {
		t.Errorf("not found: %+v", rep)
	}
}

// TestVerdict: each of the bounds is held.
func TestVerdict(t *testing.T) {
	t.Parallel()
	whole := func() fair.Report {
		side := fair.Side{Messages: 100, LatencyMS: report.Latency{P50: 1, P99: 4, Max: 5}}
		return fair.Report{Alone: side, Beside: side, Ratio: 2, Messages: 10, Waits: 3}
	}
	rep := whole()
	if sentence, good := rep.Verdict(); !good {
		t.Error(sentence)
	}
	for name, change := range map[string]func(r *fair.Report){
		"lost":            func(r *fair.Report) { r.Lost = 1 },
		"nothing":         func(r *fair.Report) { r.Beside.Messages = 0 },
		"below its limit": func(r *fair.Report) { r.Waits = 0 },
		"unfair":          func(r *fair.Report) { r.Ratio = 2.01 },
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
	for _, c := range []fair.Config{
		{Members: 1},
		{Members: 5, Online: 6},
		{Members: 5, Writers: 6},
		{Pairs: -1},
		{Size: 39},
		{Rate: -1},
		{Rounds: -1},
		{Members: 10_000_000, Online: 10_000_000},
		{Target: target.Options{URL: "http://x"}},
	} {
		if _, err := fair.Run(t.Context(), c, nil); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
