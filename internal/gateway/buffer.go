package gateway

import "sync"

const (
	smallBuffer = 2 << 10
	// largeBuffer is the largest that is kept for others: a pool of megabytes would outlive the burst that needed them.
	largeBuffer = 64 << 10
)

// buffers are shared by all loops: idle connections hold none. It is a pool and no state.
//
//nolint:gochecknoglobals // a free list of the process
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 0, smallBuffer)
	return &b
}}

// getBuffer returns an empty buffer with at least headroom; the caller owns it.
func getBuffer() []byte {
	b, _ := buffers.Get().(*[]byte)
	return (*b)[:0]
}

// putBuffer takes a buffer back.
func putBuffer(b []byte) {
	if cap(b) >= smallBuffer && cap(b) <= largeBuffer {
		b = b[:0]
		buffers.Put(&b)
	}
}
