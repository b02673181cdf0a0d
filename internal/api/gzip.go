package api

import (
	"compress/gzip"
	"io"

	"connectrpc.com/connect"
)

// inflater unpacks a request's body up to a bound and takes that for the end. Connect refuses what is larger than its own
// bound, but unpacks the rest all the same to say how large it was: two megabytes would cost a second of a core, from
// anybody. It belongs to one request at a time.
type inflater struct {
	gzip.Reader

	// immutable after construction
	bound int64

	// owned by the request
	left int64
}

// Reset implements connect.Decompressor.
func (f *inflater) Reset(r io.Reader) error {
	f.left = f.bound
	return f.Reader.Reset(r) //nolint:wrapcheck // connect wraps it
}

// Read implements io.Reader.
func (f *inflater) Read(p []byte) (int, error) {
	if f.left <= 0 {
		return 0, io.EOF
	}
	n, err := f.Reader.Read(p[:min(int64(len(p)), f.left)])
	f.left -= int64(n)
	return n, err //nolint:wrapcheck // as above
}

// compression is gzip in both directions; bodies of more than most bytes are seen to be larger, but not by how much.
func compression(most int) connect.HandlerOption {
	return connect.WithCompression("gzip",
		func() connect.Decompressor { return &inflater{bound: int64(most) + 1} },
		func() connect.Compressor { return gzip.NewWriter(io.Discard) },
	)
}
