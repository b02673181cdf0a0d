package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// tap looks at what the server sends over a session's transport, before the SDK mends it: what is delivered at all is for the
// user, and what is delivered of a conversation rises (DLV-2, DLV-3).
type tap struct {
	net.Conn

	// owned by the reader
	device   *device
	upgraded bool
	buffer   []byte
	last     map[uint64]uint64 // highest seq delivered, by conversation
}

// Read implements net.Conn.
func (t *tap) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.buffer = append(t.buffer, p[:n]...)
	t.parse()
	return n, err
}

// parse takes whole frames off the buffer. The server's frames are neither masked nor fragmented.
func (t *tap) parse() {
	if !t.upgraded {
		_, rest, ok := bytes.Cut(t.buffer, []byte("\r\n\r\n"))
		if !ok {
			return
		}
		t.upgraded, t.buffer = true, rest
	}
	for len(t.buffer) >= 2 {
		size, head := uint64(t.buffer[1]&0x7f), 2
		switch size {
		case 126:
			head = 4
		case 127:
			head = 10
		}
		if len(t.buffer) < head {
			return
		}
		switch head {
		case 4:
			size = uint64(binary.BigEndian.Uint16(t.buffer[2:]))
		case 10:
			size = binary.BigEndian.Uint64(t.buffer[2:])
		}
		if uint64(len(t.buffer)-head) < size {
			return
		}
		opcode, payload := t.buffer[0]&0x0f, t.buffer[head:head+int(size)]
		t.buffer = t.buffer[head+int(size):]
		if opcode == 1 || opcode == 2 {
			t.frame(payload)
		}
	}
}

func (t *tap) frame(payload []byte) {
	var f throngv1.ServerFrame
	decode := proto.Unmarshal
	if t.device.json {
		decode = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal
	}
	if err := decode(payload, &f); err != nil {
		t.device.world.fail(fmt.Errorf("%s was sent a frame that does not decode: %w", t.device.name, err))
		return
	}
	for _, env := range f.GetEnvelopes() {
		switch c := env.GetContent().(type) {
		case *throngv1.ServerEnvelope_Entry:
			t.delivered(c.Entry.GetConversation(), c.Entry)
		case *throngv1.ServerEnvelope_Entries:
			for _, e := range c.Entries.GetEntries() {
				t.delivered(c.Entries.GetConversation(), e)
			}
		case *throngv1.ServerEnvelope_Hint:
			t.device.world.saw(t.device.user, client.ConversationID(c.Hint.GetConversation()), c.Hint.GetSeq())
		}
	}
}

func (t *tap) delivered(id uint64, e *throngv1.Entry) {
	w := t.device.world
	w.saw(t.device.user, client.ConversationID(id), e.GetSeq())
	if e.GetSeq() <= t.last[id] {
		w.fail(fmt.Errorf("%s was sent seq %d of conversation %d after seq %d", t.device.name, e.GetSeq(), id, t.last[id]))
	}
	t.last[id] = e.GetSeq()
	if mine := e.GetSender() == uint64(t.device.user); !mine && len(e.GetClientId()) > 0 {
		w.fail(fmt.Errorf("%s was sent the client id of another's message, seq %d of conversation %d", t.device.name, e.GetSeq(), id))
	}
}
