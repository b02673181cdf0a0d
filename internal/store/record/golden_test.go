package record_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/invite"
	"github.com/throng-im/throng/internal/message"
	"github.com/throng-im/throng/internal/message/content"
	"github.com/throng-im/throng/internal/social"
	"github.com/throng-im/throng/internal/store/record"
	"github.com/throng-im/throng/internal/timeline"
)

var update = flag.Bool("update", false, "write testdata/current.golden anew")

// sample is a record with everything in it.
type sample struct {
	name  string
	value []byte
}

const block = chat.Later("\x64\x12of a later version") // field 100

// samples are one of each record of what nodes write for each other, and of each body of an entry.
func samples() []sample {
	name, open, slow, tier := "n", true, uint32(500), chat.TierLarge
	joining, posting, until := chat.JoiningPassword, chat.PostingAdmins, uint64(1<<41)
	head := chat.Head{
		Conversation: 7, Kind: chat.KindGroup, Tier: chat.TierMedium, Open: true, Fixed: chat.TierLarge, SlowModeMS: 500,
		Seq: 9, Ordinal: 8, MemberSeq: 3, Members: 1_000_000, TimeMS: 1 << 41,
	}
	recalled := head
	recalled.Amended = 12
	recalled.Recalled = chat.Ordinals("").Add(3).Add(7).Add(1)
	part := message.Part{Read: chat.Read{Seq: 5, Ordinal: 4}, Member: chat.Member{
		User: 2, Role: chat.RoleAdmin, JoinedMS: 1 << 40, MutedUntilMS: 7, SentMS: 1 << 41,
		Spans: []chat.Span{{From: 1, To: 4}, {From: 6}}, Left: &chat.Farewell{Name: "n", Avatar: "a"},
	}}
	user := account.Account{User: account.User{
		Admin: true, Disabled: true, CreatedMS: 1 << 40, Version: 3, Handle: "ada", ExternalID: "x", Name: "Ada", Avatar: "a",
		Attributes: map[string]string{"k": "v"},
	}, TokensFromMS: 4, PasswordSet: 2, Password: "p"}
	device := account.Device{Name: "d", Address: "a", Label: "l", CreatedMS: 1, LastUsedMS: 2, EndedMS: 3, Refresh: account.Rotation{
		Number: 4, DrawnMS: 5, ExpiresMS: 6, Current: account.Hash{1}, Previous: account.Hash{2}, Sealed: account.Hash{3}, Pending: true,
	}}
	invitation := account.Invitation{Bootstrap: true, Uses: 3, ExpiresMS: 1 << 41}
	settings := timeline.Settings{Settings: chat.Settings{Pinned: true, Muted: true, Archived: true, MarkedUnread: true, Draft: "dräft"}, MarkedAt: 4}
	about := chat.Conversation{
		Kind: chat.KindGroup, Name: "n", Avatar: "a", Description: "d", Open: true, Owner: 2, Pair: [2]chat.UserID{1, 2}, CreatedMS: 1 << 40,
	}
	repeat := message.Repeat{Seq: 9, Ordinal: 8, TimeMS: 1 << 41, Count: 2, Print: content.Fingerprint{1, 2}}
	entry := func(b chat.Body) *chat.Entry {
		return &chat.Entry{Conversation: 7, Seq: 9, Ordinal: 8, Sender: 3, TimeMS: 1 << 41, ClientID: chat.ClientID{9}, Body: b}
	}
	event := chat.Event{Entry: entry(chat.Text{Text: "hällo"}), Head: head, Was: chat.TierSmall, MemberWas: 3, Device: 44}
	reading := chat.Event{Head: head, Reader: 2, Device: 44, Read: chat.Read{Seq: 9, Ordinal: 8}}
	relation := social.Relation{
		Follow: true, Block: true, Remark: "Bobby", Version: 7, Met: true, Due: true,
		Mine:   social.Side{Want: true, Turn: 5, Ended: 3, AtMS: 1 << 41, Note: "hällo"},
		Theirs: social.Side{Want: true, Turn: 4, Ended: 2, AtMS: 1 << 40, Note: "n"},
	}
	owner := social.Owner{Version: 1, Floor: 2, Wants: 3, Follows: 4, Blocks: 5, Remarks: 6, Waiting: 7, Day: 8, Asked: 9}
	edited := *event.Entry
	edited.Edited = &chat.Edited{Seqs: []chat.Seq{11, 300}, TimeMS: 1 << 41}
	reply := *event.Entry
	reply.Refers = &chat.Refers{ReplyTo: 300}
	mention := *event.Entry
	mention.Refers = &chat.Refers{ReplyTo: 300, Mentions: []chat.UserID{2, chat.MaxID}, All: true}
	all := []sample{
		{"repeat", record.AppendRepeat(nil, repeat)},
		{"head-recalled", record.AppendHead(nil, recalled)},
		{"entry-edited", record.AppendEntry(nil, &edited)},
		{"entry-reply", record.AppendEntry(nil, &reply)},
		{"entry-mention", record.AppendEntry(nil, &mention)},
	}
	terms := head
	terms.Terms = chat.Terms{Joining: chat.JoiningPassword, Posting: chat.PostingAdmins, QuietUntilMS: 1 << 41, HistoryFrom: 4}
	terms.Acts = chat.Acts{N: 5, Last: 300}
	named := part
	named.Nickname, named.NamedMS, named.BannedUntilMS, named.Since = "nick", 1<<41, chat.Forever, 6
	said := about
	said.Announcement, said.Password = "hällo", "$argon2id$"
	pinned := about
	pinned.Pins = chat.Pins("").After(&chat.Entry{Seq: 300, Sender: 3, TimeMS: 1 << 41, Body: chat.Pin{Target: 200, On: true}}).
		After(&chat.Entry{Seq: 301, TimeMS: 1 << 41, Body: chat.Pin{Target: 7, On: true}})
	act := *event.Entry
	act.Act = chat.Act{N: 5, Prev: 300}
	all = append(all, sample{"head-terms", record.AppendHead(nil, terms)}, sample{"part-named", record.AppendPart(nil, named)},
		sample{"conversation-said", record.AppendConversation(nil, said)}, sample{"entry-act", record.AppendEntry(nil, &act)})
	all = append(all, sample{"conversation-pinned", record.AppendConversation(nil, pinned)})
	terms.Later, named.Later, said.Later, act.Later, pinned.Later = block, block, block, block, block
	all = append(all, sample{"conversation-pinned+later", record.AppendConversation(nil, pinned)})
	all = append(all, sample{"head-terms+later", record.AppendHead(nil, terms)}, sample{"part-named+later", record.AppendPart(nil, named)},
		sample{"conversation-said+later", record.AppendConversation(nil, said)}, sample{"entry-act+later", record.AppendEntry(nil, &act)})
	edited.Later, recalled.Later = block, block
	all = append(all, sample{"entry-edited+later", record.AppendEntry(nil, &edited)}, sample{"head-recalled+later", record.AppendHead(nil, recalled)})
	for _, later := range []chat.Later{"", block} {
		head, part, user, device, settings, about, event, reading := head, part, user, device, settings, about, event, reading
		head.Later, part.Later, user.Later, device.Later, settings.Later, about.Later = later, later, later, later, later, later
		relation.Later, owner.Later = later, later
		link := invite.Link{Token: invite.Hash{1, 2}, Creator: 3, CreatedMS: 1 << 41, ExpiresMS: 1 << 42, Most: 300, Used: 7, Revoked: true, Later: later}
		barred := part
		barred.Bar = chat.Bar{On: true, Version: 300}
		gated, choosy := part, owner
		gated.Bar, gated.Holds, choosy.From = chat.Bar{Gate: chat.GateCommon, Version: 300}, true, chat.GateFriends
		reached := gated
		reached.Got = 700
		picky := reached
		picky.Hidden, _ = chat.Hidden("").Add(chat.HiddenSpan{Span: chat.Span{From: 300, To: 301}, Before: 290, Last: 291})
		private := user
		private.Privacy = account.Privacy{NoReceipts: true}
		unlisted := user
		unlisted.Privacy = account.Privacy{Unlisted: true}
		event.Later, reading.Later, event.Head.Later, invitation.Later = later, later, later, later
		text := *event.Entry
		text.Later, event.Entry = later, &text
		with := ""
		if later != "" {
			with = "+later"
		}
		all = append(all,
			sample{"head" + with, record.AppendHead(nil, head)}, sample{"part" + with, record.AppendPart(nil, part)},
			sample{"part-bar" + with, record.AppendPart(nil, barred)}, sample{"part-gate" + with, record.AppendPart(nil, gated)},
			sample{"part-got" + with, record.AppendPart(nil, reached)},
			sample{"part-hidden" + with, record.AppendPart(nil, picky)},
			sample{"account-privacy" + with, record.AppendAccount(nil, private)}, sample{"account-unlisted" + with, record.AppendAccount(nil, unlisted)},
			sample{"link" + with, record.AppendLink(nil, link)}, sample{"owner-from" + with, record.AppendOwner(nil, choosy)},
			sample{"account" + with, record.AppendAccount(nil, user)}, sample{"device" + with, record.AppendDevice(nil, device)},
			sample{"invitation" + with, record.AppendInvitation(nil, invitation)}, sample{"settings" + with, record.AppendSettings(nil, settings)},
			sample{"conversation" + with, record.AppendConversation(nil, about)}, sample{"event" + with, record.AppendEvent(nil, event)},
			sample{"event-read" + with, record.AppendEvent(nil, reading)}, sample{"stream" + with, record.AppendStreamEvent(nil, event)},
			sample{"relation" + with, record.AppendRelation(nil, relation)}, sample{"owner" + with, record.AppendOwner(nil, owner)},
			sample{"entry-text" + with, record.AppendEntry(nil, &text)},
		)
	}
	all = append(all, sample{"event-unknown", record.AppendEvent(nil, chat.Event{Head: head, Later: block})})
	for what, b := range map[string]chat.Body{
		"media": chat.Media{
			Type: chat.MediaFile, Ref: "r", MIME: "m", Size: 1 << 33, Width: 3, Height: 4, DurationMS: 5, Name: "n", Caption: "c", Preview: []byte{1},
		},
		"custom":  chat.Custom{Type: "t", Data: []byte{2}, Fallback: "f"},
		"system":  chat.System{Event: "e", Args: map[string]string{"a": "b"}},
		"created": chat.Created{Kind: chat.KindGroup, Open: true, Name: "n", Avatar: "a", Description: "d", Members: []chat.UserID{1, 2}},
		"members": chat.MembersChanged{Action: chat.MemberAdded, Role: chat.RoleAdmin, UntilMS: 6, Users: []chat.UserID{1, chat.MaxID}},
		"changed": chat.Changed{Name: &name, Avatar: &name, Description: &name, Open: &open, SlowModeMS: &slow, Tier: &tier},
		"terms": chat.Changed{
			Joining: &joining, Posting: &posting, QuietUntilMS: &until, History: &open, Announcement: &name,
		},
		"banned":    chat.MembersChanged{Action: chat.MemberRemoved, UntilMS: 6, Ban: true, Reason: "r", Users: []chat.UserID{1}},
		"named":     chat.MembersChanged{Action: chat.MemberNamed, Name: "n", Users: []chat.UserID{1}},
		"dissolved": chat.Dissolved{}, "tombstone": chat.Tombstone{Reason: chat.TombstoneErased},
		"recalled":      chat.Tombstone{Reason: chat.TombstoneRecalled, Seq: 12, By: 3, Note: "spam"},
		"edit":          chat.Edit{Target: 4, Body: chat.Text{Text: "new"}},
		"edit-first":    chat.Edit{Target: 4, Body: chat.Media{Type: chat.MediaImage, Ref: "r", Caption: "c", Preview: []byte{}}, Was: chat.Text{Text: "old"}},
		"edit-emptied":  chat.Edit{Target: 4},
		"recall":        chat.Recall{Target: 4, Ordinal: 3, Edits: []chat.Seq{5, 6}, Note: "spam"},
		"recall-simple": chat.Recall{Target: 4},
		"pin":           chat.Pin{Target: 300, On: true},
		"unpin":         chat.Pin{Target: 4},
		"opaque":        chat.Opaque{Kind: 201, Raw: "of a later version"},
	} {
		all = append(all, sample{"entry-" + what, record.AppendEntry(nil, entry(b))})
	}
	for i, d := range deliveries() {
		all = append(all, sample{fmt.Sprintf("delivery-%d", i), record.AppendDelivery(nil, d)})
	}
	return all
}

