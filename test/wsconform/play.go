package wsconform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// Play asks a server one case. chop sends everything in writes of one byte.
func Play(ctx context.Context, t *Target, k *Case, chop bool) Result {
	c, err := dial(ctx, t, chop)
	if err != nil {
		return Result{Failed, err.Error()}
	}
	defer func() { _ = c.Close() }() // it has ended, or the case has failed
	p := &play{t: t, k: k, c: c}
	if done := p.shake(); !done {
		go c.read() // ends with the connection
		p.steps()
		p.end()
		_ = c.Close()
		for range c.events {
			continue // so that the reader ends
		}
	}
	return p.result
}

// play is a case under way.
type play struct {
	t *Target
	k *Case
	c *conn

	result   Result
	messages []Message // that have come
	pongs    []string
	closed   *event // the server's close frame
	ended    error  // the end of the connection
}

// fail notes what is not allowed; the first thing counts.
func (p *play) fail(format string, args ...any) {
	if p.result.Rating != Failed {
		p.result = Result{Failed, fmt.Sprintf(format, args...)}
	}
}

// lenient notes what is not recommended.
func (p *play) lenient(format string, args ...any) {
	if p.result.Rating == Strict {
		p.result = Result{Lenient, fmt.Sprintf(format, args...)}
	}
}

// shake asks for the upgrade; it returns true where the case ends with the answer.
func (p *play) shake() (done bool) {
	sub := p.t.Binary
	if p.k.text() {
		sub = p.t.Text
	}
	r, s := request(p.t, sub), p.k.Shake
	if s == nil {
		s = &Shake{}
	}
	if s.Edit != nil {
		s.Edit(r)
	}
	p.c.send(r.bytes())
	method, _, _ := strings.Cut(r.Line, " ")
	a, err := p.c.answer(method)
	switch {
	case err != nil:
		p.fail("%v", err)
		return true
	case a.Status != http.StatusSwitchingProtocols:
		p.refused(s, a)
		return true
	case len(s.Refuse) > 0 && !s.Also:
		p.fail("agreed to")
		return true
	case len(s.Refuse) > 0:
		p.lenient("agreed to")
	}
	if why := a.wrong(r); why != "" {
		p.fail("%s", why)
	}
	if s.Deflate && a.Deflate == nil {
		p.result = Result{Unasked, "permessage-deflate was not agreed on"}
		return true
	}
	if _, promised := a.Deflate[clientTakeover]; s.NoTakeover && !promised {
		p.result = Result{Unasked, "contexts may be taken over"}
		return true
	}
	if s.Check != nil {
		if why := s.Check(a); why != "" {
			p.fail("%s", why)
		}
	}
	return false
}

// refused judges an answer that does not agree.
func (p *play) refused(s *Shake, a *Answer) {
	switch {
	case s.MayRefuse && a.Status == http.StatusBadRequest:
		p.lenient("answered with %d", a.Status)
	case len(s.Refuse) == 0:
		p.fail("answered with %d", a.Status)
	case !slices.Contains(s.Refuse, a.Status) && (a.Status < 400 || a.Status > 499):
		p.fail("answered with %d, wanted %v", a.Status, s.Refuse)
	case !slices.Contains(s.Refuse, a.Status):
		p.lenient("answered with %d, wanted %v", a.Status, s.Refuse)
	case s.Check != nil:
		if why := s.Check(a); why != "" {
			p.fail("%s", why)
		}
	}
}

// over reports whether nothing more needs to be sent or waited for.
func (p *play) over() bool { return p.closed != nil || p.ended != nil }

// steps plays the steps, until the server says goodbye.
func (p *play) steps() {
	var messages []Message
	var pongs []string
	for _, s := range p.k.Steps {
		p.c.send(s.Send)
		messages, pongs = append(messages, s.Messages...), append(pongs, s.Pongs...)
		switch s.Early {
		case NotEarly:
		case ByPong:
			before := len(p.pongs)
			p.wait(p.t.patience(), func() bool { return len(p.pongs) > before })
			p.pongs = p.pongs[:min(before, len(p.pongs))]
		case ByTime:
			p.wait(moment, func() bool { return false })
		}
		if s.Early != NotEarly {
			if p.over() {
				return
			}
			p.lenient("does not fail early")
		}
		p.wait(p.t.patience(), func() bool {
			return len(p.messages) >= len(messages) && (len(pongs) == 0 || slices.Contains(p.pongs, pongs[len(pongs)-1]))
		})
	}
	if p.t.Echo && !p.k.End.Tolerable {
		p.compare(messages)
	}
	p.comparePongs(pongs)
}

func (p *play) compare(want []Message) {
	if len(p.messages) < len(want) {
		p.fail("%d messages came back, wanted %d%s", len(p.messages), len(want), p.how())
		return
	}
	for i, m := range p.messages {
		switch {
		case i >= len(want):
			p.fail("a message that nobody expects: %.40q", m.Payload)
		case m.Text != want[i].Text:
			p.fail("message %d is of the other kind", i+1)
		case !bytes.Equal(m.Payload, want[i].Payload):
			p.fail("message %d is %.40q (%d bytes), wanted %.40q (%d bytes)", i+1, m.Payload, len(m.Payload), want[i].Payload, len(want[i].Payload))
		}
	}
}

