package chunk

import (
	"sync/atomic"

	"github.com/throng-im/throng/internal/websocket"
)

// deflateLeast is from how many bytes on a round is compressed; decision 15 has the figures.
const deflateLeast = 256

// Encoder is what the rounds of a node are encoded with. Its methods may be called from any goroutine.
type Encoder struct {
	// immutable after construction
	deflate *websocket.Deflater

	// atomic
	encoded, compressed atomic.Int64
}

// NewEncoder makes one.
func NewEncoder() *Encoder { return &Encoder{deflate: websocket.NewDeflater(deflateLeast)} }

// Encoded is how many rounds were encoded, in one subprotocol or the other: once each, however many receive them.
func (e *Encoder) Encoded() int64 { return e.encoded.Load() }

// Compressed is how many of the encodings were compressed.
func (e *Encoder) Compressed() int64 { return e.compressed.Load() }
