package wire

import (
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Part says which fields of an entry are told.
type Part struct {
	Conversation bool // the entry stands alone; otherwise its surroundings name the conversation
	ClientID     bool // the reader is the sender
}

// Whole is the part of an entry that stands alone.
func Whole(withClientID bool) Part { return Part{Conversation: true, ClientID: withClientID} }

// Entry tells an entry.
func Entry(e *chat.Entry, part Part) *throngv1.Entry {
	out := &throngv1.Entry{
		Seq: uint64(e.Seq), Ordinal: uint64(e.Ordinal), Sender: uint64(e.Sender), TimeMs: e.TimeMS,
	}
	if part.Conversation {
		out.Conversation = uint64(e.Conversation)
	}
	if part.ClientID && !e.ClientID.IsZero() {
		out.ClientId = e.ClientID[:]
	}
	setBody(out, e.Body)
	setRefers(out, e.Refers)
	if e.Edited != nil {
		out.EditedSeq, out.EditedMs, out.Edits = uint64(e.Edited.Last()), e.Edited.TimeMS, count(len(e.Edited.Seqs))
	}
	return out
}

// Entries tells the entries of one conversation to a reader, who alone gets its own client ids.
func Entries(list []chat.Entry, reader chat.UserID) []*throngv1.Entry {
	if len(list) == 0 {
		return nil
	}
	out := make([]*throngv1.Entry, len(list))
	for i := range list {
		out[i] = Entry(&list[i], Part{ClientID: reader != 0 && list[i].Sender == reader})
	}
	return out
}

func setBody(out *throngv1.Entry, b chat.Body) {
	switch b := b.(type) {
	case chat.Text:
		out.Body = &throngv1.Entry_Text{Text: b.Text}
	case chat.Media:
		out.Body = &throngv1.Entry_Media{Media: media(b)}
	case chat.Custom:
		out.Body = &throngv1.Entry_Custom{Custom: custom(b)}
	case chat.System:
		out.Body = &throngv1.Entry_System{System: &throngv1.System{Event: b.Event, Args: b.Args}}
	case chat.Created:
		out.Body = &throngv1.Entry_Created{Created: &throngv1.Created{
			Kind: Kind(b.Kind), Name: b.Name, MemberCount: count(len(b.Members)), Members: preview(b.Members),
		}}
	case chat.MembersChanged:
		out.Body = &throngv1.Entry_MembersChanged{MembersChanged: &throngv1.MembersChanged{
			Action: throngv1.MembersChanged_Action(b.Action), Count: count(len(b.Users)), Users: preview(b.Users),
			Role: throngv1.Role(b.Role), UntilMs: b.UntilMS, Ban: b.Ban, Name: b.Name, Reason: b.Reason,
		}}
	case chat.Changed:
		out.Body = &throngv1.Entry_ConversationChanged{ConversationChanged: &throngv1.ConversationChanged{
			Name: b.Name, Avatar: b.Avatar, Description: b.Description, Open: b.Open, SlowModeMs: b.SlowModeMS, Tier: tier(b.Tier),
			Joining: enumFrom[throngv1.Joining](b.Joining), Posting: enumFrom[throngv1.Posting](b.Posting), QuietUntilMs: b.QuietUntilMS,
			History: b.History, Announcement: b.Announcement,
		}}
	case chat.Dissolved:
		out.Body = &throngv1.Entry_Dissolved{Dissolved: &throngv1.Dissolved{}}
	case chat.Tombstone:
		out.Body = &throngv1.Entry_Tombstone{Tombstone: &throngv1.Tombstone{
			Reason: throngv1.Tombstone_Reason(b.Reason), Seq: uint64(b.Seq), By: uint64(b.By), Note: b.Note,
		}}
	case chat.Edit:
		out.Body = &throngv1.Entry_Edit{Edit: edit(b)}
	case chat.Pin:
		out.Body = &throngv1.Entry_Pin{Pin: &throngv1.Pin{Target: uint64(b.Target), On: b.On}}
	case chat.Recall:
		out.Body = &throngv1.Entry_Recall{Recall: &throngv1.Recall{Target: uint64(b.Target), Note: b.Note, TargetOrdinal: uint64(b.Ordinal)}}
	}
}

// edit tells an edit, without what was there before it.
func edit(e chat.Edit) *throngv1.Edit {
	out := &throngv1.Edit{Target: uint64(e.Target)}
	switch b := e.Body.(type) {
	case chat.Text:
		out.Body = &throngv1.Edit_Text{Text: b.Text}
	case chat.Media:
		out.Body = &throngv1.Edit_Media{Media: media(b)}
	case chat.Custom:
		out.Body = &throngv1.Edit_Custom{Custom: custom(b)}
	}
	return out
}

func custom(c chat.Custom) *throngv1.Custom {
	return &throngv1.Custom{Type: c.Type, Data: c.Data, Fallback: c.Fallback}
}

// Versions tells what a message said and says.
func Versions(list []chat.Version) []*throngv1.Version {
	out := make([]*throngv1.Version, len(list))
	for i, v := range list {
		out[i] = &throngv1.Version{Seq: uint64(v.Seq), TimeMs: v.TimeMS}
		switch b := v.Body.(type) {
		case chat.Text:
			out[i].Body = &throngv1.Version_Text{Text: b.Text}
		case chat.Media:
			out[i].Body = &throngv1.Version_Media{Media: media(b)}
		case chat.Custom:
			out[i].Body = &throngv1.Version_Custom{Custom: custom(b)}
		}
	}
	return out
}

func media(m chat.Media) *throngv1.Media {
	return &throngv1.Media{
		Type: throngv1.Media_Type(m.Type), Ref: m.Ref, Mime: m.MIME, Size: m.Size, Width: m.Width, Height: m.Height,
		DurationMs: m.DurationMS, Name: m.Name, Caption: m.Caption, Preview: m.Preview,
	}
}

// preview names the first few of a list of members; the rest is paged.
func preview(users []chat.UserID) []uint64 {
	out := make([]uint64, min(len(users), chat.MemberPreview))
	for i := range out {
		out[i] = uint64(users[i])
	}
	return out
}

func count(n int) uint32 { return uint32(n) }

// EntryFrom reads an entry off the wire: what a client knows of one. Members beyond the preview are lost, and edits but the last; an entry
// without a body that we know has none.
func EntryFrom(e *throngv1.Entry) (chat.Entry, error) {
	out := chat.Entry{
		Conversation: chat.ConversationID(e.GetConversation()), Seq: chat.Seq(e.GetSeq()), Ordinal: chat.Ordinal(e.GetOrdinal()),
		Sender: chat.UserID(e.GetSender()), TimeMS: e.GetTimeMs(), Body: bodyFrom(e), Refers: refersFrom(e),
	}
	if e.GetEditedSeq() != 0 {
		out.Edited = &chat.Edited{Seqs: []chat.Seq{chat.Seq(e.GetEditedSeq())}, TimeMS: e.GetEditedMs()}
	}
	if len(e.GetClientId()) > 0 {
		client, err := chat.ParseClientID(e.GetClientId())
		if err != nil {
			return out, err
		}
		out.ClientID = client
	}
	return out, nil
}

func bodyFrom(e *throngv1.Entry) chat.Body {
	switch b := e.GetBody().(type) {
	case *throngv1.Entry_Text:
		return chat.Text{Text: b.Text}
	case *throngv1.Entry_Media:
		return mediaFrom(b.Media)
	case *throngv1.Entry_Custom:
		return customFrom(b.Custom)
	case *throngv1.Entry_System:
		return chat.System{Event: b.System.GetEvent(), Args: b.System.GetArgs()}
	case *throngv1.Entry_Created:
		return chat.Created{Kind: chat.Kind(small(int32(b.Created.GetKind()))), Name: b.Created.GetName(), Members: users(b.Created.GetMembers())}
	case *throngv1.Entry_MembersChanged:
		c := b.MembersChanged
		return chat.MembersChanged{
			Action: chat.MemberAction(small(int32(c.GetAction()))), Users: users(c.GetUsers()),
			Role: chat.Role(small(int32(c.GetRole()))), UntilMS: c.GetUntilMs(),
			Ban: c.GetBan(), Name: c.GetName(), Reason: c.GetReason(),
		}
	case *throngv1.Entry_ConversationChanged:
		c := b.ConversationChanged
		return chat.Changed{
			Name: c.Name, Avatar: c.Avatar, Description: c.Description, Open: c.Open, SlowModeMS: c.SlowModeMs, Tier: tierFrom(c.Tier),
			Joining: enumOf[chat.Joining](c.Joining), Posting: enumOf[chat.Posting](c.Posting), QuietUntilMS: c.QuietUntilMs,
			History: c.History, Announcement: c.Announcement,
		}
	case *throngv1.Entry_Dissolved:
		return chat.Dissolved{}
	case *throngv1.Entry_Tombstone:
		t := b.Tombstone
		return chat.Tombstone{
			Reason: chat.TombstoneReason(small(int32(t.GetReason()))), Seq: chat.Seq(t.GetSeq()), By: chat.UserID(t.GetBy()), Note: t.GetNote(),
		}
	case *throngv1.Entry_Edit:
		return editFrom(b.Edit)
	case *throngv1.Entry_Recall:
		return chat.Recall{Target: chat.Seq(b.Recall.GetTarget()), Ordinal: chat.Ordinal(b.Recall.GetTargetOrdinal()), Note: b.Recall.GetNote()}
	case *throngv1.Entry_Pin:
		return pinFrom(b.Pin)
	default:
		return nil
	}
}

func pinFrom(p *throngv1.Pin) chat.Pin {
	return chat.Pin{Target: chat.Seq(p.GetTarget()), On: p.GetOn()}
}

func editFrom(e *throngv1.Edit) chat.Edit {
	out := chat.Edit{Target: chat.Seq(e.GetTarget())}
	switch b := e.GetBody().(type) {
	case *throngv1.Edit_Text:
		out.Body = chat.Text{Text: b.Text}
	case *throngv1.Edit_Media:
		out.Body = mediaFrom(b.Media)
	case *throngv1.Edit_Custom:
		out.Body = customFrom(b.Custom)
	}
	return out
}

func customFrom(c *throngv1.Custom) chat.Custom {
	return chat.Custom{Type: c.GetType(), Data: c.GetData(), Fallback: c.GetFallback()}
}

func tier(t *chat.Tier) *throngv1.Tier {
	if t == nil {
		return nil
	}
	return throngv1.Tier(*t).Enum()
}

func tierFrom(t *throngv1.Tier) *chat.Tier {
	if t == nil {
		return nil
	}
	out := chat.Tier(small(int32(*t)))
	return &out
}

// small keeps an enum of the wire within a byte; what is no value of ours becomes 0.
func small(n int32) uint8 {
	if n < 0 || n > 255 {
		return 0
	}
	return uint8(n)
}

func users(list []uint64) []chat.UserID {
	out := make([]chat.UserID, len(list))
	for i, n := range list {
		out[i] = chat.UserID(n)
	}
	return out
}
