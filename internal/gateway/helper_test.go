package gateway_test

import (
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
