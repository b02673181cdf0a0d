package gateway_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/gateway"
	"github.com/throng-im/throng/internal/pressure"
	"github.com/throng-im/throng/internal/store/local"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// heavy is a log that takes its time on the loop, as nothing should.
type heavy struct {
	*backend

	takes func()
}

func (h heavy) Submit(d *chat.Draft, done func(chat.Result)) {
	h.takes()
	h.backend.Submit(d, done)
}

// A loop that is late climbs the ladder, to the end: newcomers are turned away, those who are in are served. When it has caught up, the
// ladder is climbed down, and newcomers are let in.
func TestLateLoopsClimbTheLadder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := gateway.Default()
		cfg.Loops = 1
		back := newBackend()
		deps := back.deps(local.NewRoutes("n1"))
		work := make(chan time.Duration) // who has given work knows that the loop has begun with it
		deps.Sender = heavy{back, func() { <-time.After(<-work) }}
		var srv *gateway.Server
		var err error
		monitor := pressure.NewMonitor(pressure.Default(), pressure.Deps{Read: func() pressure.Signals {
			lag, inbox := srv.Load()
			return pressure.Signals{Lag: lag, Inbox: inbox}
		}})
		var levels []pressure.Level
		monitor.OnChange(func(l pressure.Level) { levels = append(levels, l) })
		deps.Level = monitor.Level
		srv, err = gateway.New(cfg, deps)
		assert.NoError(t, "new", err)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{}, 2)
		for _, run := range []func(context.Context) error{srv.Run, monitor.Run} {
			go func() { _ = run(ctx); ended <- struct{}{} }() // ends with cancel
		}
		open := func() (*peer, error) {
			client, server := net.Pipe()
			return &peer{t: t, Conn: client, r: client}, srv.Open(gateway.NewTransport(server), gateway.Hello{Subprotocol: wire.Proto})
		}
		one, err := open()
		assert.NoError(t, "open", err)
		one.send(authenticate("1:10"))
		one.next()
		two, err := open()
		assert.NoError(t, "open", err)
		two.send(authenticate("2:20"))
		two.next()
		heartbeat := &throngv1.ClientEnvelope{Id: 100, Request: &throngv1.ClientEnvelope_Heartbeat{Heartbeat: &throngv1.HeartbeatRequest{}}}
		// As long as one may say nothing, and a little more: from here on nothing falls together with a look of the monitor.
		<-time.After(30*time.Second + pressure.Default().Interval/2)
		synctest.Wait()
		assert.Equal(t, "calm, while nothing is late", len(levels), 0)

		// Each send holds the loop for four seconds, and what comes meanwhile waits.
		for i := range 5 {
			one.send(text(uint64(i+2), 5, "x"))
			work <- 4 * time.Second
			two.send(heartbeat)
			assert.Equal(t, "acknowledged", one.next().GetResponse().GetSend().GetSeq(), uint64(i+1))
			two.next()
		}
		<-time.After(pressure.Default().Interval) // the last one's lateness is seen by a look behind it
		assert.Equal(t, "level", monitor.Level(), pressure.AdmissionClosed)
		assert.Equal(t, "one step after the other", levels, []pressure.Level{1, 2, 3, 4, 5})
		_, err = open()
		assert.Equal(t, "a newcomer", chat.AsError(err).Reason, chat.ReasonOverloaded)
		two.send(heartbeat)
		assert.Equal(t, "who is in is served", two.next().GetResponse().GetId(), 100)

		for range 12 {
			<-time.After(10 * time.Second)
			one.send(heartbeat)
			two.send(heartbeat)
			one.next()
			two.next()
		}
		assert.Equal(t, "and back, one after the other", levels, []pressure.Level{1, 2, 3, 4, 5, 4, 3, 2, 1, 0})
		three, err := open()
		assert.NoError(t, "a newcomer is let in", err)
		for _, p := range []*peer{one, two, three} {
			_ = p.Close()
		}
		cancel()
		<-ended
		<-ended
	})
}
