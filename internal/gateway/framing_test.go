package gateway_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/gobwas/ws"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// head is the header of a masked frame with a mask of zeros, written byte by byte: what no library would write.
func head(first, length byte, extended ...byte) []byte {
	return append(append([]byte{first, 0x80 | length}, extended...), 0, 0, 0, 0)
}

func long(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// TestBreachesOfFraming are closed with RFC 6455's codes (S-23, CLOSE-2, CLOSE-5, security nos. 15 to 22), each written at once and byte by byte.
func TestBreachesOfFraming(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		heartbeat := mustMarshal(&throngv1.ClientFrame{Envelopes: []*throngv1.ClientEnvelope{
			{Id: 1, Request: &throngv1.ClientEnvelope_Heartbeat{Heartbeat: &throngv1.HeartbeatRequest{}}},
		}})
		for _, tc := range []struct {
			name string
			json bool
			auth bool // a good frame goes before
			send []byte
			code ws.StatusCode
		}{
			{name: "unmasked (no. 15)", send: []byte{0x82, 0x01, 0x00}, code: 1002},
			{name: "RSV1 (no. 16)", send: head(0xC2, 1), code: 1002},
			{name: "RSV2", send: head(0xA2, 1), code: 1002},
			{name: "RSV3", send: head(0x92, 1), code: 1002},
			{name: "reserved opcode 3", send: head(0x83, 0), code: 1002},
			{name: "reserved opcode 11", send: head(0x8B, 0), code: 1002},
			{name: "ping of 126 bytes (no. 18)", send: head(0x89, 126, 0, 126), code: 1002},
			{name: "fragmented ping (no. 18)", send: head(0x09, 0), code: 1002},
			{name: "fragmented close (no. 18)", send: head(0x08, 0), code: 1002},
			{name: "length with the top bit (no. 19)", send: head(0x82, 127, long(1<<63)...), code: 1002},
			{name: "length 2^62 (no. 19)", send: head(0x82, 127, long(1<<62)...), code: 1009},
			{name: "one byte too long", send: head(0x82, 127, long(chat.MaxFrameBytes+1)...), code: 1009},
			{name: "one byte too long for a first frame", send: head(0x82, 127, long(chat.MaxFirstFrameBytes+1)...), code: 1009},
			{name: "fragments too long together", send: append(append(head(0x02, 127, long(chat.MaxFrameBytes)...),
				make([]byte, chat.MaxFrameBytes)...), head(0x80, 1)...), code: 1009},
			{name: "16-bit length of 125", send: head(0x82, 126, 0, 125), code: 1002},
			{name: "64-bit length of 65535", send: head(0x82, 127, long(65535)...), code: 1002},
			{name: "continuation of nothing", send: head(0x80, 0), code: 1002},
			{name: "new message within a fragmented one", send: append(head(0x02, 0), head(0x82, 0)...), code: 1002},
			{name: "text for protobuf", send: head(0x81, 1), code: 1003},
			{name: "binary for JSON", json: true, send: head(0x82, 1), code: 1003},
			{name: "bad UTF-8 in JSON (no. 20)", json: true, send: append(head(0x81, 2), 0xC3, 0x28), code: 1007},
			{name: "close reason that is not UTF-8 (no. 20)", send: append(head(0x88, 4), 0x03, 0xE8, 0xC3, 0x28), code: 1007},
			{name: "close of one byte", send: append(head(0x88, 1), 0x03), code: 1002},
			{name: "close 1005 (no. 22)", send: append(head(0x88, 2), 0x03, 0xED), code: 1002},
			{name: "close 1006 (no. 22)", send: append(head(0x88, 2), 0x03, 0xEE), code: 1002},
			{name: "close 1015", send: append(head(0x88, 2), 0x03, 0xF7), code: 1002},
			{name: "close 1016", send: append(head(0x88, 2), 0x03, 0xF8), code: 1002},
			{name: "close 2999", send: append(head(0x88, 2), 0x0B, 0xB7), code: 1002},
			{name: "close 4999", send: append(head(0x88, 2), 0x13, 0x87), code: 4999},
			{name: "close 999 (no. 22)", send: append(head(0x88, 2), 0x03, 0xE7), code: 1002},
			{name: "close 5000 (no. 22)", send: append(head(0x88, 2), 0x13, 0x88), code: 1002},
			{name: "close 1000", send: append(head(0x88, 2), 0x03, 0xE8), code: 1000},
			{name: "close 3000", send: append(head(0x88, 2), 0x0B, 0xB8), code: 3000},
			{name: "close without a code", send: head(0x88, 0), code: 1000},
			{name: "empty message (S-22)", send: head(0x82, 0), code: 4400},
			{name: "no protobuf (S-22)", send: append(head(0x82, 2), 0xFF, 0xFF), code: 4400},
			{name: "no JSON (S-22)", json: true, send: append(head(0x81, 1), '{'), code: 4400},
			{name: "no authenticate (S-6)", send: maskedFrame(heartbeat), code: 4402},
			{name: "no authenticate, in fragments", send: append(append(head(0x02, byte(len(heartbeat)-1)),
				heartbeat[:len(heartbeat)-1]...), append(head(0x80, 1), heartbeat[len(heartbeat)-1])...), code: 4402},
			{name: "goodbye behind a good frame", auth: true, send: append(head(0x88, 2), 0x03, 0xE8), code: 1000},
		} {
			for _, chopped := range []bool{false, true} {
				if chopped && len(tc.send) > 1_000 {
					continue
				}
				name := tc.name
				if chopped {
					name += ", byte by byte"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					p := w.connect(map[bool]string{false: "throng.v1.proto", true: "throng.v1.json"}[tc.json])
					p.t = t
					send := tc.send
					if tc.auth {
						send = append(frameOf(authenticate(tokenOf(map[bool]int{false: 1, true: 2}[chopped]))), send...) // a device each
					}
					if chopped {
						for i := range send {
							p.raw(send[i : i+1])
						}
					} else {
						p.raw(send)
					}
					for {
						f, err := readFrame(p.r)
						if err != nil {
							t.Fatal(err)
						}
						if f.Header.OpCode != ws.OpClose {
							continue
						}
						if code, _ := ws.ParseCloseFrameData(f.Payload); code != tc.code {
							t.Errorf("closed with %d, want %d", code, tc.code)
						}
						return
					}
				})
			}
		}
	})
}

