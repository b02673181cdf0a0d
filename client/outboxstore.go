package client

import (
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Draft is a message that is not stored by the server yet.
type Draft struct {
	Conversation ConversationID
	// ClientID makes the send repeatable.
	ClientID uuid.UUID
	// Number orders the drafts of one outbox.
	Number uint64
	// CreatedMS is when Send was called, by this device's clock.
	CreatedMS int64
	Body      Body
}

// OutboxStore keeps drafts over the end of the process. The client calls it from any goroutine, one call at a time.
type OutboxStore interface {
	// Load returns what is kept, in any order; the client sorts it by Number.
	Load() ([]Draft, error)
	// Put keeps a draft; when it returns, the draft survives a crash of the process.
	Put(d Draft) error
	// Delete forgets a draft that was stored by the server, refused or canceled.
	Delete(id uuid.UUID) error
	// Close gives up resources.
	Close() error
}

// memoryOutbox keeps nothing beyond the process.
type memoryOutbox struct{}

func (memoryOutbox) Load() ([]Draft, error) { return nil, nil }
func (memoryOutbox) Put(Draft) error        { return nil }
func (memoryOutbox) Delete(uuid.UUID) error { return nil }
func (memoryOutbox) Close() error           { return nil }

// Body is what a message says, or what is done to an earlier one. Make one with Text, Media, Custom, System, Edit, EditCustom, Recall, Pin or
// Unpin.
type Body struct {
	text   string
	media  *throngv1.Media
	custom *throngv1.Custom
	system *throngv1.System
	edit   *throngv1.Edit
	recall *throngv1.Recall
	pin    *throngv1.Pin
	reply  uint64 // seq of the message that it answers
	named  []uint64
	all    bool   // everybody is named
	caller string // W3C trace context
}

// Text is a body of plain text.
func Text(s string) Body { return Body{text: s} }

// Media is a body that refers to stored content. It takes m.
func Media(m *throngv1.Media) Body { return Body{media: m} }

// Custom is a body with a meaning of the application's own. It takes c.
func Custom(c *throngv1.Custom) Body { return Body{custom: c} }

// System is a notice; back ends with the server key only. It takes s.
func System(s *throngv1.System) Body { return Body{system: s} }

// Traced returns the body with the W3C trace context (traceparent) of what the application does: operators who trace messages find its
// trace linked to the message's. It is no part of the message, and nobody is told of it.
func (b Body) Traced(traceparent string) Body {
	b.caller = traceparent
	return b
}

// Text returns the text of a text body, and of other bodies nothing.
func (b Body) Text() string { return b.text }

func (b Body) request(conv ConversationID, id uuid.UUID) *throngv1.SendRequest {
	r := &throngv1.SendRequest{Conversation: uint64(conv), ClientId: id[:], Traceparent: b.caller, ReplyTo: b.reply, Mentions: b.named, MentionAll: b.all}
	switch {
	case b.media != nil:
		r.Body = &throngv1.SendRequest_Media{Media: b.media}
	case b.custom != nil:
		r.Body = &throngv1.SendRequest_Custom{Custom: b.custom}
	case b.system != nil:
		r.Body = &throngv1.SendRequest_System{System: b.system}
	case b.edit != nil:
		r.Body = &throngv1.SendRequest_Edit{Edit: b.edit}
	case b.recall != nil:
		r.Body = &throngv1.SendRequest_Recall{Recall: b.recall}
	case b.pin != nil:
		r.Body = &throngv1.SendRequest_Pin{Pin: b.pin}
	default:
		r.Body = &throngv1.SendRequest_Text{Text: b.text}
	}
	return r
}

// entry is the body as the log will show it, where it is a message.
func (d *Draft) entry(me UserID, ack Ack) *throngv1.Entry {
	e := &throngv1.Entry{
		Conversation: uint64(d.Conversation), Seq: ack.Seq, Ordinal: ack.Ordinal, TimeMs: uint64(ack.Time.UnixMilli()),
		Sender: uint64(me), ClientId: d.ClientID[:], ReplyTo: d.Body.reply, MentionAll: d.Body.all,
	}
	switch b := d.Body; {
	case b.media != nil:
		e.Body = &throngv1.Entry_Media{Media: b.media}
	case b.custom != nil:
		e.Body = &throngv1.Entry_Custom{Custom: b.custom}
	case b.system != nil:
		e.Body, e.Sender = &throngv1.Entry_System{System: b.system}, 0
	default:
		e.Body = &throngv1.Entry_Text{Text: b.text}
	}
	return e
}

// marshal is the draft's stored form: a SendRequest, which already knows every kind of body.
func (d *Draft) marshal() ([]byte, error) {
	return proto.Marshal(d.Body.request(d.Conversation, d.ClientID))
}

func (d *Draft) unmarshal(b []byte) error {
	var r throngv1.SendRequest
	if err := proto.Unmarshal(b, &r); err != nil {
		return err
	}
	id, err := uuid.FromBytes(r.GetClientId())
	if err != nil {
		return err
	}
	d.Conversation, d.ClientID = ConversationID(r.GetConversation()), id
	d.Body = Body{
		text: r.GetText(), media: r.GetMedia(), custom: r.GetCustom(), system: r.GetSystem(), edit: r.GetEdit(), recall: r.GetRecall(),
		pin: r.GetPin(), caller: r.GetTraceparent(), reply: r.GetReplyTo(), named: r.GetMentions(), all: r.GetMentionAll(),
	}
	return nil
}
