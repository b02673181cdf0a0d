package chat

import (
	"fmt"
	"strings"
	"time"

	"github.com/throng-im/throng/client"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

// content says what an entry shows: the text, and whether it is somebody's message or a notice.
func content(e *throngv1.Entry, n *names) (text string, notice bool) {
	switch b := e.GetBody().(type) {
	case *throngv1.Entry_Text:
		text = clean(b.Text, true)
		if e.GetEdits() > 0 {
			text += " (edited)"
		}
		return text, false
	case *throngv1.Entry_Media:
		return media(b.Media), false
	case *throngv1.Entry_Custom:
		if b.Custom.GetFallback() == "" {
			return "[" + clean(b.Custom.GetType(), false) + "]", false
		}
		return clean(b.Custom.GetFallback(), true), false
	case *throngv1.Entry_Tombstone:
		return gone(e, b.Tombstone, n), true
	case *throngv1.Entry_Edit:
		return by(e, n) + " edited a message.", true
	case *throngv1.Entry_Recall:
		return by(e, n) + " took a message back.", true
	case *throngv1.Entry_Pin:
		if b.Pin.GetOn() {
			return by(e, n) + " pinned a message.", true
		}
		return by(e, n) + " took a message out of the pinned ones.", true
	case *throngv1.Entry_System:
		return clean(b.System.GetEvent(), false), true
	case *throngv1.Entry_Created:
		if b.Created.GetKind() == throngv1.Kind_KIND_DIRECT {
			return "The conversation begins.", true
		}
		return fmt.Sprintf("%s made the group %s.", by(e, n), clean(b.Created.GetName(), false)), true
	case *throngv1.Entry_MembersChanged:
		return members(e, b.MembersChanged, n), true
	case *throngv1.Entry_ConversationChanged:
		return changed(b.ConversationChanged, by(e, n)), true
	case *throngv1.Entry_Dissolved:
		return by(e, n) + " dissolved the group.", true
	default:
		return "[a message that this version does not know]", false
	}
}

// gone says why a message is not there.
func gone(e *throngv1.Entry, t *throngv1.Tombstone, n *names) string {
	if t.GetReason() != throngv1.Tombstone_REASON_RECALLED {
		return "This message is gone."
	}
	text := "This message was taken back."
	switch {
	case t.GetSeq() == 0 || t.GetBy() == e.GetSender():
	case t.GetBy() == 0:
		text = "The server removed this message."
	default:
		text = n.of(client.UserID(t.GetBy())) + " removed this message."
	}
	if t.GetNote() != "" {
		text += " (" + clean(t.GetNote(), false) + ")"
	}
	return text
}

// changed says what somebody changed about a group.
func changed(c *throngv1.ConversationChanged, who string) string {
	switch {
	case c.Name != nil:
		return fmt.Sprintf("%s called it %s.", who, clean(c.GetName(), false))
	case c.SlowModeMs != nil && c.GetSlowModeMs() == 0:
		return who + " ended slow mode."
	case c.SlowModeMs != nil:
		wait := time.Duration(c.GetSlowModeMs()) * time.Millisecond
		return fmt.Sprintf("%s set slow mode: one message in %s.", who, lasting(wait))
	case c.Tier != nil && c.GetTier() == throngv1.Tier_TIER_UNSPECIFIED:
		return "The group is delivered by its size again."
	case c.Tier != nil:
		tier := strings.ToLower(strings.TrimPrefix(c.GetTier().String(), "TIER_"))
		return fmt.Sprintf("The group is delivered as a %s one.", tier)
	default:
		return terms(c, who)
	}
}

// terms says what somebody changed about what a group holds people to.
func terms(c *throngv1.ConversationChanged, who string) string {
	switch {
	case c.Announcement != nil && c.GetAnnouncement() == "":
		return who + " took the announcement away."
	case c.Announcement != nil:
		return fmt.Sprintf("%s announces: %s", who, clean(c.GetAnnouncement(), true))
	case c.QuietUntilMs != nil && c.GetQuietUntilMs() == 0:
		return who + " lets all write again."
	case c.QuietUntilMs != nil:
		return who + " asks for quiet: only admins write for now."
	case c.Posting != nil && c.GetPosting() == throngv1.Posting_POSTING_ADMINS:
		return who + " lets only admins write."
	case c.Posting != nil:
		return who + " lets all members write."
	case c.Joining != nil:
		way := strings.ToLower(strings.TrimPrefix(c.GetJoining().String(), "JOINING_"))
		return fmt.Sprintf("%s changed how people join: %s.", who, way)
	case c.History != nil && c.GetHistory():
		return who + " lets newcomers read what is said from here on."
	case c.History != nil:
		return who + " lets newcomers read only what is said after they came."
	default:
		return who + " changed the group."
	}
}

// isNotice reports whether an entry is about the conversation and not in it.
func isNotice(e *throngv1.Entry) bool {
	switch e.GetBody().(type) {
	case *throngv1.Entry_Text, *throngv1.Entry_Media, *throngv1.Entry_Custom, nil:
		return false
	default:
		return true
	}
}

func by(e *throngv1.Entry, n *names) string {
	if e.GetSender() == 0 {
		return "The server"
	}
	return n.of(client.UserID(e.GetSender()))
}

func media(m *throngv1.Media) string {
	kind := strings.ToLower(strings.TrimPrefix(m.GetType().String(), "TYPE_"))
	text := "[" + kind
	if m.GetName() != "" {
		text += " " + clean(m.GetName(), false)
	}
	text += "]"
	if m.GetCaption() != "" {
		text += " " + clean(m.GetCaption(), true)
	}
	return text
}

func why(m *throngv1.MembersChanged) string {
	if m.GetReason() == "" {
		return ""
	}
	return " (" + clean(m.GetReason(), false) + ")"
}

func members(e *throngv1.Entry, m *throngv1.MembersChanged, n *names) string {
	var who []string
	for _, user := range m.GetUsers() {
		if len(who) == 3 {
			break
		}
		who = append(who, n.of(client.UserID(user)))
	}
	list := strings.Join(who, ", ")
	if more := int(m.GetCount()) - len(who); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	switch m.GetAction() {
	case throngv1.MembersChanged_ACTION_ADDED:
		return fmt.Sprintf("%s added %s.", by(e, n), list)
	case throngv1.MembersChanged_ACTION_JOINED:
		return list + " joined."
	case throngv1.MembersChanged_ACTION_LEFT:
		return list + " left."
	case throngv1.MembersChanged_ACTION_REMOVED:
		did := "removed"
		if m.GetBan() {
			did = "banned"
		}
		return fmt.Sprintf("%s %s %s.%s", by(e, n), did, list, why(m))
	case throngv1.MembersChanged_ACTION_BANNED:
		return fmt.Sprintf("%s banned %s.%s", by(e, n), list, why(m))
	case throngv1.MembersChanged_ACTION_UNBANNED:
		return fmt.Sprintf("%s lifted the ban of %s.%s", by(e, n), list, why(m))
	case throngv1.MembersChanged_ACTION_NAMED:
		if m.GetName() == "" {
			return list + " goes by the own name again."
		}
		return fmt.Sprintf("%s is called %s here.", list, clean(m.GetName(), false))
	case throngv1.MembersChanged_ACTION_ROLE:
		role := strings.ToLower(strings.TrimPrefix(m.GetRole().String(), "ROLE_"))
		return fmt.Sprintf("%s is now %s.", list, role)
	case throngv1.MembersChanged_ACTION_TRANSFERRED:
		return list + " owns the group now."
	case throngv1.MembersChanged_ACTION_MUTED:
		if m.GetUntilMs() == 0 {
			return list + " may write again."
		}
		return fmt.Sprintf("%s muted %s.%s", by(e, n), list, why(m))
	default:
		return "The members changed."
	}
}

// mentioned are the users whose names an entry needs.
func mentioned(e *throngv1.Entry) []client.UserID {
	users := []client.UserID{client.UserID(e.GetSender())}
	if who := e.GetTombstone().GetBy(); who != 0 {
		users = append(users, client.UserID(who))
	}
	for i, user := range e.GetMembersChanged().GetUsers() {
		if i == 3 {
			break
		}
		users = append(users, client.UserID(user))
	}
	return users
}

func stamp(e *throngv1.Entry, zone *time.Location) time.Time {
	if e.GetTimeMs() == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(e.GetTimeMs())).In(zone)
}
