package client

import (
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// codec turns frames into messages of a subprotocol and back.
type codec struct{ json bool }

func (c codec) encode(f *throngv1.ClientFrame) ([]byte, error) {
	if c.json {
		return protojson.Marshal(f)
	}
	return proto.Marshal(f)
}

// decode ignores what it does not know: a newer server may say more.
func (c codec) decode(b []byte, f *throngv1.ServerFrame) error {
	if c.json {
		return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, f)
	}
	return proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, f)
}
