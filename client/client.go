package client

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/throng-im/throng/client/link"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Client is one device of one user. Its methods may be called from any goroutine.
type Client struct {
	// Immutable after construction.
	opts   Options
	api    *API
	hangUp func() // ends idle connections of the SDK's own HTTP client
	codec  codec
	life   context.Context //nolint:containedctx // the life of the client's own goroutines, ended by Close
	stop   context.CancelFunc
	kick   chan struct{} // one token: the run loop has something to look at
	hurry  chan struct{} // one token: the wait before the next connection is to end
	done   chan struct{} // closed when nothing more will happen
	ended  chan struct{} // closed when the client's goroutines have ended
	slots  chan struct{} // one token a request that an application waits for

	// Owned by the goroutine of run.
	door door

	// Guarded by mu, which is never held over a call out.
	mu            sync.Mutex
	started       bool
	state         State
	stateChange   chan struct{} // closed and replaced with each new state
	me            UserID
	device        uint64
	session       *session
	conversations map[ConversationID]*conversation
	lagging       map[ConversationID]*conversation // those whose stream lacks something
	unacked       map[ConversationID]*conversation // those with deliveries that the server waits to hear of
	strangers     map[ConversationID]struct{}      // those that no sync has told of yet
	unlisted      map[ConversationID]bool          // those that a list of all has not shown so far; nil while none is taken
	cursor        *throngv1.Cursor
	total         uint64 // sum of what the conversations leave unread
	whole         bool   // all conversations are known; until then serverTotal is the better figure
	serverTotal   uint64
	events        eventQueue
	starved       bool // something was left for later because the event queue is full
	pulls         int
	hot           int
	clock         uint64
	outbox        outbox
	focus         focus
	degraded      Degraded
	typing        typing
	there         there
	receipts      receipts

	toldDegraded   Degraded
	degradedQueued bool // such an event waits to be taken
}

// maxWaiting is how many requests of the application may be on their way at once.
const maxWaiting = 8

// New makes a Client of the server at url. It does nothing before Connect but load the outbox. Close it.
func New(url string, opts Options) (*Client, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	if _, err := link.URL(url); err != nil {
		return nil, err
	}
	web, end := opts.web()
	c := &Client{
		opts: opts, api: NewAPI(httpURL(url), WithTokens(opts.Tokens), WithHTTPClient(web)), hangUp: end, codec: codec{json: opts.JSON},
		kick: make(chan struct{}, 1), hurry: make(chan struct{}, 1), done: make(chan struct{}),
		ended: make(chan struct{}), slots: make(chan struct{}, maxWaiting),
		stateChange: make(chan struct{}), conversations: map[ConversationID]*conversation{},
		lagging: map[ConversationID]*conversation{}, unacked: map[ConversationID]*conversation{},
		strangers: map[ConversationID]struct{}{},
		events:    newEventQueue(opts.MaxEvents), outbox: newOutbox(opts.Outbox, opts.MaxOutbox),
		door: newDoor(url, &opts, web),
	}
	c.life, c.stop = context.WithCancel(context.Background())
	if err := c.outbox.load(c); err != nil {
		return nil, err
	}
	return c, nil
}

// Connect starts the client, where it is not started, and waits until it is online. It returns early with ctx, which
// does not stop the client, and where the client is closed for good, with the cause.
func (c *Client) Connect(ctx context.Context) error {
	c.mu.Lock()
	if !c.started && c.state.Phase != Closed {
		c.started = true
		go c.run() // ends with life, which Close ends
	}
	for {
		st, change := c.state, c.stateChange
		c.mu.Unlock()
		switch st.Phase {
		case Online:
			return nil
		case Closed:
			if st.Cause != nil {
				return st.Cause
			}
			return ErrClosed
		case Idle, Connecting, Syncing, Waiting:
		}
		select {
		case <-change:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.mu.Lock()
	}
}

// Close ends the connection and everything that waits, and returns when the client's goroutines have ended. Unsent
// messages stay in the outbox's store. It must not be called from OnEvent.
func (c *Client) Close() error {
	c.mu.Lock()
	fresh := !c.started
	c.started = true
	c.mu.Unlock()
	c.stop()
	if fresh {
		c.finish(State{Phase: Closed, Reason: ByUser})
		close(c.ended)
	}
	<-c.ended
	return nil
}

// finish is the last thing that happens to a client.
func (c *Client) finish(st State) {
	c.mu.Lock()
	c.setState(st)
	c.outbox.failAll(ErrClosed)
	c.mu.Unlock()
	c.forget()
	c.hangUp()
	if err := c.opts.Outbox.Close(); err != nil {
		c.opts.Log.Error("close the outbox", "error", err)
	}
	close(c.done)
}

// State returns where the connection stands.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Me returns the user and the device, 0 before the first sign-in of a session.
func (c *Client) Me() (user UserID, device uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.me, c.device
}

// API returns the HTTP services with the client's own tokens.
func (c *Client) API() *API { return c.api }

// Retry ends a wait before the next connection at once, for an application that learned that the network is back.
func (c *Client) Retry() {
	select {
	case c.hurry <- struct{}{}:
	default:
	}
}

// Conversations returns all conversations, pinned ones first, then those with the newest entries.
func (c *Client) Conversations() []Conversation {
	c.mu.Lock()
	out := make([]Conversation, 0, len(c.conversations))
	for _, cv := range c.conversations {
		if cv.known {
			out = append(out, cv.snapshot())
		}
	}
	c.mu.Unlock()
	slices.SortFunc(out, func(a, b Conversation) int {
		if a.Settings.Pinned != b.Settings.Pinned {
			if a.Settings.Pinned {
				return -1
			}
			return 1
		}
		switch at, bt := a.Last.GetTimeMs(), b.Last.GetTimeMs(); {
		case at > bt:
			return -1
		case at < bt:
			return 1
		case a.ID > b.ID:
			return -1
		default:
			return 1
		}
	})
	return out
}

// Conversation returns one conversation; ok is false where it is not known.
func (c *Client) Conversation(id ConversationID) (v Conversation, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cv := c.conversations[id]
	if cv == nil || !cv.known {
		return Conversation{}, false
	}
	return cv.snapshot(), true
}

// Latest returns the newest entries of a conversation that were told and are still kept, oldest first, at most
// Options.Window, and none from before a Hole. The entries are shared: do not change them.
func (c *Client) Latest(id ConversationID) []*throngv1.Entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	cv := c.conversations[id]
	if cv == nil {
		return nil
	}
	return slices.Clone(cv.window[max(0, len(cv.window)-c.opts.Window):])
}

// TotalUnread returns the sum of unread over the conversations that are not muted.
func (c *Client) TotalUnread() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.whole {
		return c.total
	}
	return c.serverTotal
}

func (c *Client) setState(st State) {
	if c.state.Phase == Closed {
		return
	}
	c.state = st
	close(c.stateChange)
	c.stateChange = make(chan struct{})
	c.events.push(StateChanged{State: st})
	c.opts.Log.Debug("state", "phase", st.Phase.String(), "attempt", st.Attempt)
}

// wake makes the run loop look for what is due.
func (c *Client) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// change runs fn, which changes what a conversation leaves unread, and keeps the total.
func (c *Client) change(cv *conversation, fn func()) {
	before := cv.counted()
	fn()
	c.total = c.total - before + cv.counted()
}

func sooner(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// httpURL is the base URL of the HTTP services.
func httpURL(base string) string {
	for ws, web := range map[string]string{"ws://": "http://", "wss://": "https://"} {
		if rest, ok := strings.CutPrefix(base, ws); ok {
			return web + rest
		}
	}
	return base
}
