package chunk

import (
	"slices"
	"sync"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/websocket"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Chunk is what goes into one `entries` of a round: entries of one conversation with rising seqs.
type Chunk struct {
	Entries []*chat.Entry
	// Profiles of senders whom the receivers may not know (DLV-13); set before the round is handed on.
	Profiles []*throngv1.Profile

	bytes int // estimated, in the larger encoding
}

// First is the seq of the chunk's first entry.
func (c *Chunk) First() chat.Seq { return c.Entries[0].Seq }

// Last is the seq of the chunk's last entry.
func (c *Chunk) Last() chat.Seq { return c.Entries[len(c.Entries)-1].Seq }

// Round is what goes to all receivers of a large conversation at one time: chunks, and how the conversation is delivered from now
// on, in one WebSocket message. Its encodings are made at most once, by whoever needs them first, and shared by all receivers. But for
// that it is immutable once it was handed on; all methods may be called from any goroutine.
type Round struct {
	Conversation chat.ConversationID
	Chunks       []*Chunk
	// Head is where the conversation has got to, by the newest entry that the round knows of, be it in it or not.
	Head chat.Head
	// Notice is nil where nothing has changed.
	Notice *Notice

	tracked bool // the collector waits for Done
	enc     *Encoder
	since   time.Duration // when the oldest entry came
	bytes   int           // of the chunks, estimated

	pieces [2]variant
	frames [4]variant
}

// variant is one encoding.
type variant struct {
	once  sync.Once
	bytes []byte
}

// Piece returns the round's envelopes, for a receiver that gets more in the same message. Nobody writes to it.
func (r *Round) Piece(sub wire.Subprotocol) []byte {
	v := &r.pieces[index(sub, false)]
	v.once.Do(func() {
		r.enc.encoded.Add(1)
		if r.Notice != nil {
			v.bytes = append(v.bytes, r.Notice.Piece(sub, r.Conversation)...)
		}
		for _, c := range r.Chunks {
			v.bytes = wire.AddPiece(sub, v.bytes, c.Piece(sub))
		}
		if r.behind() {
			v.bytes = wire.AddPiece(sub, v.bytes, wire.Hint(sub, r.Head))
		}
	})
	return v.bytes
}

// size is what the round counts for while it is under way.
func (r *Round) size() int { return r.bytes + entryFloor }

// End is how far the conversation has got; without a seq where the round tells nothing of it.
func (r *Round) End() chat.Head { return r.Head }

// First is the lowest seq of the round's entries; ok is false where it has none.
func (r *Round) First() (seq chat.Seq, ok bool) {
	if len(r.Chunks) == 0 {
		return 0, false
	}
	return r.Chunks[0].First(), true
}

// Senders names who wrote the round's entries, each once.
func (r *Round) Senders() []chat.UserID {
	var out []chat.UserID
	for _, c := range r.Chunks {
		for _, e := range c.Entries {
			if e.Sender != 0 && !large(e) && !slices.Contains(out, e.Sender) {
				out = append(out, e.Sender)
			}
		}
	}
	return out
}

// Introduce has the round carry profiles of its senders, each with the first chunk that they wrote in. It is called before the
// round is handed on.
func (r *Round) Introduce(profiles []*throngv1.Profile) {
	for _, p := range profiles {
		for _, c := range r.Chunks {
			if c.wrote(chat.UserID(p.GetUser())) {
				c.Profiles = append(c.Profiles, p)
				break
			}
		}
	}
}

// wrote reports that a user wrote one of the chunk's entries.
func (c *Chunk) wrote(user chat.UserID) bool {
	return slices.ContainsFunc(c.Entries, func(e *chat.Entry) bool { return e.Sender == user })
}

// behind reports that the chunks do not show how far the conversation has got.
func (r *Round) behind() bool {
	if n := len(r.Chunks); n > 0 {
		return r.Chunks[n-1].Last() < r.Head.Seq
	}
	return r.Head.Seq > 0
}

// Frame returns the round as a whole WebSocket message, ready to be written. Where compressed is asked for and does not pay, it
// is the plain one. Nobody writes to it.
func (r *Round) Frame(sub wire.Subprotocol, compressed bool) []byte {
	v := &r.frames[index(sub, compressed)]
	v.once.Do(func() { v.bytes = r.seal(sub, compressed) })
	return v.bytes
}

func (r *Round) seal(sub wire.Subprotocol, compressed bool) []byte {
	op := websocket.DataOp(sub.Text())
	piece := r.Piece(sub)
	head := make([]byte, websocket.Headroom, websocket.Headroom+len(piece)+wire.FrameOverhead(sub, 1))
	if !compressed {
		return websocket.Seal(wire.JoinFrames(sub, head, piece), op)
	}
	out, ok := r.enc.deflate.Append(head, wire.JoinFrames(sub, nil, piece))
	if !ok {
		return r.Frame(sub, false)
	}
	r.enc.compressed.Add(1)
	return websocket.SealCompressed(out, op)
}

// Piece returns the chunk's envelopes. Entries that are too large to be delivered are told as hints (DLV-7), each in its place.
func (c *Chunk) Piece(sub wire.Subprotocol) (piece []byte) {
	profiles := c.Profiles
	for rest := c.Entries; len(rest) > 0; {
		n := 0
		for n < len(rest) && !large(rest[n]) {
			n++
		}
		if n == 0 {
			e := rest[0]
			piece = wire.AddPiece(sub, piece, wire.Hint(sub, chat.Head{
				Conversation: e.Conversation, Seq: e.Seq, Ordinal: e.Ordinal, Tier: chat.TierLarge,
			}))
			rest = rest[1:]
			continue
		}
		piece = wire.AddPiece(sub, piece, wire.EncodeChunk(sub, rest[:n], profiles))
		rest, profiles = rest[n:], nil
	}
	return piece
}

// large reports that an entry is told as a hint: it is large, or a stub.
func large(e *chat.Entry) bool { return e.Body == nil || wire.ChunkBytes(e) > chat.HeadOnlyBytes }

// stub is what stands for an entry that says more than whoever saw it then may know: it was edited meanwhile. Devices pull it.
func stub(e *chat.Entry) *chat.Entry {
	return &chat.Entry{Conversation: e.Conversation, Seq: e.Seq, Ordinal: e.Ordinal}
}

func index(sub wire.Subprotocol, compressed bool) (i int) {
	if sub == wire.JSON {
		i = 1
	}
	if compressed {
		i += 2
	}
	return i
}
