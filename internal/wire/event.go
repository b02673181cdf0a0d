package wire

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Field numbers of the schema that Hint writes by hand; a test holds the result against the library's.
const (
	envelopeHint protowire.Number = 4

	hintConversation protowire.Number = 1
	hintSeq          protowire.Number = 2
	hintOrdinal      protowire.Number = 3
	hintTier         protowire.Number = 4
)

// Hint returns the piece that says how far a conversation has got, and of which tier it is where that is known. In a large
// conversation it goes to everybody who does not have it open, so it is written by hand.
func Hint(sub Subprotocol, h chat.Head) []byte {
	if sub == JSON {
		return event(sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Hint{Hint: &throngv1.Hint{
			Conversation: uint64(h.Conversation), Seq: uint64(h.Seq), Ordinal: uint64(h.Ordinal), Tier: throngv1.Tier(h.Tier),
		}}})
	}
	fields := [...]struct {
		num protowire.Number
		v   uint64
	}{
		{hintConversation, uint64(h.Conversation)}, {hintSeq, uint64(h.Seq)}, {hintOrdinal, uint64(h.Ordinal)}, {hintTier, uint64(h.Tier)},
	}
	size := 0
	for _, f := range fields {
		if f.v != 0 {
			size += protowire.SizeTag(f.num) + protowire.SizeVarint(f.v)
		}
	}
	outer := protowire.SizeTag(envelopeHint) + protowire.SizeBytes(size)
	b := make([]byte, 0, protowire.SizeTag(frameEnvelopes)+protowire.SizeBytes(outer))
	b = protowire.AppendVarint(protowire.AppendTag(b, frameEnvelopes, protowire.BytesType), uint64(outer))
	b = protowire.AppendVarint(protowire.AppendTag(b, envelopeHint, protowire.BytesType), uint64(size))
	for _, f := range fields {
		if f.v != 0 {
			b = protowire.AppendVarint(protowire.AppendTag(b, f.num, protowire.VarintType), f.v)
		}
	}
	return b
}

// SyncHint returns the piece that asks a device to sync.
func SyncHint(sub Subprotocol) []byte {
	return event(sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_SyncHint{SyncHint: &throngv1.SyncHint{}}})
}

// Batching returns the piece that says how a busy conversation is delivered from now on (DLV-22).
func Batching(sub Subprotocol, id chat.ConversationID, intervalMS, sendWaitMS uint32) []byte {
	return event(sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Batching{Batching: &throngv1.Batching{
		Conversation: uint64(id), IntervalMs: intervalMS, SendWaitMs: sendWaitMS,
	}}})
}

// event encodes an envelope of numbers, which cannot fail.
func event(sub Subprotocol, env *throngv1.ServerEnvelope) []byte {
	b, _ := AppendEnvelope(sub, nil, env)
	return b
}
