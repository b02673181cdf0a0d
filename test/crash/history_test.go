package crash_test

import (
	"slices"
	"sync"

	"github.com/throng-im/throng/internal/chat"
)

// history is what was acknowledged, in the order of the acknowledgements. What was sent but not acknowledged may or may
// not stand after a crash.
type history struct {
	mu     sync.Mutex
	convs  int // conversations that were acknowledged as created: 1…convs
	sends  []send
	marks  []mark
	denied map[string]struct{} // texts that were refused: they must never be seen
}

type send struct {
	draft  *chat.Draft
	result chat.Result
}

type mark struct {
	conversation chat.ConversationID
	user         chat.UserID
	read         chat.Read
}

func newHistory() *history { return &history{denied: map[string]struct{}{}} }

func (h *history) created() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.convs++
}

func (h *history) sent(d *chat.Draft, r chat.Result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sends = append(h.sends, send{d, r})
	h.marks = append(h.marks, mark{d.Conversation, d.Sender, r.Read})
}

func (h *history) marked(d *chat.Draft, r chat.Result) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.marks = append(h.marks, mark{d.Conversation, d.Sender, r.Read})
}

func (h *history) refused(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.denied[text] = struct{}{}
}

// now returns the history up to this moment, as one of its own.
func (h *history) now() *history {
	h.mu.Lock()
	defer h.mu.Unlock()
	denied := make(map[string]struct{}, len(h.denied))
	for text := range h.denied {
		denied[text] = struct{}{}
	}
	return &history{convs: h.convs, sends: slices.Clone(h.sends), marks: slices.Clone(h.marks), denied: denied}
}

// some returns acknowledged sends to repeat.
func (h *history) some(pick func(n int) int, n int) []send {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []send
	for range min(n, len(h.sends)) {
		out = append(out, h.sends[pick(len(h.sends))])
	}
	return out
}
