package session

const (
	smallBuffer = 2 << 10
	// largeBuffer is the largest that is kept for the next frame: megabytes would outlive the burst that needed them.
	largeBuffer = 64 << 10
	// keptBytes is how much a loop keeps for next frames.
	keptBytes = 4 << 20
	// keptParts is how many of a session's small parts a loop keeps.
	keptParts = 1_024
)

// Env is what the sessions of one loop share: what they are held to, and the memory that they have only while something is
// under way. It is owned by the loop.
type Env struct {
	// immutable after construction
	cfg    *Config
	limits Limits // may be nil
	bound  int    // of queued, before receivers that are behind get hints instead of content; 0: none

	// owned by the loop
	free   [][]byte
	size   int // bytes in free
	queued int // bytes that wait for receivers
	drafts []*draft
	tasks  []*tasks
}

// NewEnv makes the surroundings of sessions. limits may be nil; bound is how many bytes may wait for all receivers together, 0 for no
// bound.
func NewEnv(cfg *Config, limits Limits, bound int) *Env {
	return &Env{cfg: cfg, limits: limits, bound: bound}
}

// Queued is how many bytes wait for receivers.
func (e *Env) Queued() int { return e.queued }

// full reports that too much waits for receivers altogether for one who is behind to get more. Who is not may still ask for
// pages until twice as much waits: others' slowness is not theirs.
func (e *Env) full(behind bool) bool {
	bound := e.bound
	if !behind {
		bound *= 2
	}
	return bound > 0 && e.queued > bound
}

// Get returns an empty buffer with at least the headroom; the caller owns it.
func (e *Env) Get() []byte {
	n := len(e.free)
	if n == 0 {
		return make([]byte, 0, smallBuffer)
	}
	b := e.free[n-1]
	e.free[n-1] = nil
	e.free = e.free[:n-1]
	e.size -= cap(b)
	return b
}

// Put takes a buffer back.
func (e *Env) Put(b []byte) {
	if cap(b) >= smallBuffer && cap(b) <= largeBuffer && e.size+cap(b) <= keptBytes {
		e.free = append(e.free, b[:0])
		e.size += cap(b)
	}
}

func (e *Env) getDraft() *draft { return take(&e.drafts) }

func (e *Env) putDraft(d *draft) {
	if cap(d.marks) > 64 {
		d.marks = nil
	}
	*d = draft{marks: d.marks[:0]}
	give(&e.drafts, d)
}

func (e *Env) getTasks() *tasks { return take(&e.tasks) }

func (e *Env) putTasks(t *tasks) {
	clear(t.calls[:cap(t.calls)])
	if cap(t.calls) > 8 {
		t.calls = nil
	}
	*t = tasks{calls: t.calls[:0]}
	give(&e.tasks, t)
}

// take returns a part that was given back, or a new one.
func take[T any](free *[]*T) *T {
	n := len(*free)
	if n == 0 {
		return new(T)
	}
	p := (*free)[n-1]
	(*free)[n-1] = nil
	*free = (*free)[:n-1]
	return p
}

// give keeps a part for the next that needs one.
func give[T any](free *[]*T, p *T) {
	if len(*free) < keptParts {
		*free = append(*free, p)
	}
}
