package gateway_test

import (
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Guarantee I18: many receivers that take nothing share one bound, whatever each of them may hold. Who keeps up gets content
// all the same, and what was dropped is hinted at.
func TestManySlowReceiversShareABound(t *testing.T) {
	const total, receivers, entries, size = 1 << 20, 60, 100, 4_000
	shape(t, func(c *gateway.Config) { c.OutboundTotal = total }, func(t *testing.T, w *world) {
		users := []chat.UserID{1}
		quick := w.pipe()
		quick.send(authenticate("1:1001"))
		quick.next()
		slow := make([]*peer, receivers)
		for i := range slow {
			client, server := net.Pipe()
			if err := w.gateway.Open(gateway.NewTransport(server), gateway.Hello{Subprotocol: wire.Proto}); err != nil {
				t.Fatal(err)
			}
			slow[i] = &peer{t: t, Conn: client, r: client}
			slow[i].send(authenticate(tokenOf(2 + i)))
			slow[i].next()
			users = append(users, chat.UserID(2+i))
		}
		words := strings.Repeat("x", size)
		for seq := chat.Seq(1); seq <= entries; seq++ {
			w.deliver(entry(5, seq, 999, words, users...))
			if e := quick.next().GetEntry(); e.GetSeq() != uint64(seq) {
				t.Fatalf("the quick receiver got %d after %d", e.GetSeq(), seq-1)
			}
			synctest.Wait() // the server has seen that it was taken
		}
		synctest.Wait()
		if n := w.gateway.Queued(); n > total+receivers*2*size {
			t.Errorf("%d bytes wait, of %d at most", n, total)
		}
		for _, p := range slow {
			for last := uint64(0); last < entries; {
				envs, code := p.frame()
				if code != 0 {
					t.Fatalf("closed with %d", code)
				}
				for _, e := range envs {
					last = max(last, e.GetEntry().GetSeq(), e.GetHint().GetSeq())
				}
			}
			_ = p.Close()
		}
		synctest.Wait()
		if n := w.gateway.Queued(); n != 0 {
			t.Errorf("%d bytes wait for nobody", n)
		}
		_ = quick.Close()
	})
}

// Guarantee I18: those who ask for pages while nothing waits share the bound too, once many of them have asked.
func TestPagesUnderWayShareTheBound(t *testing.T) {
	const total, people, page = 1 << 20, 40, 100 << 10
	shape(t, func(c *gateway.Config) { c.OutboundTotal, c.Workers = total, people }, func(t *testing.T, w *world) {
		w.back.page, w.back.listing = page, make(chan struct{})
		peers := make([]*peer, people)
		for i := range peers {
			peers[i] = w.pipe()
			peers[i].send(authenticate(tokenOf(1 + i)))
			peers[i].next()
		}
		for _, p := range peers {
			p.send(&throngv1.ClientEnvelope{Id: 7, Request: &throngv1.ClientEnvelope_ListEntries{ListEntries: &throngv1.ListEntriesRequest{Conversation: 5}}})
		}
		synctest.Wait() // all that may be read are being read
		// Each is counted as the largest page until it is there.
		if n := w.back.lists.Load(); n < 2 || n > 2*total/chat.MaxRangeBytes+1 {
			t.Errorf("%d pages are read at once", n)
		}
		close(w.back.listing)
		answered, refused := 0, 0
		for _, p := range peers {
			switch env := p.next(); {
			case len(env.GetResponse().GetListEntries().GetEntries()) == 1:
				answered++
			case env.GetResponse().GetError().GetReason() == string(chat.ReasonOverloaded) && env.GetResponse().GetError().GetRetryAfterMs() > 0:
				refused++
			default:
				t.Errorf("got %v", env)
			}
		}
		if answered != int(w.back.lists.Load()) || answered+refused != people {
			t.Errorf("%d pages and %d refusals, of %d", answered, refused, people)
		}
		p := peers[0]
		for range 4 * total / page { // nothing is counted for good
			p.send(&throngv1.ClientEnvelope{Id: 8, Request: &throngv1.ClientEnvelope_ListEntries{ListEntries: &throngv1.ListEntriesRequest{Conversation: 5}}})
			if env := p.next(); len(env.GetResponse().GetListEntries().GetEntries()) != 1 {
				t.Fatalf("when nothing waits any more: %v", env)
			}
		}
		for _, p := range peers {
			_ = p.Close()
		}
	})
}
