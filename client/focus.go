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

// focus is what the application has open. How far the server of a connection knows of it stands in the session. Guarded by the
// Client's mu.
type focus struct {
	open   []ConversationID
	taken  []ConversationID // what a server took last; what it refuses leaves this open
	change uint64           // counts calls of Focus
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
// its error, and what was refused takes nothing's place; it returns early with ctx, which takes nothing back.
func (c *Client) Focus(ctx context.Context, ids ...ConversationID) error {
	open := make([]ConversationID, 0, min(len(ids), MaxFocus))
	for _, id := range ids {
		if slices.Contains(open, id) {
			continue
		}
		if len(open) == MaxFocus {
			return fmt.Errorf("focus on %d conversations: at most %d are open at once", len(ids), MaxFocus)
		}
		open = append(open, id)
	}
	w := focusWait{done: make(chan error, 1)}
	c.mu.Lock()
	f := &c.focus
	f.change++
	w.change = f.change
	f.waits = append(f.waits, w)
	f.open = open // what was open before is let go of when a pull of it would be due
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

// lazy reports whether the conversation is pulled only when somebody opens it. Where the server tells medium ones by hints for
// want of strength, pulling each of them for nobody would cost it more than that saved.
func (c *Client) lazy(cv *conversation) bool {
	if c.opts.Eager || slices.Contains(c.focus.open, cv.view.ID) {
		return false
	}
	return cv.tier == throngv1.Tier_TIER_LARGE && !cv.served || cv.tier == throngv1.Tier_TIER_MEDIUM && c.degraded.ContentAsHints
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
		s.focused, f.taken = f.change, nil
		f.answered(f.change, nil)
		return time.Time{}
	}
	change := f.change
	req := &throngv1.FocusRequest{Conversations: make([]uint64, len(f.open))}
	for i, id := range f.open {
		req.Conversations[i] = uint64(id)
	}
	s.focusing, s.asked = true, f.open
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
	f := &c.focus
	switch {
	case errors.Is(err, errLinkLost):
		return // the next connection is told
	case errors.As(err, &e) && (e.Retryable() || e.Code == throngv1.Code_CODE_UNAUTHENTICATED):
		s.asked, s.focusAfter = s.taken, time.Now().Add(max(focusRetry, e.RetryAfter))
		return
	case errors.As(err, &e) && e.Code == throngv1.Code_CODE_UNSUPPORTED:
		err = nil // a server that knows no focus delivers everything
	}
	s.focused = change
	if err != nil {
		c.opts.Log.Warn("focus", "error", err)
		s.asked = s.taken
		if f.change == change {
			f.open = f.taken
		}
		f.answered(change, err)
		return
	}
	s.taken, f.taken = s.asked, s.asked
	for _, cv := range c.conversations {
		if !s.looksAt(cv.view.ID) {
			c.batched(cv, 0, 0)
		}
	}
	for _, h := range r.GetHeads() {
		c.opened(h)
	}
	if r == nil {
		for _, id := range s.taken {
			c.opened(&throngv1.Head{Conversation: uint64(id)})
		}
	}
	f.answered(change, nil)
}

// looksAt reports whether the server has, or is about to have, the conversation in this connection's focus.
func (s *session) looksAt(id ConversationID) bool {
	return slices.Contains(s.taken, id) || slices.Contains(s.asked, id)
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
	cv.stream.spread = time.Time{}
	c.change(cv, func() { cv.discounted(h.GetSeq(), h.GetRecalled()) })
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
			cv.discount(p.entry)
			if reads(p.entry, c.me) {
				cv.read(p.entry.GetSeq(), p.entry.GetOrdinal())
			}
		})
	}
	cv.stream.clear()
	delete(c.lagging, cv.view.ID)
	if cv.stream.head > cv.toldHead {
		cv.toldHead = cv.stream.head
		c.events.pushOnce(&cv.behindQueued, func() Event {
			if !cv.stream.lacking() {
				return nil // its messages came meanwhile
			}
			return Behind{Conversation: cv.view.ID, Head: cv.stream.head, Unread: cv.unread()}
		})
	}
}

// batched notes how a busy conversation is delivered.
func (c *Client) batched(cv *conversation, interval, wait time.Duration) {
	if cv.view.Batching == interval && cv.view.SendWait == wait {
		return
	}
	cv.view.Batching, cv.view.SendWait = interval, wait
	c.events.pushOnce(&cv.batchingQueued, func() Event {
		now := Batching{Conversation: cv.view.ID, Interval: cv.view.Batching, SendWait: cv.view.SendWait}
		if now == cv.toldBatching {
			return nil
		}
		cv.toldBatching = now
		return now
	})
}

// plain forgets what a connection that has ended had told about itself.
func (c *Client) plain() {
	for _, cv := range c.conversations {
		c.batched(cv, 0, 0)
	}
	c.degrade(Degraded{})
	c.stopTyping()
	c.lostSight()
}

func (c *Client) degrade(d Degraded) {
	if d == c.degraded {
		return
	}
	hints := c.degraded.ContentAsHints
	c.degraded = d
	c.events.pushOnce(&c.degradedQueued, func() Event {
		if c.degraded == c.toldDegraded {
			return nil
		}
		c.toldDegraded = c.degraded
		return c.degraded
	})
	if !hints || d.ContentAsHints {
		return
	}
	now := time.Now()
	for _, cv := range c.conversations { // what was left out comes again
		if cv.tier == throngv1.Tier_TIER_MEDIUM && cv.stream.lacking() {
			cv.stream.spread = now.Add(time.Duration(c.opts.Random() * float64(pullSpread)))
			c.advance(cv, now)
		}
	}
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
