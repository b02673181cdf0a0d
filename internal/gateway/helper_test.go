package gateway_test

import (
	"io"
	"strconv"

	"github.com/gobwas/ws"
	"google.golang.org/protobuf/proto"
)

func mustMarshal(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

func maskedFrame(payload []byte) []byte {
	return ws.MustCompileFrame(ws.MaskFrame(ws.NewBinaryFrame(payload)))
}

func tokenOf(user int) string { return strconv.Itoa(user) + ":" + strconv.Itoa(1000+user) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// readFrame reads a frame of at most 2 MiB.
func readFrame(r io.Reader) (ws.Frame, error) {
	h, err := ws.ReadHeader(r)
	if err != nil {
		return ws.Frame{}, err
	}
	if h.Length > 2<<20 {
		return ws.Frame{}, io.ErrShortBuffer
	}
	f := ws.Frame{Header: h, Payload: make([]byte, h.Length)}
	_, err = io.ReadFull(r, f.Payload)
	return f, err
}
