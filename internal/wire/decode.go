package wire

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Bounds of a client frame; its size is bounded by chat.MaxFrameBytes.
const (
	// MaxEnvelopes is how many envelopes one client frame may hold: four times the requests that may be in flight.
	MaxEnvelopes = 256
	// maxDepth is how deep messages (known or not) may nest. The schema's own depth is 6.
	maxDepth = 16
	// maxMessages is how many messages and map entries a frame may hold altogether; it bounds what decoding allocates: an
	// empty message costs 2 bytes on the wire and about 80 in memory.
	maxMessages = 4_096
)

// DecodeClientFrame reads the envelopes of one WebSocket message. Unknown fields are passed over. It refuses with malformed
// or request_too_large, whole: no envelope of a bad frame is handled. The envelopes do not refer to data afterwards.
func DecodeClientFrame(sub Subprotocol, data []byte) ([]*throngv1.ClientEnvelope, error) {
	if len(data) > chat.MaxFrameBytes {
		return nil, chat.Errorf(chat.CodeTooLarge, chat.ReasonRequestTooLarge, "a frame has at most %d bytes", chat.MaxFrameBytes)
	}
	frame := new(throngv1.ClientFrame)
	var err error
	if sub == JSON {
		err = decodeJSON(data, frame)
	} else {
		err = decodeProto(data, frame)
	}
	if err != nil {
		return nil, err
	}
	switch n := len(frame.GetEnvelopes()); {
	case n == 0:
		return nil, malformed("a frame holds at least one envelope")
	case n > MaxEnvelopes:
		return nil, chat.Errorf(chat.CodeTooLarge, chat.ReasonRequestTooLarge, "a frame holds at most %d envelopes", MaxEnvelopes)
	}
	return frame.GetEnvelopes(), nil
}

// maxRequestMessages is maxMessages for requests over HTTP, which may hold 1,000 users with 32 attributes each.
const maxRequestMessages = 1 << 16

// DecodeRequest reads the body of an HTTP request. JSON is strict: unknown fields are refused, since whoever writes it by
// hand wants to know. Protobuf passes over them, as on sessions. The caller bounds the size.
func DecodeRequest(sub Subprotocol, data []byte, m proto.Message) error {
	if sub == JSON {
		if countJSON(data) > maxRequestMessages {
			return tooMany(maxRequestMessages)
		}
		if err := (protojson.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(data, m); err != nil {
			return mismatch(err, m)
		}
		return nil
	}
	budget := maxRequestMessages
	if err := scan(m.ProtoReflect().Descriptor(), data, maxDepth, &budget); err != nil {
		return err
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxDepth}).Unmarshal(data, m); err != nil {
		return chat.Wrap(err, chat.CodeInvalid, chat.ReasonMalformed, "the body is not %s in protobuf", m.ProtoReflect().Descriptor().Name())
	}
	return nil
}

func decodeProto(data []byte, frame *throngv1.ClientFrame) error {
	budget := maxMessages
	if err := scan(frame.ProtoReflect().Descriptor(), data, maxDepth, &budget); err != nil {
		return err
	}
	opts := proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxDepth}
	if err := opts.Unmarshal(data, frame); err != nil {
		return chat.Wrap(err, chat.CodeInvalid, chat.ReasonMalformed, "the frame is not a ClientFrame in protobuf")
	}
	return nil
}

func decodeJSON(data []byte, frame *throngv1.ClientFrame) error {
	if countJSON(data) > maxMessages {
		return tooMany(maxMessages)
	}
	if !utf8.Valid(data) {
		return malformed("the frame is not UTF-8")
	}
	opts := protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxDepth}
	if err := opts.Unmarshal(data, frame); err != nil {
		return chat.Wrap(err, chat.CodeInvalid, chat.ReasonMalformed, "the frame is not a ClientFrame in JSON")
	}
	return nil
}

// scan refuses what the protobuf library would take with more patience than we have: groups, which the schema does not
// use and which nest without a length, and more messages than the budget, before memory is spent on them.
func scan(md protoreflect.MessageDescriptor, b []byte, depth int, budget *int) error {
	if depth == 0 {
		return malformed("messages nest too deep")
	}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return malformed("it ends in the middle of a field")
		}
		if typ == protowire.StartGroupType || typ == protowire.EndGroupType {
			return malformed("it holds a group, which the schema does not")
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, typ, b); n < 0 {
			return malformed("it ends in the middle of a field")
		}
		fd := md.Fields().ByNumber(num)
		if fd != nil && typ == protowire.BytesType && fd.Kind() == protoreflect.MessageKind {
			if *budget--; *budget < 0 {
				return tooMany(maxMessages)
			}
			v, _ := protowire.ConsumeBytes(b)
			if err := scan(fd.Message(), v, depth-1, budget); err != nil {
				return err
			}
		}
		b = b[n:]
	}
	return nil
}

// countJSON bounds the messages and map entries of a JSON text from above: a message has a brace of its own, and members
// beyond the eight or so of a message are those of a map.
func countJSON(data []byte) int {
	braces, colons, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{':
			braces++
		case c == ':':
			colons++
		}
	}
	return max(braces, colons/8)
}

func tooMany(most int) *chat.Error {
	return chat.Errorf(chat.CodeTooLarge, chat.ReasonRequestTooLarge, "at most %d messages of the schema come at once", most)
}

func malformed(message string) *chat.Error {
	return chat.Errorf(chat.CodeInvalid, chat.ReasonMalformed, "%s", message)
}
