package gateway

const (
	smallBuffer = 2 << 10
	// largeBuffer is the largest that is kept for the next frame: megabytes would outlive the burst that needed them.
	largeBuffer = 64 << 10
	// keptBytes is how much a loop keeps for next frames.
	keptBytes = 4 << 20
)

// buffers are a loop's free buffers: connections without anything to write hold none. It is owned by the loop.
type buffers struct {
	// owned by the loop
	free   [][]byte
	size   int // bytes in free
	queued int // bytes that wait for receivers
	bound  int // of queued, before receivers that are behind get hints instead of content; 0: none
}

// full reports that too much waits for receivers altogether for one who is behind to get more. Who is not may still ask for
// pages until twice as much waits: others' slowness is not theirs.
func (p *buffers) full(behind bool) bool {
	bound := p.bound
	if !behind {
		bound *= 2
	}
	return bound > 0 && p.queued > bound
}

// get returns an empty buffer with at least the headroom; the caller owns it.
func (p *buffers) get() []byte {
	n := len(p.free)
	if n == 0 {
		return make([]byte, 0, smallBuffer)
	}
	b := p.free[n-1]
	p.free[n-1] = nil
	p.free = p.free[:n-1]
	p.size -= cap(b)
	return b
}

// put takes a buffer back.
func (p *buffers) put(b []byte) {
	if cap(b) >= smallBuffer && cap(b) <= largeBuffer && p.size+cap(b) <= keptBytes {
		p.free = append(p.free, b[:0])
		p.size += cap(b)
	}
}