// again reads a record of a kind and writes it.
func again(t *testing.T, name string, value []byte) []byte {
	t.Helper()
	r := record.NewReader(value)
	var out []byte
	kind, _, _ := strings.Cut(name, "+")
	kind, _, _ = strings.Cut(kind, "-")
	switch kind {
	case "repeat":
		out = record.AppendRepeat(nil, r.Repeat())
	case "head":
		out = record.AppendHead(nil, r.Head(7))
	case "part":
		out = record.AppendPart(nil, r.Part(2))
	case "account":
		out = record.AppendAccount(nil, r.Account(1))
	case "device":
		out = record.AppendDevice(nil, r.Device(1, 1))
	case "invitation":
		out = record.AppendInvitation(nil, r.Invitation(account.Hash{}))
	case "settings":
		out = record.AppendSettings(nil, r.Settings(true))
	case "relation":
		out = record.AppendRelation(nil, r.Relation(1))
	case "link":
		out = record.AppendLink(nil, r.Link(7, 9))
	case "owner":
		out = record.AppendOwner(nil, r.Owner())
	case "conversation":
		out = record.AppendConversation(nil, r.Conversation(7))
	case "entry":
		e := r.Entry(7, 9)
		out = record.AppendEntry(nil, &e)
	case "event":
		ev, named := r.Event()
		if named {
			ev.Entry = &chat.Entry{}
		}
		out = record.AppendEvent(nil, ev)
	case "stream":
		ev, err := record.StreamEvent(value)
		assert.NoError(t, name, err)
		r.Skip()
		out = record.AppendStreamEvent(nil, ev)
	case "delivery":
		d, err := record.DecodeDelivery(value)
		assert.NoError(t, name, err)
		r.Skip()
		out = record.AppendDelivery(nil, d)
	default:
		t.Errorf("there is a record %q, which nobody reads", name)
		return value
	}
	if !r.Done() {
		t.Errorf("%s: %x is not read to its end", name, value)
	}
	return out
}

