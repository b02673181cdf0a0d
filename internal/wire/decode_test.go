package wire_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func clientFrame(t testing.TB, envelopes ...*throngv1.ClientEnvelope) []byte {
	t.Helper()
	b, err := proto.Marshal(&throngv1.ClientFrame{Envelopes: envelopes})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func heartbeats(n int) []*throngv1.ClientEnvelope {
	out := make([]*throngv1.ClientEnvelope, n)
	for i := range out {
		out[i] = &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Heartbeat{Heartbeat: &throngv1.HeartbeatRequest{}}}
	}
	return out
}

// nested returns depth groups within one another.
func nested(depth int) []byte {
	var b []byte
	for range depth {
		b = protowire.AppendTag(b, 99, protowire.StartGroupType)
	}
	for range depth {
		b = protowire.AppendTag(b, 99, protowire.EndGroupType)
	}
	return b
}

func envelopeWith(fields []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), fields)
}

func TestDecodeClientFrame(t *testing.T) {
	t.Parallel()
	send := &throngv1.ClientEnvelope{Id: 3, Request: &throngv1.ClientEnvelope_Send{Send: &throngv1.SendRequest{
		Conversation: 4, ClientId: clientID[:], Body: &throngv1.SendRequest_Text{Text: "hi"},
	}}}
	unknown := protowire.AppendVarint(protowire.AppendTag(envelopeWith([]byte{8, 1}), 77, protowire.VarintType), 5)
	manyPositions := &throngv1.ReceivedRequest{}
	for range 5000 {
		manyPositions.Positions = append(manyPositions.Positions, &throngv1.Position{})
	}
	for _, c := range []struct {
		name   string
		sub    wire.Subprotocol
		data   []byte
		want   int
		reason chat.Reason
	}{
		{"S-2 one envelope", wire.Proto, clientFrame(t, send), 1, ""},
		{"S-2 one envelope", wire.JSON, []byte(`{"envelopes":[{"id":"3","send":{"conversation":"4","text":"hi"}}]}`), 1, ""},
		{"S-2 numbers may be numbers", wire.JSON, []byte(`{"envelopes":[{"id":3}]}`), 1, ""},
		{"S-20 256 envelopes", wire.Proto, clientFrame(t, heartbeats(256)...), 256, ""},
		{"S-20 256 envelopes", wire.JSON, []byte(`{"envelopes":[` + strings.Repeat(`{},`, 255) + `{}]}`), 256, ""},
		{"S-20 257 envelopes", wire.Proto, clientFrame(t, heartbeats(257)...), 0, chat.ReasonRequestTooLarge},
		{"S-20 257 envelopes", wire.JSON, []byte(`{"envelopes":[` + strings.Repeat(`{},`, 256) + `{}]}`), 0, chat.ReasonRequestTooLarge},
		{"S-20 5,000 messages", wire.Proto, clientFrame(t, &throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Received{Received: manyPositions}}), 0, chat.ReasonRequestTooLarge},
		{"S-20 5,000 messages", wire.JSON, []byte(`{"envelopes":[{"received":{"positions":[` + strings.Repeat(`{},`, 4999) + `{}]}}]}`), 0, chat.ReasonRequestTooLarge},
		{"S-20 braces in a text are no messages", wire.JSON, []byte(`{"envelopes":[{"send":{"text":"` + strings.Repeat(`{:\"`, 9000) + `"}}]}`), 1, ""},
		{"S-20 too many bytes", wire.Proto, make([]byte, chat.MaxFrameBytes+1), 0, chat.ReasonRequestTooLarge},
		{"S-20 too many bytes", wire.JSON, bytes.Repeat([]byte{' '}, chat.MaxFrameBytes+1), 0, chat.ReasonRequestTooLarge},
		{"S-17 unknown field", wire.Proto, unknown, 1, ""},
		{"S-17 unknown field", wire.JSON, []byte(`{"envelopes":[{"id":"1","dance":{"style":"tango"}}],"x":1}`), 1, ""},
		{"S-22 empty", wire.Proto, nil, 0, chat.ReasonMalformed},
		{"S-22 empty", wire.JSON, nil, 0, chat.ReasonMalformed},
		{"S-22 no envelopes", wire.JSON, []byte(`{}`), 0, chat.ReasonMalformed},
		{"S-22 no object", wire.JSON, []byte(`[]`), 0, chat.ReasonMalformed},
		{"S-22 two objects", wire.JSON, []byte(`{"envelopes":[{}]}{}`), 0, chat.ReasonMalformed},
		{"S-22 twice the field", wire.JSON, []byte(`{"envelopes":[{"id":1,"id":2}]}`), 0, chat.ReasonMalformed},
		{"S-22 two requests", wire.JSON, []byte(`{"envelopes":[{"sync":{},"heartbeat":{}}]}`), 0, chat.ReasonMalformed},
		{"S-22 negative id", wire.JSON, []byte(`{"envelopes":[{"id":-1}]}`), 0, chat.ReasonMalformed},
		{"S-22 id above 64 bits", wire.JSON, []byte(`{"envelopes":[{"id":18446744073709551616}]}`), 0, chat.ReasonMalformed},
		{"S-22 text not UTF-8", wire.JSON, []byte("{\"envelopes\":[{\"send\":{\"text\":\"\xff\"}}]}"), 0, chat.ReasonMalformed},
		{"S-22 text not UTF-8", wire.Proto, envelopeWith([]byte{0x1a, 3, 0x1a, 1, 0xff}), 0, chat.ReasonMalformed},
		{"S-22 cut off", wire.Proto, clientFrame(t, send)[:9], 0, chat.ReasonMalformed},
		{"S-22 length beyond the end", wire.Proto, []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x7f}, 0, chat.ReasonMalformed},
		{"S-22 length of 2^63", wire.Proto, []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, 0, chat.ReasonMalformed},
		{"S-22 groups 1,000 deep", wire.Proto, nested(1000), 0, chat.ReasonMalformed},
		{"S-22 groups 1,000 deep in an envelope", wire.Proto, envelopeWith(nested(1000)), 0, chat.ReasonMalformed},
		{"S-22 arrays 1,000 deep", wire.JSON, []byte(`{"x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`), 0, chat.ReasonMalformed},
	} {
		t.Run(c.name+" "+c.sub.String(), func(t *testing.T) {
			t.Parallel()
			got, err := wire.DecodeClientFrame(c.sub, c.data)
			var e *chat.Error
			if c.reason == "" {
				if err != nil || len(got) != c.want {
					t.Fatalf("got %d envelopes, %v, want %d", len(got), err, c.want)
				}
			} else if !errors.As(err, &e) || e.Reason != c.reason || got != nil {
				t.Fatalf("got %v, %v, want %s", got, err, c.reason)
			}
		})
	}
}

