package message_test

import (
	"context"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
)

func (p *pool) standing(u chat.UserID, id chat.ConversationID) message.Standing {
	p.t.Helper()
	all, err := p.ringed.Standings(context.Background(), u, []chat.ConversationID{id})
	assert.NoError(p.t, "standings", err)
	assert.Equal(p.t, "one each", len(all), 1)
	return all[0]
}

func TestStandings(t *testing.T) {
	t.Parallel()
	for name, service := range map[string]func(p *pool) *message.Service{
		"of the ring": func(p *pool) *message.Service { return p.ringed }, "of the log": func(p *pool) *message.Service { return p.plain },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPool(t, 2, message.DefaultConfig())
			p.found(1, crowd(8)...)
			p.found(2, 1, 2)
			last := p.say(1, 1, "hello")
			p.remove(3)
			head, err := p.plain.Head(context.Background(), 1)
			assert.NoError(t, "head", err)
			for user, member := range map[chat.UserID]bool{1: true, 2: true, 3: false, 9: false} {
				for range 2 { // what was asked for, and what is known
					all, err := service(p).Standings(context.Background(), user, []chat.ConversationID{404, 1})
					assert.NoError(t, "standings", err)
					assert.Equal(t, "of no conversation", all[0].Head, chat.Head{})
					assert.Equal(t, "member", all[1].Part.Current(), member)
					if !member {
						assert.Equal(t, "nothing for others", all[1].Head, chat.Head{})
						continue
					}
					assert.Equal(t, "head", all[1].Head, head)
				}
			}
			all, err := service(p).Standings(context.Background(), 1, []chat.ConversationID{1, 2})
			assert.NoError(t, "standings", err)
			assert.Equal(t, "who wrote has read", all[0].Part.Read, chat.Read{Seq: last.Seq, Ordinal: last.Ordinal})
			assert.Equal(t, "small ones too", all[1].Head.Tier, chat.TierSmall)
		})
	}
}

// I14, I22: what a heartbeat asks about a conversation above the small tier is read from the log once, for all members.
func TestStandingsReadTheLogOnce(t *testing.T) {
	t.Parallel()
	const members = 300
	p := newPool(t, 100, message.DefaultConfig(), func(p *pool) { p.writeBefore(members) })
	p.found(2, crowd(200)...)
	for again := true; again; again = p.reads.all() > 0 { // until the ring follows
		p.reads.forget()
		p.standing(1, 2)
	}
	for u := range chat.UserID(members) {
		p.standing(u+1, 1)
	}
	assert.Equal(t, "reads of heads", p.reads.heads.Load(), int64(1))
	assert.Equal(t, "reads of entries", p.reads.entries.Load(), int64(0))
	assert.Equal(t, "reads of members", p.reads.members.Load(), int64(members))
	p.reads.forget()
	for range 5 {
		last := p.say(1, 1, "news")
		for u := range chat.UserID(members) {
			assert.Equal(t, "head", p.standing(u+1, 1).Head.Seq, last.Seq)
		}
		assert.Equal(t, "read position of the sender", p.standing(1, 1).Part.Read.Seq, last.Seq)
		assert.Equal(t, "of nobody else", p.standing(2, 1).Part.Read.Seq, chat.Seq(1))
	}
	assert.Equal(t, "reads", p.reads.all(), int64(0))
}

// I5: a read position that moves while it is being read is not lost.
func TestReadWhileTheReaderIsLookedUp(t *testing.T) {
	t.Parallel()
	p := newPool(t, 2, message.DefaultConfig())
	p.found(1, crowd(8)...)
	last := p.say(1, 1, "hello")
	p.warm(1)
	p.reads.after = func() { // the directory has told the old one; before that is remembered, the ring sees the new one
		p.reads.after = nil
		p.do(&chat.Draft{Conversation: 1, Sender: 3, Mark: last.Seq})
		p.warm(1)
	}
	assert.Equal(t, "as it was read", p.standing(3, 1).Part.Read.Seq, chat.Seq(1))
	p.reads.forget()
	assert.Equal(t, "the next one", p.standing(3, 1).Part.Read.Seq, last.Seq)
	assert.Equal(t, "from memory", p.reads.all(), int64(0))
}

// writeBefore fills conversation 1 with 300 messages before the service runs: its ring sees no events of them.
func (p *pool) writeBefore(members int) {
	p.t.Helper()
	ctx := context.Background()
	drafts := []*chat.Draft{{Conversation: 1, Sender: 1, Body: chat.Created{Kind: chat.KindGroup, Members: crowd(members)}}}
	for i := range 300 {
		drafts = append(drafts, &chat.Draft{
			Conversation: 1, Sender: 1, ClientID: chat.ClientID{2, byte(i >> 8), byte(i)}, Body: chat.Text{Text: "hello"},
		})
	}
	a, err := p.reads.Append(ctx, drafts)
	assert.NoError(p.t, "append", err)
	assert.NoError(p.t, "wait", a.Wait(ctx))
}