// comparePongs: of several pings that wait, the last alone may be answered (RFC 6455 section 5.5.3).
func (p *play) comparePongs(want []string) {
	rest := want
	for _, pong := range p.pongs {
		i := slices.Index(rest, pong)
		if i < 0 {
			p.fail("a pong that nobody asked for: %.40q", pong)
			return
		}
		rest = rest[i+1:]
	}
	if len(rest) > 0 {
		p.fail("%d pings were not answered%s", len(rest), p.how())
	}
}

// how tells how the connection ended, for those who expected something else.
func (p *play) how() string {
	switch {
	case p.closed != nil:
		return fmt.Sprintf("; closed with %d", p.closed.code)
	case p.ended != nil:
		return fmt.Sprintf("; ended: %v", p.ended)
	default:
		return ""
	}
}

// wait takes what comes until done, the end, or the time is over.
func (p *play) wait(d time.Duration, done func() bool) {
	late := time.NewTimer(d)
	defer late.Stop()
	for !p.over() && !done() {
		select {
		case ev, ok := <-p.c.events:
			if ok {
				p.take(ev)
			}
		case <-late.C:
			return
		}
	}
}

func (p *play) take(ev event) {
	if errors.Is(ev.err, errBroken) {
		p.fail("%v", ev.err)
	}
	switch {
	case ev.op == opClose:
		p.closed = &ev
	case ev.err != nil:
		p.ended = ev.err
	case ev.op == opPong:
		p.pongs = append(p.pongs, ev.payload)
	case ev.op == opText, ev.op == opBinary:
		p.messages = append(p.messages, ev.message)
	}
}

// end waits for the end of the connection, or makes it.
func (p *play) end() {
	if p.result.Rating == Failed {
		return
	}
	switch e := p.k.End; e.Kind {
	case Lives:
		if p.over() {
			p.fail("the connection does not go on%s", p.how())
			return
		}
		p.c.send(goodbye(1000, ""))
		p.answered(1000)
	case Answers:
		p.answered(e.Codes...)
	case Fails:
		p.failure(e)
	}
}

// answered waits for the answer to a close frame, and for the end that follows it.
func (p *play) answered(codes ...int) {
	before := len(p.messages)
	p.wait(p.t.patience(), func() bool { return false })
	switch {
	case p.closed == nil && errors.Is(p.ended, os.ErrDeadlineExceeded), !p.over():
		p.fail("the close frame is not answered")
		return
	case p.closed == nil:
		p.fail("the close frame is answered with the end of the connection: %v", p.ended)
		return
	case p.t.Echo && len(p.messages) > before:
		p.fail("a message came that nobody expects")
		return
	case !slices.Contains(codes, p.closed.code):
		p.lenient("closed with %d, wanted %v", p.closed.code, codes)
	}
	p.gone()
}

// failure waits until the server fails the connection.
func (p *play) failure(e End) {
	before := len(p.messages)
	unexpected := func() bool { return p.t.Echo && len(p.messages) > before && !e.Tolerable }
	if p.wait(moment, unexpected); !p.over() && !unexpected() {
		// It may be slow, or it may go on: then it answers.
		const probe = "are you there?"
		p.c.send(ping(probe))
		p.wait(p.t.patience(), func() bool { return unexpected() || slices.Contains(p.pongs, probe) })
	}
	switch {
	case e.Tolerable && (!p.over() || errors.Is(p.ended, os.ErrDeadlineExceeded)):
		p.lenient("the server goes on, wanted %v", e.Codes)
		return
	case !p.over():
		p.fail("the server goes on, wanted %v", e.Codes)
		return
	case unexpected():
		p.fail("a message came that nobody expects")
		return
	case errors.Is(p.ended, os.ErrDeadlineExceeded):
		p.fail("the server does not fail the connection, wanted %v", e.Codes)
		return
	case p.closed == nil:
		p.lenient("the connection ends without a close frame, wanted %v", e.Codes)
		return
	case !slices.Contains(e.Codes, p.closed.code):
		p.lenient("closed with %d, wanted %v", p.closed.code, e.Codes)
	}
	p.c.send(goodbye(max(p.closed.code, 1000), ""))
	if half, ok := p.c.Conn.(interface{ CloseWrite() error }); ok && !e.Patient {
		_ = half.CloseWrite() // the server has nothing to wait for
	}
	p.gone()
}

// gone waits for the end behind the server's close frame (RFC 6455 sections 5.5.1 and 7.1.1).
func (p *play) gone() {
	late := time.NewTimer(p.t.patience())
	defer late.Stop()
	for {
		select {
		case ev, ok := <-p.c.events:
			switch {
			case !ok, errors.Is(ev.err, os.ErrDeadlineExceeded):
				p.fail("the server does not end the connection")
				return
			case ev.err != nil && !errors.Is(ev.err, errBroken):
				return
			default:
				p.fail("frames behind the close frame")
				return
			}
		case <-late.C:
			p.fail("the server does not end the connection")
			return
		}
	}
}
