package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// healthInterval is how often the disk and the storage are looked at.
const healthInterval = 500 * time.Millisecond

// health answers whether the process lives, and whether it should get work.
type health struct {
	// immutable after construction
	log     *slog.Logger
	dir     string
	reserve uint64
	storage func(ctx context.Context) error // nil while the storage works

	// guarded by mu
	mu       sync.Mutex
	problems map[string]string // by what it is about
}

func newHealth(log *slog.Logger, dir string, reserve int64, storage func(ctx context.Context) error) *health {
	return &health{
		log: log, dir: dir, reserve: uint64(max(0, reserve)), storage: storage,
		problems: map[string]string{"start": "the server is starting"},
	}
}

// set notes a problem, or with an empty sentence that there is none.
func (h *health) set(about, problem string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.problems[about]
	if was == problem {
		return
	}
	if problem == "" {
		delete(h.problems, about)
		if about != "start" {
			h.log.Info("readiness is back", "part", about)
		}
		return
	}
	h.problems[about] = problem
	if about != "start" && was == "" {
		h.log.Warn("not ready", "part", about, "error", problem)
	}
}

// check returns the first problem, nil where there is none. The storage is asked at once, so that who balances load knows
// before the next look.
func (h *health) check(ctx context.Context) error {
	if err := h.storage(ctx); err != nil {
		return err
	}
	return h.seen()
}

// seen returns the first problem that was seen when the server was last looked at, half a second ago at most; it never waits for the
// storage.
func (h *health) seen() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.problems {
		return errors.New(p)
	}
	return nil
}

// has reports that there was a problem when the server was last looked at.
func (h *health) has(about string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.problems[about]
	return ok
}

// run watches the disk until ctx ends.
func (h *health) run(ctx context.Context) error {
	tick := time.NewTicker(healthInterval)
	defer tick.Stop()
	for {
		h.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *health) look(ctx context.Context) {
	problem := ""
	if free, err := freeBytes(h.dir); err != nil {
		problem = err.Error()
	} else if free < h.reserve {
		problem = fmt.Sprintf("the disk has %d MiB left, %d MiB are needed; free some space", free>>20, h.reserve>>20)
	}
	h.set("disk", problem)
	problem = ""
	if err := h.storage(ctx); err != nil {
		problem = err.Error()
	}
	h.set("storage", problem)
}

func (h *health) live(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") }

func (h *health) ready(w http.ResponseWriter, r *http.Request) {
	if err := h.check(r.Context()); err != nil {
		say(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	say(w, http.StatusOK, "ready")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text)
}
