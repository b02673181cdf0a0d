package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	// MaxFocus is how many conversations may be open at once.
	MaxFocus   = 8
	focusRetry = time.Second
	// openGap is the largest gap of a large conversation that is pulled without a hole: one page.
	openGap = pullPage
)

// focus is what the application has open, and how far the server knows of it. Guarded by the Client's mu.
type focus struct {
	open   []ConversationID
	change uint64 // counts calls of Focus
	waits  []focusWait
}

// focusWait is a call of Focus that waits for its answer.
type focusWait struct {
	change uint64
	done   chan error
}

// Focus tells what the user has open, at most MaxFocus conversations; it takes the place of what was told before, and none is
// nothing. Of large conversations only those in focus bring their messages at once; the others tell with Behind that they
// went on. A conversation that comes into focus catches up: with all that it lacks, or, where that is more than a page, with a
// Hole and the newest messages.
//
// The focus holds over reconnects, and may be set before the client is connected. Focus returns when the server has answered, with
// its error; it returns early with ctx, which takes nothing back.
func (c *Client) Focus(ctx context.Context, ids ...ConversationID) error {
	if len(ids) > MaxFocus {
		return fmt.Errorf("focus on %d conversations: at most %d are open at once", len(ids), MaxFocus)
	}
	w := focusWait{done: make(chan error, 1)}
	c.mu.Lock()
	f := &c.focus
	f.change++
	w.change = f.change
	left := f.open
	f.open = slices.Clone(ids)
	f.waits = append(f.waits, w)
	for _, id := range left {
		c.unfocused(id)
	}
	c.mu.Unlock()
	c.wake()
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		c.locked(func() { f.waits = slices.DeleteFunc(f.waits, func(o focusWait) bool { return o.change == w.change }) })
		return ctx.Err()
	case <-c.done:
		return ErrClosed
	}
}

// Focused returns what the user has open, as Focus was told.
func (c *Client) Focused() []ConversationID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.focus.open)
}

// unfocused ends what holds for open conversations only.
func (c *Client) unfocused(id ConversationID) {
	cv := c.conversations[id]
	if cv == nil || slices.Contains(c.focus.open, id) {
		return
	}
	c.batched(cv, 0, 0)
	if c.lazy(cv) {
		delete(c.lagging, id)
	}
}

// lazy reports whether the conversation is pulled only when somebody opens it.
func (c *Client) lazy(cv *conversation) bool {
	return cv.tier == throngv1.Tier_TIER_LARGE && !c.opts.Eager && !slices.Contains(c.focus.open, cv.view.ID)
}

// focusDue tells the server what is open, where it does not know, and returns when to look again. A new connection is told
// before it syncs (S-35): what comes behind the heads of the sync is delivered then.
func (c *Client) focusDue(s *session, now time.Time) time.Time {
	f := &c.focus
	if s.focusing || s.focused == f.change {
		return time.Time{}
	}
	if now.Before(s.focusAfter) {
		return s.focusAfter
	}
	if s.focused == 0 && len(f.open) == 0 { // a connection begins with nothing open
		s.focused = f.change
		f.answered(f.change, nil)
		return time.Time{}
	}
	change := f.change
	req := &throngv1.FocusRequest{Conversations: make([]uint64, len(f.open))}
	for i, id := range f.open {
		req.Conversations[i] = uint64(id)
	}
	s.focusing = true
	env := &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Focus{Focus: req}}
	s.post(env, func(r *throngv1.Response, err error) {
		s.focusing = false
		c.focusAnswered(s, change, r.GetFocus(), err)
		c.wake()
	})
	return time.Time{}
}

func (c *Client) focusAnswered(s *session, change uint64, r *throngv1.FocusResponse, err error) {
	var e *Error
	switch {
	case errors.Is(err, errLinkLost):
		return // the next connection is told
	case errors.As(err, &e) && e.Retryable():
		s.focusAfter = time.Now().Add(max(focusRetry, e.RetryAfter))
		return
	case errors.As(err, &e) && e.Code == throngv1.Code_CODE_UNSUPPORTED:
		err = nil // a server that knows no focus delivers everything
	}
	s.focused = change
	for _, h := range r.GetHeads() {
		c.opened(h)
	}
	if err == nil && r == nil {
		for _, id := range c.focus.open {
			c.opened(&throngv1.Head{Conversation: uint64(id)})
		}
	}
	c.focus.answered(change, err)
}

// answered ends the calls of Focus up to a change.
func (f *focus) answered(change uint64, err error) {
	f.waits = slices.DeleteFunc(f.waits, func(w focusWait) bool {
		if w.change > change {
			return false
		}
		w.done <- err
		return true
	})
}

// opened takes the head of a conversation that came into focus, and makes it catch up. What is pulled for that was there before
// somebody looked.
func (c *Client) opened(h *throngv1.Head) {
	id := ConversationID(h.GetConversation())
	if c.conversations[id] == nil && (c.session == nil || !c.session.online) {
		return // the sync that comes next tells of it
	}
	cv := c.find(id)
	if cv.stream.head < h.GetSeq() || cv.stream.next <= cv.stream.head {
		cv.backlog = max(cv.backlog, h.GetSeq(), cv.stream.head)
	}
	cv.stream.notBefore = time.Time{}
	c.headed(cv, h.GetSeq(), h.GetOrdinal(), h.GetTier())
	c.advance(cv, time.Now())
}

// behind lets go of what came too early for a conversation that nobody looks at; its figures move on.
func (c *Client) behind(cv *conversation) {
	for _, p := range cv.stream.held {
		if p.entry == nil {
			continue
		}
		c.change(cv, func() {
			cv.headOrdinal = max(cv.headOrdinal, p.entry.GetOrdinal())
			if reads(p.entry, c.me) {
				cv.read(p.entry.GetSeq(), p.entry.GetOrdinal())
			}
		})
	}
	cv.stream.clear()
	delete(c.lagging, cv.view.ID)
	if cv.stream.head > cv.toldHead {
		cv.toldHead = cv.stream.head
		c.events.push(Behind{Conversation: cv.view.ID, Head: cv.stream.head, Unread: cv.unread()})
	}
}

// batched notes how a busy conversation is delivered.
func (c *Client) batched(cv *conversation, interval, wait time.Duration) {
	if cv.view.Batching == interval && cv.view.SendWait == wait {
		return
	}
	cv.view.Batching, cv.view.SendWait = interval, wait
	c.events.push(Batching{Conversation: cv.view.ID, Interval: interval, SendWait: wait})
}

// plain forgets what a connection that is gone had told about itself.
func (c *Client) plain() {
	for _, cv := range c.conversations {
		c.batched(cv, 0, 0)
	}
	c.degrade(Degraded{})
}

func (c *Client) degrade(d Degraded) {
	if d == c.degraded {
		return
	}
	c.degraded = d
	c.events.push(d)
}

func degradedOf(d *throngv1.Degraded) Degraded {
	return Degraded{
		Level: int(d.GetLevel()), TypingOff: d.GetTypingOff(), PresenceCounts: d.GetPresenceCounts(),
		ReceiptsOff: d.GetReceiptsOff(), ContentAsHints: d.GetContentAsHints(), AdmissionClosed: d.GetAdmissionClosed(),
	}
}

// Degraded returns what the server leaves out at present.
func (c *Client) Degraded() Degraded {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.degraded
}

func millis(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }
