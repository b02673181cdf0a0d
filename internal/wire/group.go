package wire

import (
	"github.com/throng-im/throng/internal/chat"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// The schema's enums of groups have a 0 that is not said: their values are one above ours.

func joining(h chat.Head) throngv1.Joining {
	if h.Kind != chat.KindGroup {
		return throngv1.Joining_JOINING_UNSPECIFIED
	}
	return throngv1.Joining(h.Joining()) + 1
}

func posting(h chat.Head) throngv1.Posting {
	if h.Kind != chat.KindGroup {
		return throngv1.Posting_POSTING_UNSPECIFIED
	}
	return throngv1.Posting(h.Terms.Posting) + 1
}

func enumFrom[E ~int32, V ~uint8](v *V) *E {
	if v == nil {
		return nil
	}
	e := E(*v) + 1
	return &e
}

// enumOf reads one that a server said; nil where it is not there, or not said.
func enumOf[V ~uint8, E ~int32](e *E) *V {
	if e == nil || small(int32(*e)) == 0 {
		return nil
	}
	v := V(small(int32(*e)) - 1)
	return &v
}

// Changed reads the settings that a request names.
func Changed(r *throngv1.UpdateGroupRequest) (chat.Changed, error) {
	c := chat.Changed{
		Name: r.Name, Avatar: r.Avatar, Description: r.Description, Open: r.Open, SlowModeMS: r.SlowModeMs,
		Joining: enumOf[chat.Joining](r.Joining), Posting: enumOf[chat.Posting](r.Posting), QuietUntilMS: r.QuietUntilMs,
		History: r.History, Announcement: r.Announcement,
	}
	switch {
	case r.Joining != nil && (c.Joining == nil || *c.Joining > chat.JoiningPassword), r.Posting != nil && (c.Posting == nil || *c.Posting > chat.PostingAdmins):
		return chat.Changed{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "joining and posting name one of their values")
	case r.Joining != nil && r.Open != nil:
		return chat.Changed{}, chat.Errorf(chat.CodeInvalid, chat.ReasonFieldInvalid, "joining says whether the group is open: name one of the two")
	}
	return c, nil
}

// Bans tells who is banned; names are those of their profiles.
func Bans(list []chat.Member, name func(chat.UserID) string) []*throngv1.Ban {
	out := make([]*throngv1.Ban, len(list))
	for i, m := range list {
		out[i] = &throngv1.Ban{User: uint64(m.User), UntilMs: m.BannedUntilMS, Name: name(m.User)}
		if m.BannedUntilMS >= chat.Forever {
			out[i].UntilMs = 0
		}
	}
	return out
}