// Decoding may not cost more memory than its bounds promise, whatever the bytes are.
func TestDecodeClientFrameMemory(t *testing.T) {
	frames := map[string]struct {
		sub  wire.Subprotocol
		data []byte
	}{
		"empty envelopes, protobuf": {wire.Proto, bytes.Repeat([]byte{0x0a, 0}, chat.MaxFrameBytes/2)},
		"empty positions, protobuf": {wire.Proto, envelopeWith(append([]byte{0x42, 0x80, 0x80, 0x10}, bytes.Repeat([]byte{0x0a, 0}, 1<<17)...))},
		"empty envelopes, JSON":     {wire.JSON, []byte(`{"envelopes":[` + strings.Repeat(`{},`, 170_000) + `{}]}`)},
		"map entries, JSON":         {wire.JSON, []byte(`{"envelopes":[{"send":{"system":{"args":{` + manyArgs(40_000) + `"z":""}}}}]}`)},
	}
	for name, f := range frames {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := wire.DecodeClientFrame(f.sub, f.data)
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > chat.MaxFrameBytes {
				t.Errorf("%d bytes for a frame of %d (%v)", got, len(f.data), err)
			}
		})
	}
}

func manyArgs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":"",`, i)
	}
	return b.String()
}

// F2: no bytes make the decoder panic, and what it takes it can give back.
func FuzzDecodeClientFrame(f *testing.F) {
	f.Add(clientFrame(f, heartbeats(3)...))
	f.Add(nested(20))
	f.Add(envelopeWith([]byte{0x1a, 3, 0x1a, 1, 'a'}))
	f.Fuzz(func(t *testing.T, data []byte) {
		envelopes, err := wire.DecodeClientFrame(wire.Proto, data)
		if err != nil {
			typed(t, err)
			return
		}
		again, err := wire.DecodeClientFrame(wire.Proto, clientFrame(t, envelopes...))
		if err != nil {
			t.Fatalf("own encoding refused: %v", err)
		}
		same(t, envelopes, again)
	})
}

// F3: JSON and protobuf mean the same, or both are refused.
func FuzzJSONEqualsProto(f *testing.F) {
	f.Add([]byte(`{"envelopes":[{"id":"3","send":{"conversation":"4","clientId":"AY8CAwQFBgcICQoLDA0ODw==","text":"hi"}}]}`), true)
	f.Add([]byte(`{"envelopes":[{"sync":{"cursor":{"pts":1}}},{"received":{"positions":[{"seq":"5"}]}}]}`), true)
	f.Add([]byte(`{"envelopes":[{"send":{"media":{"type":"TYPE_VOICE"}}},{"send":{"system":{"args":{"a":"b"}}}}]}`), true)
	f.Add(clientFrame(f, heartbeats(2)...), false)
	f.Fuzz(func(t *testing.T, data []byte, isJSON bool) {
		from, to := wire.Proto, wire.JSON
		if isJSON {
			from, to = to, from
		}
		envelopes, err := wire.DecodeClientFrame(from, data)
		if err != nil {
			typed(t, err)
			return
		}
		other := clientFrame(t, envelopes...)
		if to == wire.JSON {
			other, err = protojson.Marshal(&throngv1.ClientFrame{Envelopes: envelopes})
			if err != nil {
				t.Fatal(err)
			}
		}
		again, err := wire.DecodeClientFrame(to, other)
		if err != nil {
			if errors.Is(err, &chat.Error{Reason: chat.ReasonRequestTooLarge}) {
				return // the bounds count each encoding in its own way
			}
			t.Fatalf("%v took it, %v does not: %v\n%q", from, to, err, other)
		}
		same(t, envelopes, again)
	})
}

func typed(t *testing.T, err error) {
	t.Helper()
	var e *chat.Error
	if !errors.As(err, &e) || (e.Reason != chat.ReasonMalformed && e.Reason != chat.ReasonRequestTooLarge) {
		t.Fatalf("an error without a reason of ours: %v", err)
	}
}

func same(t *testing.T, a, b []*throngv1.ClientEnvelope) {
	t.Helper()
	if !proto.Equal(&throngv1.ClientFrame{Envelopes: a}, &throngv1.ClientFrame{Envelopes: b}) {
		t.Fatalf("not the same:\n%v\n%v", a, b)
	}
}
