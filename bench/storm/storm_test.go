//go:build linux

package storm_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/bench/storm"
	"github.com/throng-im/throng/bench/target"
	"github.com/throng-im/throng/bench/target/targettest"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func small(t *testing.T, kind string, srv *clienttest.Server) storm.Config {
	t.Helper()
	return storm.Config{
		Kind: kind, Clients: 24, Duration: 300 * time.Millisecond, Messages: 20, Pulls: 500, Times: 2, Size: 64, Quiet: 50 * time.Millisecond,
		Target: target.Options{URL: targettest.Serve(t, srv), Key: "key"},
		Cut: func(context.Context, *target.Server) error {
			srv.Cut()
			return nil
		},
	}
}

func run(t *testing.T, cfg storm.Config) (storm.Storm, *storm.Report) {
	t.Helper()
	rep, err := storm.Run(t.Context(), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(rep.Storms) != 1 || rep.Storms[0].Kind != cfg.Kind {
		t.Fatalf("report %+v", rep)
	}
	if len(rep.Rows()) < 4 || len(rep.Plots()) < 2 || !strings.Contains(rep.Title(), "storm") {
		t.Error("there is nothing to show")
	}
	return rep.Storms[0], &rep
}

// wrong are the problems that are not about time, which a busy machine may make.
func wrong(s *storm.Storm) (problems []string) {
	for _, p := range s.Problems {
		if !strings.Contains(p, "took") && !strings.Contains(p, "taken") {
			problems = append(problems, p)
		}
	}
	return problems
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	for _, bad := range []bool{false, true} {
		cfg := small(t, storm.Reconnect, clienttest.New())
		cfg.Bad = bad
		s, _ := run(t, cfg)
		if len(wrong(&s)) > 0 || s.Attempts < 24 || s.BackS <= 0 || s.MostTries < 1 || s.Pulls < 24 {
			t.Errorf("bad %v: %+v", bad, s)
		}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	s, _ := run(t, small(t, storm.Send, clienttest.New()))
	if len(wrong(&s)) > 0 || s.Peak <= 0 || s.Goodput <= 0 || s.Offered == 0 || s.LatencyMS.Max <= 0 {
		t.Errorf("%+v", s)
	}
}

func TestPush(t *testing.T) {
	t.Parallel()
	s, _ := run(t, small(t, storm.Push, clienttest.New()))
	if len(wrong(&s)) > 0 || s.Deliveries != 20*23 {
		t.Errorf("%+v", s)
	}
}

func TestPull(t *testing.T) {
	t.Parallel()
	s, _ := run(t, small(t, storm.Pull, clienttest.New()))
	if len(wrong(&s)) > 0 || s.Pages != 500 || s.Unlike != 0 {
		t.Errorf("%+v", s)
	}
}

// TestFindsFaults breaks the server: the verdict must say so.
func TestFindsFaults(t *testing.T) {
	t.Parallel()
	var n atomic.Int64
	t.Run("a push twice", func(t *testing.T) {
		t.Parallel()
		srv := clienttest.New()
		srv.OnPush = func(_ *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
			if env.GetEntry().GetText() != "" && n.Add(1)%50 == 0 {
				return clienttest.Twice
			}
			return clienttest.Pass
		}
		s, rep := run(t, small(t, storm.Push, srv))
		if _, good := rep.Verdict(); good || s.Duplicate == 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("another page", func(t *testing.T) {
		t.Parallel()
		srv := clienttest.New()
		var asked atomic.Int64
		srv.OnAnswer = func(_ *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
			if l := env.GetResponse().GetListEntries(); l != nil && asked.Add(1)%100 == 0 {
				l.HeadSeq++
			}
			return clienttest.Pass
		}
		s, rep := run(t, small(t, storm.Pull, srv))
		if _, good := rep.Verdict(); good || s.Unlike == 0 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("sends that are refused are no loss", func(t *testing.T) {
		t.Parallel()
		srv := clienttest.New()
		var asked atomic.Int64
		srv.OnRequest = func(s *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetSend() == nil || asked.Add(1)%5 != 0 {
				return false
			}
			s.Refuse(env.GetId(), throngv1.Code_CODE_UNAVAILABLE, "overloaded", 0)
			return true
		}
		s, _ := run(t, small(t, storm.Send, srv))
		if len(wrong(&s)) > 0 || s.RefusedSends == 0 || s.Refused["overloaded"] == 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []storm.Config{
		{Kind: "rain"},
		{Clients: 1},
		{Clients: 10_000_000},
		{Times: -1},
		{Kind: storm.Send, Target: target.Options{URL: "http://x"}},
		{Kind: storm.Reconnect, Target: target.Options{URL: "http://x", Key: "k"}},
	} {
		if _, err := storm.Run(t.Context(), c, nil); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
