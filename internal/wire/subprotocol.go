package wire

// Subprotocol is the encoding of a session's frames, agreed in the WebSocket handshake.
type Subprotocol uint8

// The subprotocols. Both mean the same.
const (
	Proto Subprotocol = iota + 1 // binary WebSocket messages, protobuf
	JSON                         // text WebSocket messages, protobuf's JSON mapping of the same frames
)

// The names of the subprotocols in Sec-WebSocket-Protocol.
const (
	NameProto = "throng.v1.proto"
	NameJSON  = "throng.v1.json"
)

// ParseSubprotocol finds a subprotocol by its name; ok is false for names that are not ours.
func ParseSubprotocol(name string) (sub Subprotocol, ok bool) {
	switch name {
	case NameProto:
		return Proto, true
	case NameJSON:
		return JSON, true
	default:
		return 0, false
	}
}

// String returns the name.
func (s Subprotocol) String() string {
	if s == JSON {
		return NameJSON
	}
	return NameProto
}

// Text reports whether frames travel in text messages; they travel in binary ones otherwise.
func (s Subprotocol) Text() bool { return s == JSON }
