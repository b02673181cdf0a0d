package websocket

import (
	"bytes"
	"compress/flate"
	"sync"
)

// Deflater compresses messages that are shared by many receivers, once for all of them. It may be used from any goroutine.
type Deflater struct {
	// immutable after construction
	least int

	pool sync.Pool
}

// level of compression.
const level = 6

// NewDeflater makes a deflater that leaves messages below least bytes alone.
func NewDeflater(least int) *Deflater { return &Deflater{least: least} }

// deflation is a compressor with what it writes to.
type deflation struct {
	out bytes.Buffer
	z   *flate.Writer
}

// Append appends the compressed form of payload to dst; ok is false, and nothing appended, where payload is below the
// threshold or does not get smaller.
func (d *Deflater) Append(dst, payload []byte) (out []byte, ok bool) {
	if len(payload) < d.least {
		return dst, false
	}
	c, pooled := d.pool.Get().(*deflation)
	if !pooled {
		z, err := flate.NewWriter(nil, level)
		if err != nil {
			return dst, false // the level is no level
		}
		c = &deflation{z: z}
	}
	defer func() {
		if c.out.Cap() <= largestKept {
			d.pool.Put(c)
		}
	}()
	c.out.Reset()
	c.z.Reset(&c.out)
	if _, err := c.z.Write(payload); err != nil {
		return dst, false // a buffer takes everything
	}
	if err := c.z.Flush(); err != nil {
		return dst, false
	}
	b := bytes.TrimSuffix(c.out.Bytes(), []byte(tail))
	if len(b) >= len(payload) {
		return dst, false
	}
	return append(dst, b...), true
}
