package load

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/gobwas/ws"
	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
	finBit         = 0x80
	maskBit        = 0x80
	opcodeBits     = 0x0f
	reservedBits   = 0x70
	lengthBits     = 0x7f
	lengthIs16     = 126
	lengthIs64     = 127
	shortHead      = 2
	head16, head64 = 4, 10
	maxFrame       = 4 << 20
	product        = "throng-bench/1"
)

// Ids of requests that the fleet makes by itself; those of its driver are below.
const (
	// IDAuthenticate is that of the request that opens a session.
	IDAuthenticate uint64 = 1 << 62
	idPull         uint64 = 1 << 61
	idHeal         uint64 = 1 << 60
	idFocus        uint64 = 1 << 59
	// MaxID is the highest id that a driver may give.
	MaxID uint64 = 1<<58 - 1
)

// seal appends one masked WebSocket message.
func seal(dst []byte, op byte, payload []byte) []byte {
	switch n := len(payload); {
	case n < lengthIs16:
		dst = append(dst, finBit|op, maskBit|byte(n))
	case n < 1<<16:
		dst = append(dst, finBit|op, maskBit|lengthIs16)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, finBit|op, maskBit|lengthIs64)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	var key [4]byte
	binary.BigEndian.PutUint32(key[:], rand.Uint32()) //nolint:gosec // no proxy stands between a load and its server
	dst = append(dst, key[:]...)
	at := len(dst)
	dst = append(dst, payload...)
	ws.Cipher(dst[at:], key, 0)
	return dst
}

// request encodes one request as a message.
func request(env *throngv1.ClientEnvelope) []byte {
	b, err := proto.Marshal(&throngv1.ClientFrame{Envelopes: []*throngv1.ClientEnvelope{env}})
	if err != nil {
		return nil // nothing that is made here fails to encode
	}
	return seal(nil, opBinary, b)
}

func heartbeat() []byte {
	return request(&throngv1.ClientEnvelope{Request: &throngv1.ClientEnvelope_Heartbeat{Heartbeat: &throngv1.HeartbeatRequest{}}})
}

func authenticate(token, device string) []byte {
	return request(&throngv1.ClientEnvelope{Id: IDAuthenticate, Request: &throngv1.ClientEnvelope_Authenticate{
		Authenticate: &throngv1.AuthenticateRequest{Token: token, Client: product, Device: device},
	}})
}

func focus(conv uint64) []byte { return request(focusOn(conv)) }

func focusOn(conv uint64) *throngv1.ClientEnvelope {
	return &throngv1.ClientEnvelope{Id: idFocus, Request: &throngv1.ClientEnvelope_Focus{
		Focus: &throngv1.FocusRequest{Conversations: []uint64{conv}},
	}}
}

// focusAhead is the frame of a focus as it goes along with a handshake. Clients that come one after the other mostly open the same.
func (l *core) focusAhead(conv uint64) string {
	if l.ahead.frame == "" || l.ahead.conv != conv {
		b, err := proto.Marshal(&throngv1.ClientFrame{Envelopes: []*throngv1.ClientEnvelope{focusOn(conv)}})
		if err != nil {
			return "" // nothing that is made here fails to encode
		}
		l.ahead.conv, l.ahead.frame = conv, base64.RawURLEncoding.EncodeToString(b)
	}
	return l.ahead.frame
}

func pull(id, conv, from, to uint64, limit uint32) []byte {
	return request(&throngv1.ClientEnvelope{Id: id, Request: &throngv1.ClientEnvelope_ListEntries{
		ListEntries: &throngv1.ListEntriesRequest{Conversation: conv, From: from, To: to, Limit: limit},
	}})
}

// split returns the first frame in b: its opcode, its payload, and how many bytes it takes; 0 where it is not whole yet.
func split(b []byte) (op byte, payload []byte, size int, err error) {
	if len(b) < shortHead {
		return 0, nil, 0, nil
	}
	if b[0]&reservedBits != 0 || b[0]&finBit == 0 || b[1]&maskBit != 0 {
		return 0, nil, 0, fmt.Errorf("a frame that begins with %#x %#x: compressed, fragmented or masked, none of which was agreed", b[0], b[1])
	}
	n, head := int(b[1]&lengthBits), shortHead
	switch n {
	case lengthIs16:
		if len(b) < head16 {
			return 0, nil, 0, nil
		}
		n, head = int(binary.BigEndian.Uint16(b[shortHead:])), head16
	case lengthIs64:
		if len(b) < head64 {
			return 0, nil, 0, nil
		}
		long := binary.BigEndian.Uint64(b[shortHead:])
		if long > maxFrame {
			return 0, nil, 0, fmt.Errorf("a frame of %d bytes", long)
		}
		n, head = int(long), head64
	}
	if len(b) < head+n {
		return 0, nil, 0, nil
	}
	return b[0] & opcodeBits, b[head : head+n], head + n, nil
}