// TestPings are answered with their content (S-27), in the middle of a fragmented message too.
func TestPings(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		p := w.connect("throng.v1.proto")
		auth := mustMarshal(&throngv1.ClientFrame{Envelopes: []*throngv1.ClientEnvelope{authenticate("1:10")}})
		p.raw(append(head(0x02, 3), auth[:3]...))
		p.raw(append(head(0x89, 4), "ping"...))
		f, err := readFrame(p.r)
		if err != nil || f.Header.OpCode != ws.OpPong || !bytes.Equal(f.Payload, []byte("ping")) {
			t.Fatalf("%v %q %v", f.Header.OpCode, f.Payload, err)
		}
		p.raw(append(head(0x80, byte(len(auth)-3)), auth[3:]...))
		if p.next().GetResponse().GetAuthenticate().GetUser() != 1 {
			t.Error("the fragmented frame was not read")
		}
	})
}

// A message of the greatest size, and one of its sizes around the length encodings, arrive whole.
func TestMessageSizes(t *testing.T) {
	each(t, nil, func(t *testing.T, w *world) {
		p := w.login("1:10")
		for i, size := range []int{0, 1, 125, 126, 127, 128, 65_535, 65_536, 200_000, chat.MaxFrameBytes - 64} {
			words := string(bytes.Repeat([]byte{'a'}, size))
			p.send(text(uint64(i+2), 5, words))
			if res := p.next().GetResponse(); res.GetSend().GetSeq() != uint64(i+1) {
				t.Fatalf("size %d: %v", size, res)
			}
			w.back.mu.Lock()
			got, _ := w.back.drafts[i].Body.(chat.Text)
			w.back.mu.Unlock()
			if got.Text != words {
				t.Fatalf("size %d arrived as %d bytes", size, len(got.Text))
			}
		}
	})
}
