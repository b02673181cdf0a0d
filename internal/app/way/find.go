package way

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/queue"
	"github.com/throng-im/throng/internal/trace"
)

// Log is the part of [message.Log] that a finder reads.
type Log interface {
	Range(ctx context.Context, r message.Range) ([]chat.Entry, error)
	Heads(ctx context.Context, ids []chat.ConversationID) ([]chat.Head, error)
}

// Directory is the part of the directory that a finder reads.
type Directory interface {
	Members(ctx context.Context, id chat.ConversationID, after chat.UserID, limit int, role chat.Role) ([]chat.Member, error)
	Read(ctx context.Context, id chat.ConversationID, user chat.UserID) (chat.Read, error)
}

// Finder finds out where entries went. Its method may be called from any goroutine.
type Finder struct {
	Log       Log
	Directory Directory
	Nodes     *Nodes
	Tracer    *trace.Tracer // nil traces nothing
	// Waits reports that an entry has not been published; nil where there is no outbox.
	Waits func(ctx context.Context, id chat.ConversationID, seq chat.Seq) (bool, error)
	// Place names the database of a conversation; nil where there is one only.
	Place func(id chat.ConversationID) string
}

const (
	// slowest bounds what the engines are asked.
	slowest = 5 * time.Second
	// maxReaders is how many members' read positions are looked at, readersAtOnce side by side.
	maxReaders    = 1_000
	readersAtOnce = 8
)

// Find reports on an entry. Errors are of the log: there is no such conversation, or it has not got so far.
func (f *Finder) Find(ctx context.Context, id chat.ConversationID, seq chat.Seq) (*Report, error) {
	ctx, cancel := context.WithTimeout(ctx, slowest)
	defer cancel()
	heads, err := f.Log.Heads(ctx, []chat.ConversationID{id})
	if err != nil {
		return nil, err //nolint:wrapcheck // a port answers in our own errors
	}
	head := heads[0]
	switch {
	case !head.Exists():
		return nil, chat.Errorf(chat.CodeNotFound, chat.ReasonConversationNotFound, "there is no conversation %d", id)
	case seq == 0:
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonRangeInvalid, "the first entry of a conversation has the seq 1; name CONVERSATION/SEQ")
	case seq > head.Seq:
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonRangeInvalid, "conversation %d ends at seq %d; there is no %d yet", id, head.Seq, seq)
	}
	list, err := f.Log.Range(ctx, message.Range{Conversation: id, From: seq, To: seq, Limit: 1})
	if err != nil {
		return nil, err //nolint:wrapcheck // as above
	}
	if len(list) != 1 {
		return nil, chat.Errorf(chat.CodeInternal, chat.ReasonInternal, "entry %d/%d is not in the log, which ends at %d: see throng check", id, seq, head.Seq)
	}
	r := describe(head, &list[0])
	if f.Place != nil {
		r.Database = f.Place(id)
	}
	if t := f.Tracer; t.On() {
		r.Trace = t.ID(uint64(id), uint64(seq)).String()
		r.Sampled = t.Sampled(uint64(id), uint64(seq), r.Sender)
	}
	var side sync.WaitGroup
	var outboxErr, readsErr, nodesErr error
	side.Go(func() { r.Outbox, outboxErr = f.outbox(ctx, id, seq) })
	side.Go(func() { r.Reads, readsErr = f.reads(ctx, head, &list[0]) })
	side.Go(func() { r.Nodes, nodesErr = f.Nodes.Ask(ctx, id, seq) })
	side.Wait()
	r.problem("whether its event waits in the outbox", outboxErr)
	r.problem("who has read it", readsErr)
	r.problem("what some nodes remember", nodesErr)
	return r, nil
}

func (r *Report) problem(what string, err error) {
	if err == nil {
		return
	}
	var all []string
	for line := range strings.SplitSeq(err.Error(), "\n") { // one for each node, perhaps of the same thing
		if !slices.Contains(all, line) {
			all = append(all, line)
		}
	}
	r.Problems = append(r.Problems, what+" is unknown: "+strings.Join(all, "; "))
}

// describe says what stands about an entry.
func describe(head chat.Head, e *chat.Entry) *Report {
	r := &Report{
		Conversation: uint64(head.Conversation), Seq: uint64(e.Seq), Head: uint64(head.Seq), Kind: cmp.Or(head.Kind.Name(), unknown), Tier: cmp.Or(head.Tier.Name(), unknown),
		Members: head.Members, Sender: uint64(e.Sender), At: time.UnixMilli(int64(e.TimeMS)),
		Slot: uint16(head.Conversation.Slot()), Lane: int(queue.LaneOf(head.Conversation)),
	}
	if !e.ClientID.IsZero() {
		r.ClientID = e.ClientID.String()
	}
	r.Body, r.Removed = bodyName(e.Body)
	return r
}

// unknown stands for what a node of this version has no word for.
const unknown = "unknown"

// bodyName says what an entry is, without its content, and why its content is gone.
func bodyName(b chat.Body) (name, removed string) {
	switch b := b.(type) {
	case chat.Text:
		return "text", ""
	case chat.Media:
		return "media", ""
	case chat.Custom:
		return "custom", ""
	case chat.System:
		return "system", ""
	case chat.Created:
		return "created", ""
	case chat.MembersChanged:
		return "members changed", ""
	case chat.Changed:
		return "settings changed", ""
	case chat.Dissolved:
		return "dissolved", ""
	case chat.Tombstone:
		switch b.Reason {
		case chat.TombstoneRetention:
			return "removed", "it was older than the retention"
		case chat.TombstoneRecalled:
			return "removed", "it was recalled"
		default:
			return "removed", "it was erased"
		}
	case chat.Edit:
		return "edit", ""
	case chat.Recall:
		return "recall", ""
	case chat.Pin:
		return "pin", ""
	default:
		return unknown, ""
	}
}

func (f *Finder) outbox(ctx context.Context, id chat.ConversationID, seq chat.Seq) (Outbox, error) {
	if f.Waits == nil {
		return OutboxNone, nil
	}
	waits, err := f.Waits(ctx, id, seq)
	switch {
	case err != nil:
		return OutboxUnknown, err
	case waits:
		return OutboxWaits, nil
	default:
		return OutboxGone, nil
	}
}

// reads counts who has read an entry, where there are not too many members.
func (f *Finder) reads(ctx context.Context, head chat.Head, e *chat.Entry) (Reads, error) {
	if head.Members > maxReaders {
		return Reads{}, nil
	}
	members, err := f.Directory.Members(ctx, e.Conversation, 0, maxReaders, 0)
	if err != nil {
		return Reads{}, err //nolint:wrapcheck // as above
	}
	out := Reads{Known: true}
	users := make(chan chat.UserID, len(members))
	for i := range members {
		if members[i].User != e.Sender && members[i].Sees(e.Seq) {
			users <- members[i].User
			out.Of++
		}
	}
	close(users)
	var read atomic.Int64
	var failed atomic.Pointer[error]
	var side sync.WaitGroup
	for range min(readersAtOnce, out.Of) {
		side.Go(func() {
			for u := range users {
				at, err := f.Directory.Read(ctx, e.Conversation, u)
				if err != nil {
					failed.Store(&err)
					return
				}
				if at.Seq >= e.Seq {
					read.Add(1)
				}
			}
		})
	}
	side.Wait()
	if err := failed.Load(); err != nil {
		return Reads{}, *err
	}
	out.Read = int(read.Load())
	return out, nil
}
