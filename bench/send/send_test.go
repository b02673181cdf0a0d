package send_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/throng-im/throng/bench/send"
	"github.com/throng-im/throng/bench/target/targettest"
	"github.com/throng-im/throng/client/clienttest"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func small(url string) send.Config {
	return send.Config{
		Senders: 4, Conversations: 8, Members: 3, Users: 6, Size: 64, URL: url, Key: "key",
		Duration: 200 * time.Millisecond, Warmup: 20 * time.Millisecond,
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"closed loop": 0, "open loop": 500} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := small(targettest.Serve(t, clienttest.New()))
			cfg.Rate = rate
			rep, err := send.Run(t.Context(), cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			if rep.Faults.Count() != 0 || rep.Acked == 0 || rep.Deliveries == 0 || rep.Checked < rep.Deliveries {
				t.Errorf("report %+v", rep)
			}
			if rep.AckMS.P50 <= 0 || rep.DeliverMS.Max < rep.DeliverMS.P50 || rep.BytesPerDelivery < 8 || rep.BytesPerDelivery > 40 {
				t.Errorf("report %+v", rep)
			}
			if rate > 0 && (rep.Rate < rate/2 || rep.Rate > rate*1.5) {
				t.Errorf("rate %v, want about %v", rep.Rate, rate)
			}
		})
	}
}

func TestPreload(t *testing.T) {
	t.Parallel()
	srv := clienttest.New()
	cfg := small(targettest.Serve(t, srv))
	cfg.Preload, cfg.Rate = 300, 200
	rep, err := send.Run(t.Context(), cfg, nil)
	if err != nil || rep.Faults.Count() != 0 || rep.Rate > 300 {
		t.Errorf("report %+v, %v", rep, err)
	}
	stored := 0
	for conv := uint64(1); conv <= 8; conv++ {
		stored += len(srv.Log(conv)) - 1
	}
	if want := 300 + int(rep.Acked); stored < want {
		t.Errorf("%d messages stored, want %d at least", stored, want)
	}
}

// TestSendFindsFaults breaks the deliveries: the bench must see it.
func TestSendFindsFaults(t *testing.T) {
	t.Parallel()
	var pushes atomic.Int64
	nth := func(n int64, v clienttest.Verdict) func(*clienttest.Session, *throngv1.ServerEnvelope) clienttest.Verdict {
		return func(_ *clienttest.Session, env *throngv1.ServerEnvelope) clienttest.Verdict {
			if env.GetEntry().GetText() != "" && pushes.Add(1)%n == 0 {
				return v
			}
			return clienttest.Pass
		}
	}
	t.Run("twice", func(t *testing.T) { //nolint:paralleltest // they share the counter
		srv := clienttest.New()
		srv.OnPush = nth(10, clienttest.Twice)
		rep, err := send.Run(t.Context(), small(targettest.Serve(t, srv)), nil)
		if err != nil || rep.Duplicate == 0 || rep.Lost != 0 {
			t.Errorf("report %+v, %v", rep, err)
		}
	})
	t.Run("lost on the way, there when asked", func(t *testing.T) { //nolint:paralleltest // they share the counter
		srv := clienttest.New()
		srv.OnPush = nth(10, clienttest.Drop)
		rep, err := send.Run(t.Context(), small(targettest.Serve(t, srv)), nil)
		if err != nil || rep.Lost != 0 || rep.Pulled == 0 {
			t.Errorf("report %+v, %v", rep, err)
		}
	})
	t.Run("lost for good", func(t *testing.T) { //nolint:paralleltest // they share the counter
		srv := clienttest.New()
		srv.OnPush = nth(10, clienttest.Drop)
		srv.OnRequest = func(s *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetListEntries() == nil {
				return false
			}
			s.Refuse(env.GetId(), throngv1.Code_CODE_NOT_FOUND, "conversation_not_found", 0)
			return true
		}
		rep, err := send.Run(t.Context(), small(targettest.Serve(t, srv)), nil)
		if err != nil || rep.Lost == 0 {
			t.Errorf("report %+v, %v", rep, err)
		}
	})
	t.Run("refused for a moment", func(t *testing.T) { //nolint:paralleltest // they share the counter
		srv := clienttest.New()
		srv.OnRequest = func(s *clienttest.Session, env *throngv1.ClientEnvelope) bool {
			if env.GetSend() == nil || pushes.Add(1)%50 != 0 {
				return false
			}
			s.Refuse(env.GetId(), throngv1.Code_CODE_UNAVAILABLE, "overloaded", 0)
			return true
		}
		rep, err := send.Run(t.Context(), small(targettest.Serve(t, srv)), nil)
		if err != nil || rep.Faults.Count() != 0 || rep.Errors["overloaded"] == 0 {
			t.Errorf("report %+v, %v", rep, err)
		}
	})
}
