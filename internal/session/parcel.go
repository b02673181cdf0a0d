package session

import (
	"sync"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/receipt"
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Parcel is a delivery on this node with its encodings, each made at most once, by whoever needs it first, and shared by
// all receivers: copying a piece is all that a delivery costs.
type Parcel struct {
	// immutable after construction
	d *cluster.Delivery

	// atomic: each slot is filled once
	slots  [4]slot
	frames [2]frame
}

// frame is an entry as everybody gets it, alone in a WebSocket message.
type frame struct {
	once  sync.Once
	bytes []byte
}

// slot is one encoding.
type slot struct {
	once  sync.Once
	piece []byte
	hint  bool // the entry is too large to push: the piece tells only where it is
}

// NewParcel wraps a delivery.
func NewParcel(d *cluster.Delivery) *Parcel { return &Parcel{d: d} }

// piece returns the encoding for a subprotocol, with the client id where own is set.
func (p *Parcel) piece(sub wire.Subprotocol, own bool) (piece []byte, hint bool) {
	i := 0
	if sub == wire.JSON {
		i = 1
	}
	if own {
		i += 2
	}
	s := &p.slots[i]
	s.once.Do(func() { s.encode(p.d, sub, own) })
	return s.piece, s.hint
}

// frame returns the entry as a message of its own. Nobody writes to it.
func (p *Parcel) frame(sub wire.Subprotocol) []byte {
	f := &p.frames[0]
	if sub == wire.JSON {
		f = &p.frames[1]
	}
	f.once.Do(func() {
		piece, _ := p.piece(sub, false)
		b := make([]byte, websocket.Headroom, websocket.Headroom+len(piece)+wire.FrameOverhead(sub, 1))
		f.bytes = websocket.Seal(wire.JoinFrames(sub, b, piece), websocket.DataOp(sub.Text()))
	})
	return f.bytes
}

// size is what the entry counts for while it waits.
func (p *Parcel) size(sub wire.Subprotocol) int {
	piece, _ := p.piece(sub, false)
	return len(piece) + markBytes
}

// place is where the entry stands.
func (p *Parcel) place() place { return place{p.d.Entry.Seq, p.d.Entry.Ordinal, p.d.Head.Tier} }

func (s *slot) encode(d *cluster.Delivery, sub wire.Subprotocol, own bool) {
	switch d.Kind { //nolint:exhaustive // the other kinds are for the loop and have no encoding
	case cluster.DeliverEntry:
		s.piece = wire.EncodeEntry(sub, d.Entry, own)
		// One that was edited meanwhile says more than whoever saw it then may know: they pull what it is to them.
		if len(s.piece) > chat.HeadOnlyBytes || d.Entry.Edited.Last() > d.Head.Seq {
			s.piece, s.hint = hintPiece(sub, d.Conversation, place{d.Entry.Seq, d.Entry.Ordinal, d.Head.Tier}), true
		}
	case cluster.DeliverRead:
		s.piece = encode(sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_ReadChanged{ReadChanged: &throngv1.ReadChanged{
			Conversation: uint64(d.Conversation), ReadSeq: uint64(d.Read.Seq), ReadOrdinal: uint64(d.Read.Ordinal),
		}}})
	case cluster.DeliverSettings:
		s.piece = encode(sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_SettingsChanged{
			SettingsChanged: &throngv1.SettingsChanged{Conversation: uint64(d.Conversation), Settings: wire.Settings(d.Settings)},
		}})
	case cluster.DeliverRelations:
		s.piece = encode(sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_RelationsChanged{
			RelationsChanged: &throngv1.RelationsChanged{Version: d.Version},
		}})
	case cluster.DeliverSync:
		s.piece = wire.SyncHint(sub)
	case cluster.DeliverTyping:
		s.piece = encode(sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_Typing{Typing: &throngv1.Typing{
			Conversation: uint64(d.Conversation), User: uint64(d.User),
		}}})
	case cluster.DeliverReceipts:
		s.piece = encode(sub, &throngv1.ServerEnvelope{Content: &throngv1.ServerEnvelope_ReceiptsMoved{ReceiptsMoved: &throngv1.ReceiptsMoved{
			Conversation: uint64(d.Conversation), Receipts: wire.Receipts(receipt.Decode(d.Told)),
		}}})
	}
}

// encode returns the piece of an envelope that has no strings of strangers in it; one that cannot be encoded is left out,
// and the device finds what it misses by its next heartbeat.
func encode(sub wire.Subprotocol, env *throngv1.ServerEnvelope) []byte {
	piece, err := wire.AppendEnvelope(sub, nil, env)
	if err != nil {
		return wire.SyncHint(sub)
	}
	return piece
}

func hintPiece(sub wire.Subprotocol, id chat.ConversationID, at place) []byte {
	return wire.Hint(sub, chat.Head{Conversation: id, Seq: at.seq, Ordinal: at.ordinal, Tier: at.tier})
}

// Delivery is what the parcel delivers.
func (p *Parcel) Delivery() *cluster.Delivery { return p.d }
