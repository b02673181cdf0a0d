package bare

import (
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/bench/pump"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// The conversation of the bare loop's clients, and the first seq that they must get. Their digits are those of a server's first group.
const (
	Conversation = 100
	FirstSeq     = 2
)

const (
	sender     = 1_000
	finBinary  = 0x82
	lengthIs16 = 126
	lengthIs64 = 127
)

// Mouth writes messages to all clients of a bare loop as a server's deliveries would look: one by one, or Chunk of them in one frame.
type Mouth struct {
	Process *Process
	// More processes that write the same to their clients, at the same time.
	More []*Process
	// Chunk messages in each frame; 0 and 1 are one.
	Chunk int

	seq  uint64
	kept []*throngv1.Entry
}

// Next is the seq of the next message.
func (m *Mouth) Next() uint64 { return m.seq + FirstSeq }

// Say implements pump.Mouth.
func (m *Mouth) Say(msg *pump.Message) bool {
	m.seq++
	m.kept = append(m.kept, &throngv1.Entry{
		Seq: m.seq + FirstSeq - 1, Ordinal: m.seq, Sender: sender, TimeMs: uint64(time.Now().UnixMilli()),
		Body: &throngv1.Entry_Text{Text: string(msg.Text)},
	})
	if len(m.kept) >= m.Chunk {
		m.Flush()
	}
	return true
}

// Flush implements pump.Mouth.
func (m *Mouth) Flush() {
	if len(m.kept) == 0 {
		return
	}
	env := &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entries{Entries: &throngv1.Entries{
		Conversation: Conversation, Entries: m.kept,
	}}}
	if len(m.kept) == 1 {
		m.kept[0].Conversation = Conversation
		env.Content = &throngv1.ServerEnvelope_Entry{Entry: m.kept[0]}
	}
	m.kept = nil
	b := frame(env)
	m.Process.Write(b)
	for _, p := range m.More {
		p.Write(b)
	}
}

// frame is an envelope as a message of a server.
func frame(env *throngv1.ServerEnvelope) []byte {
	b, err := proto.Marshal(&throngv1.ServerFrame{Envelopes: []*throngv1.ServerEnvelope{env}})
	if err != nil {
		return nil // nothing that is made here fails to encode
	}
	switch n := len(b); {
	case n < lengthIs16:
		return append([]byte{finBinary, byte(n)}, b...)
	case n < 1<<16:
		return append(binary.BigEndian.AppendUint16([]byte{finBinary, lengthIs16}, uint16(n)), b...)
	default:
		return append(binary.BigEndian.AppendUint64([]byte{finBinary, lengthIs64}, uint64(n)), b...)
	}
}
