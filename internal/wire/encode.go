package wire

import (
	"bytes"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Field numbers of the schema that the fast path writes by hand; a test holds the result against the library's.
const (
	frameEnvelopes protowire.Number = 1
	envelopeEntry  protowire.Number = 1

	entryConversation protowire.Number = 1
	entrySeq          protowire.Number = 2
	entryOrdinal      protowire.Number = 3
	entrySender       protowire.Number = 4
	entryTimeMS       protowire.Number = 5
	entryText         protowire.Number = 6
	entryClientID     protowire.Number = 15
)

// AppendEnvelope appends the piece of one envelope to dst, which it returns. It fails only where a string of the envelope
// is not UTF-8, with dst as it was.
func AppendEnvelope(sub Subprotocol, dst []byte, env *throngv1.ServerEnvelope) ([]byte, error) {
	if sub == JSON {
		return appendJSON(dst, env)
	}
	mark := len(dst)
	opts := proto.MarshalOptions{Deterministic: true}
	dst = protowire.AppendTag(dst, frameEnvelopes, protowire.BytesType)
	dst = protowire.AppendVarint(dst, uint64(opts.Size(env)))
	opts.UseCachedSize = true
	dst, err := opts.MarshalAppend(dst, env)
	if err != nil {
		return dst[:mark], fmt.Errorf("encoding an envelope: %w", err)
	}
	return dst, nil
}

// appendJSON writes the JSON mapping without the spaces that protojson strews in: equal envelopes give equal bytes.
func appendJSON(dst []byte, m proto.Message) ([]byte, error) {
	b, err := protojson.Marshal(m)
	if err != nil {
		return dst, fmt.Errorf("encoding an envelope: %w", err)
	}
	buf := bytes.NewBuffer(dst)
	if err := json.Compact(buf, b); err != nil {
		return dst, fmt.Errorf("compacting an envelope: %w", err)
	}
	return buf.Bytes(), nil
}

// EncodeEntry returns the piece of a delivery. Texts in protobuf, which are nearly all deliveries, are written by hand.
// withClientID is for the sender's own devices alone. The piece may be shared; nobody writes to it.
func EncodeEntry(sub Subprotocol, e *chat.Entry, withClientID bool) []byte {
	if text, ok := e.Body.(chat.Text); ok && sub == Proto && e.Edited == nil && e.Refers == nil {
		return encodeText(e, text.Text, withClientID && !e.ClientID.IsZero())
	}
	env := &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Entry{Entry: Entry(e, Whole(withClientID))}}
	b, err := AppendEnvelope(sub, nil, env)
	if err == nil {
		return b
	}
	// A string that is not UTF-8 got past validation. Its place in the log must still be delivered: an entry without a body
	// counts as filled and is shown as unsupported.
	env.GetEntry().Body = nil
	b, _ = AppendEnvelope(sub, nil, env) // numbers alone can be encoded
	return b
}

func encodeText(e *chat.Entry, text string, withClientID bool) []byte {
	fields := [...]struct {
		num protowire.Number
		v   uint64
	}{
		{entryConversation, uint64(e.Conversation)},
		{entrySeq, uint64(e.Seq)},
		{entryOrdinal, uint64(e.Ordinal)},
		{entrySender, uint64(e.Sender)},
		{entryTimeMS, e.TimeMS},
	}
	size := protowire.SizeTag(entryText) + protowire.SizeBytes(len(text))
	for _, f := range fields {
		if f.v != 0 {
			size += protowire.SizeTag(f.num) + protowire.SizeVarint(f.v)
		}
	}
	if withClientID {
		size += protowire.SizeTag(entryClientID) + protowire.SizeBytes(len(e.ClientID))
	}
	outer := protowire.SizeTag(envelopeEntry) + protowire.SizeBytes(size)
	b := make([]byte, 0, protowire.SizeTag(frameEnvelopes)+protowire.SizeBytes(outer))
	b = protowire.AppendTag(b, frameEnvelopes, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(outer))
	b = protowire.AppendTag(b, envelopeEntry, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	for _, f := range fields {
		if f.v != 0 {
			b = protowire.AppendVarint(protowire.AppendTag(b, f.num, protowire.VarintType), f.v)
		}
	}
	if withClientID {
		b = protowire.AppendBytes(protowire.AppendTag(b, entryClientID, protowire.BytesType), e.ClientID[:])
	}
	// The body comes last: that is where the library puts a oneof.
	return protowire.AppendString(protowire.AppendTag(b, entryText, protowire.BytesType), text)
}
