package session

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// ackBytes holds any acknowledgement in protobuf: four numbers of at most 10 bytes with their tags, and three headers.
const ackBytes = 64

// Field numbers of the schema that appendAck writes by hand; a test holds the result against the library's.
const (
	frameEnvelopes   protowire.Number = 1
	envelopeResponse protowire.Number = 3
	responseID       protowire.Number = 1
	responseSend     protowire.Number = 2
	sendSeq          protowire.Number = 1
	sendOrdinal      protowire.Number = 2
	sendTimeMS       protowire.Number = 3
	sendRepeat       protowire.Number = 4
)

// appendAck appends the piece of an acknowledgement: there is one for every message, so it is written by hand.
func appendAck(sub wire.Subprotocol, dst []byte, id uint64, r *chat.Result) []byte {
	if sub == wire.JSON {
		return encode(sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{Response: &throngv1.Response{
			Id: id, Result: &throngv1.Response_Send{Send: wire.Sent(*r)},
		}}})
	}
	var b [ackBytes]byte
	send := appendUint(b[:0], sendSeq, uint64(r.Seq))
	send = appendUint(send, sendOrdinal, uint64(r.Ordinal))
	send = appendUint(send, sendTimeMS, r.TimeMS)
	if r.Repeat {
		send = appendUint(send, sendRepeat, 1)
	}
	inner := protowire.SizeTag(responseID) + protowire.SizeVarint(id) + protowire.SizeTag(responseSend) + protowire.SizeBytes(len(send))
	outer := protowire.SizeTag(envelopeResponse) + protowire.SizeBytes(inner)
	dst = protowire.AppendVarint(protowire.AppendTag(dst, frameEnvelopes, protowire.BytesType), uint64(outer))
	dst = protowire.AppendVarint(protowire.AppendTag(dst, envelopeResponse, protowire.BytesType), uint64(inner))
	dst = appendUint(dst, responseID, id)
	return protowire.AppendBytes(protowire.AppendTag(dst, responseSend, protowire.BytesType), send)
}

func appendUint(dst []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendVarint(protowire.AppendTag(dst, num, protowire.VarintType), v)
}
