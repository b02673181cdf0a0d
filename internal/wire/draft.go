package wire

import (
	"slices"

	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// Actor is who asks.
type Actor struct {
	User   chat.UserID   // 0: a back end in its own name
	Device chat.DeviceID // 0 for back ends
	Server bool          // holds the server key
}

// traceparentBytes is how long a W3C trace context is; what it says is looked at where it is needed.
const traceparentBytes = 55

// Draft makes the draft of a send. It checks ids and that there is a body; what the body may be is for the log to decide.
func (a Actor) Draft(req *throngv1.SendRequest) (*chat.Draft, error) {
	conversation, err := ConversationID(req.GetConversation())
	if err != nil {
		return nil, err
	}
	client, err := chat.ParseClientID(req.GetClientId())
	if err != nil {
		return nil, err
	}
	var after chat.ClientID
	if len(req.GetAfter()) > 0 {
		if after, err = chat.ParseClientID(req.GetAfter()); err != nil {
			return nil, err
		}
	}
	body, err := a.body(req)
	if err != nil {
		return nil, err
	}
	refers, err := refersOf(req)
	if err != nil {
		return nil, err
	}
	d := &chat.Draft{
		Conversation: conversation, Sender: a.User, Device: a.Device, ClientID: client, Body: body, After: after, Refers: refers,
	}
	if caller := req.GetTraceparent(); len(caller) == traceparentBytes {
		d.Caller = caller
	}
	return d, nil
}

func (a Actor) body(req *throngv1.SendRequest) (chat.Body, error) {
	switch b := req.GetBody().(type) {
	case *throngv1.SendRequest_Text:
		return chat.Text{Text: b.Text}, nil
	case *throngv1.SendRequest_Media:
		if !chat.SafeRef(b.Media.GetRef()) {
			return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "media refers to a blob or to an https URL")
		}
		return mediaFrom(b.Media), nil
	case *throngv1.SendRequest_Custom:
		return customFrom(b.Custom), nil
	case *throngv1.SendRequest_Edit:
		return editFrom(b.Edit), nil
	case *throngv1.SendRequest_Recall:
		return chat.Recall{Target: chat.Seq(b.Recall.GetTarget()), Note: b.Recall.GetNote()}, nil
	case *throngv1.SendRequest_Pin:
		return pinFrom(b.Pin), nil
	case *throngv1.SendRequest_System:
		if !a.Server {
			return nil, chat.Errorf(chat.CodeForbidden, chat.ReasonForbidden, "system messages are sent with the server key only")
		}
		return chat.System{Event: b.System.GetEvent(), Args: b.System.GetArgs()}, nil
	default:
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonBodyInvalid, "a message needs a body: text, media, custom, system, edit, recall or pin")
	}
}

func mediaFrom(m *throngv1.Media) chat.Media {
	t := chat.MediaType(0) // refused by the log
	if m.GetType() >= throngv1.Media_TYPE_IMAGE && m.GetType() <= throngv1.Media_TYPE_FILE {
		t = chat.MediaType(m.GetType())
	}
	return chat.Media{
		Type: t, Ref: m.GetRef(), MIME: m.GetMime(), Size: m.GetSize(), Width: m.GetWidth(), Height: m.GetHeight(),
		DurationMS: m.GetDurationMs(), Name: m.GetName(), Caption: m.GetCaption(), Preview: m.GetPreview(),
	}
}

// Mark makes the draft of a read position.
func (a Actor) Mark(req *throngv1.MarkReadRequest) (*chat.Draft, error) {
	conversation, err := ConversationID(req.GetConversation())
	if err != nil {
		return nil, err
	}
	if req.GetSeq() == 0 {
		return nil, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "name the seq up to which it was read")
	}
	return &chat.Draft{Conversation: conversation, Sender: a.User, Device: a.Device, Mark: chat.Seq(req.GetSeq())}, nil
}

// Focus reads what a session has open from now on: at most chat.MaxFocus conversations, each once. Sessions and the API check it
// alike: what is refused changes nothing.
func Focus(req *throngv1.FocusRequest) ([]chat.ConversationID, error) {
	if len(req.GetConversations()) > chat.MaxFocus {
		return nil, chat.Errorf(chat.CodeTooLarge, chat.ReasonTooManyConversations, "at most %d conversations are open at once", chat.MaxFocus)
	}
	ids := make([]chat.ConversationID, 0, len(req.GetConversations()))
	for _, n := range req.GetConversations() {
		id, err := ConversationID(n)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// ConversationID checks a conversation's id: 1 to chat.MaxID.
func ConversationID(n uint64) (chat.ConversationID, error) {
	if err := checkID(n, "a conversation"); err != nil {
		return 0, err
	}
	return chat.ConversationID(n), nil
}

// UserID checks a user's id: 1 to chat.MaxID.
func UserID(n uint64) (chat.UserID, error) {
	if err := checkID(n, "a user"); err != nil {
		return 0, err
	}
	return chat.UserID(n), nil
}

// UserIDs checks a list of users' ids.
func UserIDs(list []uint64) ([]chat.UserID, error) {
	ids := make([]chat.UserID, len(list))
	for i, n := range list {
		id, err := UserID(n)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

// DeviceID checks a device's id: 1 to chat.MaxID.
func DeviceID(n uint64) (chat.DeviceID, error) {
	if err := checkID(n, "a device"); err != nil {
		return 0, err
	}
	return chat.DeviceID(n), nil
}

func checkID(n uint64, of string) error {
	if n == 0 || n > chat.MaxID {
		return chat.Errorf(chat.CodeInvalid, chat.ReasonIDInvalid, "the id of %s is a number from 1 to %d", of, uint64(chat.MaxID))
	}
	return nil
}

// Role reads a role; unspecified is 0, and what is no role is refused.
func Role(r throngv1.Role) (chat.Role, error) {
	if r < throngv1.Role_ROLE_UNSPECIFIED || r > throngv1.Role_ROLE_OWNER {
		return 0, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "a role is member, admin or owner")
	}
	return chat.Role(r), nil
}
