//go:build cluster

package cluster_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throng-im/throng/client"
	"github.com/throng-im/throng/internal/limit"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
	"github.com/throng-im/throng/test/process"
)

// TestLimitsHoldOverNodes has one user write through three nodes as fast as they can: they get the limit, and not three times the limit,
// with the answer that says for how long to wait.
func TestLimitsHoldOverNodes(t *testing.T) {
	t.Parallel()
	const nodes = 3
	allowed := limit.Bucket{Rate: 4, Burst: 9, Keys: 1_000} // less than a machine can do that is busy
	g := shared(t)
	w := &world{t: t}
	var pages []string
	for range nodes {
		cfg := settingsOn(t, g)
		cfg.Limit.SendUser, cfg.Metrics.Listen = allowed, "127.0.0.1:0"
		n := start(t, cfg)
		w.nodes, pages = append(w.nodes, n), append(pages, n.app.MetricsURL())
	}
	for _, page := range pages {
		w.until("a node knows of the others", func() bool {
			_, text, err := process.Get(w.ctx(), page)
			return err == nil && strings.Contains(text, "\nthrong_limit_nodes 3\n")
		})
	}
	users := w.people(2)
	conv := w.group(0, users...)
	send := func(api *client.API) error {
		_, err := api.Messages.Send(w.ctx(), connect.NewRequest(&throngv1.SendRequest{
			Conversation: uint64(conv), ClientId: clientID(1_000 + w.made.Add(1)), Body: &throngv1.SendRequest_Text{Text: "again"},
		}))
		return err
	}
	var mu sync.Mutex
	var longest time.Duration
	sent, refused := [nodes]int{}, [nodes]int{}
	var writing sync.WaitGroup
	began := time.Now()
	for n := range nodes {
		api := w.back(n, users[0])
		writing.Go(func() {
			for time.Since(began) < 2*time.Second {
				err := send(api)
				var told *client.Error
				mu.Lock()
				switch {
				case err == nil:
					sent[n]++
				case errors.As(err, &told) && told.Code == throngv1.Code_CODE_RATE_LIMITED && told.Reason == "rate_limited" && told.RetryAfter > 0:
					refused[n]++
					longest = max(longest, told.RetryAfter)
				default:
					t.Errorf("node %d answered: %v", n, err)
				}
				mu.Unlock()
			}
		})
	}
	writing.Wait()
	all := allowed.Burst + int(allowed.Rate*time.Since(began).Seconds())
	most := all + all/16 + nodes*((allowed.Burst+4*nodes-1)/(4*nodes)+(allowed.Burst+2*nodes-1)/(2*nodes)) // [limit.Sharing]
	if got := sent[0] + sent[1] + sent[2]; got > most || got < all/2 {
		t.Errorf("%d messages in %s over nodes: %v; one node lets %d through, and all at most %d", got, time.Since(began), sent, all, most)
	}
	for n := range nodes {
		if refused[n] == 0 {
			t.Errorf("node %d refused nothing", n)
		}
	}
	if longest > 5*time.Second {
		t.Errorf("somebody was told to wait for %s", longest)
	}
	t.Logf("%v of %d sent over nodes, %v refused, waits up to %s", sent, all, refused, longest)

	// Who waits as told is let through, on the node that said so.
	api := w.back(2, users[0])
	tries := 0
	w.until("a message is let through", func() bool {
		err := send(api)
		var told *client.Error
		if errors.As(err, &told) {
			<-time.After(told.RetryAfter)
		}
		tries++
		return err == nil
	})
	if tries > 4 {
		t.Errorf("it took %d tries", tries)
	}
}
