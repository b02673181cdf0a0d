package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/throng-im/throng/client"
)

// step notes what happened, for the story of a world that fails.
func (w *World) step(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.steps = append(w.steps, time.Now().Format("04:05.000 ")+fmt.Sprintf(format, args...))
}

func (w *World) story() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	for _, s := range w.steps {
		fmt.Fprintln(&b, "  ", s)
	}
	return b.String()
}

// fail notes a broken promise; the first one counts.
func (w *World) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = fmt.Errorf("at %s: %w", time.Now().Format("04:05.000"), err)
	}
}

func (w *World) broken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// saw notes that a user was shown an entry.
func (w *World) saw(user client.UserID, id client.ConversationID, seq uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reads[readKey{user, id, seq}] = struct{}{}
}

// marked notes that a read position was acknowledged: it never goes back.
func (w *World) marked(user client.UserID, id client.ConversationID, seq uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := markKey{user, id}
	w.marks[k] = max(w.marks[k], seq)
}

func (w *World) mark(user client.UserID, id client.ConversationID) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.marks[markKey{user, id}]
}

// follows notes that second was sent to stand after first.
func (w *World) follows(r room, first, second string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pairs = append(w.pairs, pair{r.id, first, second})
}
