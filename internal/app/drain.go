package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/gateway"
)

// A node that is drained ends empty, in this order: it is announced, so that no client is sent to it any more; its readiness turns
// red, so that balancers take it out; it refuses newcomers; and its sessions are told to go, a few at a time. A node that stops goes
// the same way.

const (
	// drainOver is over what time an operator's drain tells the sessions to go, where the operator does not say.
	drainOver = 10 * time.Second
	// drainBack is short: there are other nodes, and clients arrive spread by when they were told.
	drainBack = time.Second
	// drainMost bounds the time that an operator may name.
	drainMost = time.Hour
)

// drainer empties the node, for an operator or for good.
type drainer struct {
	// immutable after construction
	gateway   *gateway.Server
	announcer *announcer
	health    *health
	log       *slog.Logger
	timeout   time.Duration // that a stopping node has for its drain
	followers *gate         // shut while the node is cut off: others take its streams over

	// guarded by mu
	mu       sync.Mutex
	stopping bool
	since    time.Time          // zero: nobody drains
	alone    bool               // the node drains itself, see cutOff
	cancel   context.CancelFunc // of a drain that may be undone
	done     chan struct{}      // closed when it has returned
}

// DrainStatus is how far a node is with being emptied.
type DrainStatus struct {
	// Draining: the node takes no newcomers.
	Draining bool
	Since    time.Time
	// Connections that are left.
	Connections int
}

// start begins an operator's drain; one that runs goes on as it was begun.
func (d *drainer) start(over time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping || (!d.since.IsZero() && !d.alone) {
		return nil
	}
	const why = "an operator drains the node"
	if d.alone {
		d.alone = false
		d.health.set("drain", why)
		return nil
	}
	d.log.Info(why, "over", over, "connections", d.gateway.Connections())
	d.begin(over, why)
	return nil
}

// cutOff has the node drain itself, as one that can do nothing for its people while others can; rejoin ends that. Both may be called
// again and again.
func (d *drainer) cutOff(over time.Duration, why string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		return
	}
	d.followers.set(true) // also those of a node that an operator drains: others would wait for what it cannot deliver
	if !d.since.IsZero() {
		return
	}
	d.log.Warn("the node sends its people elsewhere", "because", why, "over", over, "connections", d.gateway.Connections())
	d.alone = true
	d.begin(over, why)
}

func (d *drainer) rejoin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.followers.set(false) // also where an operator drains it by now
	if d.alone && !d.stopping {
		d.log.Info("the node takes people again", "after", time.Since(d.since).Round(time.Second))
		d.end()
	}
}

// begin must be called with mu held, and so must end.
func (d *drainer) begin(over time.Duration, why string) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	d.since, d.cancel, d.done = time.Now(), cancel, done
	d.announcer.drain(true)
	d.health.set("drain", why)
	go func() { // ends with cancel, which end and stop call
		defer close(done)
		if d.gateway.Drain(ctx, gateway.Pace{Over: over, Back: drainBack}) == nil {
			d.log.Info("the node is empty")
		}
	}()
}

func (d *drainer) end() {
	d.cancel()
	<-d.done
	d.since, d.alone = time.Time{}, false
	d.gateway.Resume()
	d.announcer.drain(false)
	d.health.set("drain", "")
}

// undo ends a drain. Sessions that were told to go, go.
func (d *drainer) undo() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		return errors.New("the server is stopping")
	}
	if d.since.IsZero() {
		return nil
	}
	d.end()
	return nil
}

// stop is the beginning of the process's end: no client is sent here from now on.
func (d *drainer) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopping = true
	if !d.since.IsZero() {
		d.cancel()
	} else {
		d.since = time.Now()
	}
	d.announcer.drain(true)
}

// last empties the node for good. Where others take its sessions, they go there over most of the time that there is. Where nobody
// does, they are told soon, and come back at different moments of the next seconds, when the node may be up again.
func (d *drainer) last(ctx context.Context) error {
	pace := gateway.Pace{Over: 2 * time.Second, Back: 5 * time.Second}
	if d.announcer.others(ctx) {
		pace = gateway.Pace{Over: d.timeout * 3 / 4, Back: drainBack}
	}
	return d.gateway.Drain(ctx, pace)
}

func (d *drainer) status() DrainStatus {
	d.mu.Lock()
	defer d.mu.Unlock()
	return DrainStatus{Draining: !d.since.IsZero(), Since: d.since, Connections: d.gateway.Connections()}
}

// serveDrain shows how far a drain is; a POST begins one before, a DELETE ends it.
func (a *App) serveDrain(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.Method {
	case http.MethodPost:
		over := drainOver
		if text := r.URL.Query().Get("over"); text != "" {
			over, err = time.ParseDuration(text)
		}
		switch {
		case err != nil:
		case over < 0 || over > drainMost:
			err = fmt.Errorf("a drain takes up to %s, and not %s", drainMost, over)
		default:
			err = a.drainer.start(over)
		}
	case http.MethodDelete:
		err = a.drainer.undo()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a.drainer.status())
}

// Drain empties a running server: it takes no newcomers until the drain is undone, and tells its sessions to go over a time; 0 is
// ten seconds. It returns at once.
func (o *Operator) Drain(ctx context.Context, over time.Duration) (DrainStatus, error) {
	query := ""
	if over != 0 {
		query = "?over=" + over.String()
	}
	return o.drain(ctx, http.MethodPost, query)
}

// UndoDrain lets newcomers in again.
func (o *Operator) UndoDrain(ctx context.Context) (DrainStatus, error) {
	return o.drain(ctx, http.MethodDelete, "")
}

// DrainStatus returns how far a drain is.
func (o *Operator) DrainStatus(ctx context.Context) (DrainStatus, error) {
	return o.drain(ctx, http.MethodGet, "")
}

func (o *Operator) drain(ctx context.Context, method, query string) (st DrainStatus, err error) {
	err = o.do(ctx, method, pathDrain+query, nil, nil, func(r *http.Response) error {
		if err := json.NewDecoder(r.Body).Decode(&st); err != nil {
			return fmt.Errorf("reading the answer: %w", err)
		}
		return nil
	})
	return st, err
}
