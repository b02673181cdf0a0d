package wire

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// chunkEntry is about what an entry of a chunk takes besides its body, in the larger of the two encodings: four numbers and
// their names.
const chunkEntry = 112

// ChunkBytes is about how many bytes an entry adds to a chunk, for those who fill one up to chat.MaxChunkBytes.
func ChunkBytes(e *chat.Entry) int { return chunkEntry + e.WireBytes() }

// EncodeChunk returns the piece of several entries of one conversation, which all have it, with ascending seqs, and the
// profiles of those senders whom the receivers may not know (nil is none). It is made once per subprotocol and shared by all
// receivers; nobody writes to it. So it holds no client ids, the senders' own devices included, and a sender's connection gets
// its own entries too: it passes over what its acknowledgement told already (DLV-21).
func EncodeChunk(sub Subprotocol, entries []*chat.Entry, profiles []*throngv1.Profile) []byte {
	switch {
	case len(entries) == 0:
		return nil
	case len(entries) == 1 && len(profiles) == 0:
		return EncodeEntry(sub, entries[0], false) // as short, and nearly every delivery of a quiet group
	}
	list := make([]*throngv1.Entry, len(entries))
	for i, e := range entries {
		list[i] = Entry(e, Part{})
	}
	env := &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entries{Entries: &throngv1.Entries{
		Conversation: uint64(entries[0].Conversation), Entries: list, Profiles: profiles,
	}}}
	b, err := AppendEnvelope(sub, make([]byte, 0, chunkSize(entries)), env)
	if err == nil {
		return b
	}
	// A string that is not UTF-8 got past validation; see EncodeEntry. Entries without bodies count as filled.
	env.GetEntries().Profiles = nil
	for _, e := range list {
		if _, err := AppendEnvelope(sub, nil, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: e}}); err != nil {
			e.Body = nil
		}
	}
	b, _ = AppendEnvelope(sub, nil, env) // numbers and what was encoded before
	return b
}

func chunkSize(entries []*chat.Entry) int {
	n := protowire.SizeTag(frameEnvelopes)
	for _, e := range entries {
		n += ChunkBytes(e)
	}
	return n
}
