package session_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/session"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// The acknowledgement written by hand is the library's, byte for byte.
func TestAcknowledgementsAreThoseOfTheSchema(t *testing.T) {
	t.Parallel()
	for _, r := range []chat.Result{
		{Seq: 1, Ordinal: 1, TimeMS: 1_700_000_000_000},
		{Seq: math.MaxUint64, Ordinal: math.MaxUint64, TimeMS: math.MaxUint64, Repeat: true},
		{Seq: 200, TimeMS: 1},
		{},
	} {
		for _, id := range []uint64{1, 300, math.MaxUint64} {
			want, err := wire.AppendEnvelope(wire.Proto, nil, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Response{
				Response: &throngv1.Response{Id: id, Result: &throngv1.Response_Send{Send: wire.Sent(r)}},
			}})
			if err != nil {
				t.Fatal(err)
			}
			if got := session.AppendAck(wire.Proto, id, &r); !bytes.Equal(got, want) {
				t.Errorf("id %d, %+v:\n got %x\nwant %x", id, r, got, want)
			}
		}
	}
}