// TestGolden is I25: what any version wrote for others is read by this one, and written back as it was, with what is of a later version.
// testdata has the bytes. When a version is released, copy current.golden to NUMBER.golden, for good; a change of a record that is meant
// is written there by go test ./internal/store/record -run TestGolden -update.
func TestGolden(t *testing.T) {
	t.Parallel()
	const current = "testdata/current.golden"
	now := make(map[string][]byte)
	for _, s := range samples() {
		now[s.name] = s.value
	}
	if *update {
		var b bytes.Buffer
		for _, name := range slices.Sorted(maps.Keys(now)) {
			fmt.Fprintf(&b, "%s %x\n", name, now[name])
		}
		assert.NoError(t, "writing", os.WriteFile(current, b.Bytes(), 0o600))
	}
	files, err := filepath.Glob("testdata/*.golden")
	assert.NoError(t, "files", err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		assert.NoError(t, "reading", err)
		seen := 0
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); seen++ {
			name, digits, _ := strings.Cut(lines.Text(), " ")
			value, err := hex.DecodeString(digits)
			assert.NoError(t, file, err)
			if got := again(t, name, value); !bytes.Equal(got, value) {
				t.Errorf("%s: %s was %x and is written back as %x", file, name, value, got)
			}
			if file == current && !bytes.Equal(now[name], value) {
				t.Errorf("%s is written as %x, it was %x", name, now[name], value)
			}
		}
		if file == current {
			assert.Equal(t, "records", seen, len(now))
		}
	}
}
