package trace

import "sync"

const (
	// stripes is in how many parts the memory of steps is divided, by conversation, so that workers do not wait for one another.
	stripes = 16
	// pullShare is which part of the memory is for pages that were read: the fourth.
	pullShare = 4
	// chunkSteps is by how many steps a stripe grows.
	chunkSteps = 64
	// StepBytes is what a remembered step takes.
	StepBytes = 104
)

// stripe is a ring of steps, which grows to its bound as it is used.
type stripe struct {
	// immutable after construction
	most int // steps

	// guarded by mu
	mu     sync.Mutex
	chunks []*[chunkSteps]Step
	next   int // where the next step goes
	full   bool
}

func newStripe(most int) *stripe { return &stripe{most: most / chunkSteps * chunkSteps} }

func (r *stripe) add(s *Step) {
	if r.most == 0 {
		return
	}
	r.mu.Lock()
	if r.next/chunkSteps == len(r.chunks) {
		r.chunks = append(r.chunks, new([chunkSteps]Step))
	}
	r.chunks[r.next/chunkSteps][r.next%chunkSteps] = *s
	if r.next++; r.next == r.most {
		r.next, r.full = 0, true
	}
	r.mu.Unlock()
}

// find copies what matches. It looks at every step: an operator asks seldom, and an index would cost each step.
func (r *stripe) find(conversation, seq uint64) []Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Step
	look := func(from, to int) {
		for i := from; i < to; i++ {
			if s := &r.chunks[i/chunkSteps][i%chunkSteps]; s.About(conversation, seq) {
				out = append(out, *s)
			}
		}
	}
	if r.full {
		look(r.next, r.most)
	}
	look(0, r.next)
	return out
}
