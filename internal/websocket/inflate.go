package websocket

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"

	"github.com/gobwas/ws"
)

const (
	// tail ends the last block of every message on the sender's side, and is not sent (RFC 7692 section 7.2.1).
	tail = "\x00\x00\xff\xff"
	// final is an empty last block: where the message's own blocks were whole, the stream ends behind it and nowhere else.
	final = "\x01" + tail
	// inflateStep is how much room the output begins with; it doubles.
	inflateStep = 4 << 10
	// largestKept is the largest buffer that goes back to a pool.
	largestKept = 64 << 10
)

// Inflater inflates messages within their bound. It may be used from any goroutine: its decompressors are pooled, since
// without context takeover a message needs one for itself and a connection none.
type Inflater struct {
	pool sync.Pool
}

// NewInflater makes an inflater.
func NewInflater() *Inflater { return &Inflater{} }

// inflation is a decompressor with what it reads from and writes to.
type inflation struct {
	src bytes.Reader
	in  []byte
	z   io.ReadCloser
	out []byte
}

// inflate returns the message that payload compresses, freshly allocated, or a [*Breach] where it is larger than limit or is
// no DEFLATE. It stops at the first byte beyond the limit.
func (f *Inflater) inflate(payload []byte, limit int) ([]byte, error) {
	i, ok := f.pool.Get().(*inflation)
	if !ok {
		i = &inflation{z: flate.NewReader(nil)}
	}
	defer f.putBack(i)
	i.in = append(append(append(i.in[:0], payload...), tail...), final...)
	i.src.Reset(i.in)
	z, ok := i.z.(flate.Resetter)
	if !ok || z.Reset(&i.src, nil) != nil {
		return nil, badDeflate()
	}
	for i.out = i.out[:0]; ; {
		if len(i.out) == cap(i.out) {
			i.out = append(make([]byte, 0, 2*cap(i.out)+inflateStep), i.out...)
		}
		n, err := i.z.Read(i.out[len(i.out):min(cap(i.out), limit+1)])
		i.out = i.out[:len(i.out)+n]
		switch {
		case len(i.out) > limit:
			return nil, tooBig()
		case err == nil:
			continue
		case err != io.EOF:
			return nil, badDeflate()
		}
		// Where the sender itself marked a block as the last, only an empty one may follow (section 7.2.3.4).
		if i.src.Len() > 1+len(tail)+len(final) {
			return nil, badDeflate()
		}
		return append([]byte(nil), i.out...), nil
	}
}

func (f *Inflater) putBack(i *inflation) {
	if cap(i.in) <= largestKept && cap(i.out) <= largestKept {
		f.pool.Put(i)
	}
}

func badDeflate() *Breach {
	return &Breach{ws.StatusInvalidFramePayloadData, "the message does not inflate"}
}
