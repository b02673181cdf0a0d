package api

import (
	"bytes"
	"encoding/json"
	"fmt"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
)

// codec reads and writes bodies for Connect, with wire's bounds and strictness.
type codec struct {
	name string
	sub  wire.Subprotocol
}

// codecs are the encodings of the API; Connect asks for JSON under two names.
func codecs() []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithCodec(codec{"proto", wire.Proto}),
		connect.WithCodec(codec{"json", wire.JSON}),
		connect.WithCodec(codec{"json; charset=utf-8", wire.JSON}),
	}
}

// Name implements connect.Codec.
func (c codec) Name() string { return c.name }

// IsBinary tells Connect whether the encoding fits into text.
func (c codec) IsBinary() bool { return c.sub == wire.Proto }

// Marshal implements connect.Codec.
func (c codec) Marshal(v any) ([]byte, error) { return c.MarshalAppend(nil, v) }

// MarshalAppend saves Connect a copy.
func (c codec) MarshalAppend(dst []byte, v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("encoding %T, which is no message", v)
	}
	if c.sub == wire.Proto {
		return proto.MarshalOptions{}.MarshalAppend(dst, m) //nolint:wrapcheck // connect wraps it
	}
	b, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encoding JSON: %w", err)
	}
	buf := bytes.NewBuffer(dst) // protojson strews in spaces, so that nobody relies on its bytes
	if err := json.Compact(buf, b); err != nil {
		return nil, fmt.Errorf("compacting JSON: %w", err)
	}
	return buf.Bytes(), nil
}

// Unmarshal implements connect.Codec.
func (c codec) Unmarshal(data []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("decoding into %T, which is no message", v)
	}
	if err := wire.DecodeRequest(c.sub, data, m); err != nil {
		e := chat.AsError(err) // without its cause: Connect puts the whole text into the answer, from where malformed takes it
		return fmt.Errorf("%s: %s", e.Reason, e.Message)
	}
	return nil
}
