package gateway

import (
	"context"
	"runtime"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// job is a call of a session that may block.
type job struct {
	ref  ref
	loop *loop
	sub  wire.Subprotocol
	call session.Call
	who  wire.Actor
	// reveal, of a CallSubscribe: the routes are to be visible, and nothing is looked up.
	reveal bool
}

// workers run jobs and post what comes out to the connection's loop. The queue is bounded; what does not fit is answered
// with overloaded.
type workers struct {
	// immutable after construction
	srv  *Server
	jobs chan job
}

// offer queues a job; it never blocks.
func (w *workers) offer(j job) bool {
	select {
	case w.jobs <- j:
		return true
	default:
		return false
	}
}

// patience is how long one worker's jobs of a kind may take. A context for each would cost them a timer, a channel and a place among all that
// end with the server; they share one, for an eighth of the time that it lasts: so much less a job has at most.
type patience struct {
	ctx    context.Context //nolint:containedctx // that of the jobs to come; its owner runs them one after the other
	cancel context.CancelFunc
	fresh  time.Time // until when it is good for the next job
}

const patienceShare = 8

// of returns the context for a job that begins now. What the job before had ends.
func (p *patience) of(ctx context.Context, timeout time.Duration) context.Context {
	now := time.Now()
	if p.ctx == nil || now.After(p.fresh) {
		p.end()
		p.ctx, p.cancel = context.WithTimeout(ctx, timeout)
		p.fresh = now.Add(timeout / patienceShare)
	}
	return p.ctx
}

func (p *patience) end() {
	if p.cancel != nil {
		p.cancel()
	}
}

// run is one worker; it ends with ctx.
func (w *workers) run(ctx context.Context) {
	var auth, call patience
	defer auth.end()
	defer call.end()
	for {
		select {
		case j := <-w.jobs:
			if j.call.Kind == session.CallAuthenticate {
				w.do(auth.of(ctx, w.srv.cfg.AuthTimeout), j)
			} else {
				w.do(call.of(ctx, w.srv.cfg.CallTimeout), j)
			}
			// A worker that goes from job to job would keep its processor from the loops for 10 ms, and all of them together for a second.
			runtime.Gosched()
		case <-ctx.Done():
			return
		}
	}
}

func (w *workers) do(ctx context.Context, j job) {
	o := op{ref: j.ref, id: j.call.ID}
	switch j.call.Kind { //nolint:exhaustive // sends are submitted by the loop
	case session.CallAuthenticate:
		o.kind = opIdentity
		req := j.call.Request.GetAuthenticate()
		who, err := w.srv.deps.Auth.Authenticate(ctx, req.GetToken(), req.GetDevice())
		o.who, o.err = &who, err
	case session.CallSubscribe:
		if o.kind = opRevealed; j.reveal {
			o.err = w.srv.flush(ctx)
			break
		}
		o.kind = opSubscribed
		o.subs, o.err = w.subscribe(ctx, j.who.User)
	case session.CallRequest:
		o.kind = opAnswer
		if !session.Large(j.call.Request) {
			o.bytes, o.err = w.answer(ctx, j)
		} else if o.err = j.loop.reserve(); o.err == nil {
			o.bytes, o.err = w.answer(ctx, j)
			o.n = len(o.bytes)
			j.loop.pages.Add(int64(o.n - largestPage))
		}
	}
	if o.err != nil {
		o.err = w.judge(ctx, o.err, j)
	}
	j.loop.inbox.Put(o)
}

// largestPage is what a page is counted for until it is read.
const largestPage = chat.MaxRangeBytes

// reserve makes room for a page, or says that there is none: what waits for receivers is asked for again when its turn comes, since thousands
// of them may have asked while nothing waited. It may be called from any goroutine.
func (l *loop) reserve() error {
	bound := int64(2 * l.srv.cfg.OutboundTotal / l.srv.loopCount())
	if n := l.pages.Add(largestPage) - largestPage; bound > 0 && n+l.queued.Load() > bound {
		l.pages.Add(-largestPage)
		err := chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "too much waits for receivers; try again")
		err.RetryAfter = time.Second
		return err
	}
	return nil
}

// judge gives an error of a call its code: one that was cut off by the clock is the server's trouble, and may be tried again.
func (w *workers) judge(ctx context.Context, err error, j job) error {
	e := chat.AsError(err)
	if ctx.Err() != nil && (e.Code == chat.CodeInternal || e.Code == chat.CodeCanceled) {
		return chat.Wrap(err, chat.CodeUnavailable, chat.ReasonOverloaded, "the server took too long; try again")
	}
	if e.Code == chat.CodeInternal {
		w.srv.log.Error("a request failed", "user", uint64(j.who.User), "session", j.ref.id, "error", err)
	}
	return e
}

func (w *workers) subscribe(ctx context.Context, user chat.UserID) ([]Subscription, error) {
	if err := w.srv.flush(ctx); err != nil {
		return nil, err
	}
	return w.srv.deps.Subscriptions.Subscriptions(ctx, user)
}

// answer runs a request and encodes what comes out, here and not on the loop: it may be half a megabyte.
func (w *workers) answer(ctx context.Context, j job) ([]byte, error) {
	var res *throngv1.Response
	var err error
	if env := j.call.Request; env.GetWatch() != nil || env.GetListOnline() != nil {
		res, err = w.srv.watch(ctx, j.ref, j.loop, j.who, env)
	} else if env.GetGetReceipts() != nil || env.GetListReceipts() != nil {
		res, err = w.srv.ask(ctx, j.who, env)
	} else {
		res, err = request(ctx, w.srv.deps.Requests, j.who, env)
	}
	if err != nil {
		return nil, err
	}
	return wire.AppendEnvelope(j.sub, nil, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: res}})
}

// failed is the answer to a call that was not even begun.
func (j *job) failed(err error) op {
	o := op{ref: j.ref, id: j.call.ID, err: err}
	switch j.call.Kind {
	case session.CallAuthenticate:
		o.kind = opIdentity
	case session.CallSubscribe:
		if o.kind = opSubscribed; j.reveal {
			o.kind = opRevealed
		}
	case session.CallRequest, session.CallSend, session.CallTyping, session.CallReceived: // of which only requests are given to workers
		o.kind = opAnswer
	}
	return o
}

func overloaded() error {
	err := chat.Errorf(chat.CodeUnavailable, chat.ReasonOverloaded, "too many requests are waiting; try again")
	err.RetryAfter = time.Second
	return err
}
