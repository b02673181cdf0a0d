package vectors_test

import (
	"google.golang.org/protobuf/proto"

	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

const (
	maxID  = 1<<53 - 1
	timeMS = 1_800_000_000_123
)

func uuid() []byte {
	return []byte{0x01, 0x8f, 0x2a, 0x3b, 0x4c, 0x5d, 0x7e, 0x6f, 0x80, 0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0xf7}
}

// frames is every vector by name.
func frames() map[string]proto.Message {
	out := map[string]proto.Message{}
	for name, e := range requests() {
		out["client "+name] = &throngv1.ClientFrame{Envelopes: []*throngv1.ClientEnvelope{e}}
	}
	for name, e := range events() {
		out["server "+name] = &throngv1.ServerFrame{Envelopes: []*throngv1.ServerEnvelope{e}}
	}
	for name, r := range answers() {
		r.Id = 7
		out["server response "+name] = &throngv1.ServerFrame{Envelopes: []*throngv1.ServerEnvelope{
			{Content: &throngv1.ServerEnvelope_Response{Response: r}},
		}}
	}
	for name, e := range entries() {
		e.Conversation, e.Seq, e.Ordinal, e.Sender, e.TimeMs = maxID, 300, 299, 2, timeMS
		out["server entry "+name] = &throngv1.ServerFrame{Envelopes: []*throngv1.ServerEnvelope{
			{Content: &throngv1.ServerEnvelope_Entry{Entry: e}},
		}}
	}
	out["server several"] = &throngv1.ServerFrame{Envelopes: []*throngv1.ServerEnvelope{
		{Content: &throngv1.ServerEnvelope_Response{Response: answers()["send"]}},
		{Content: &throngv1.ServerEnvelope_Entry{Entry: entries()["text"]}},
		{Content: &throngv1.ServerEnvelope_SyncHint{SyncHint: &throngv1.SyncHint{}}},
	}}
	return out
}

func receipts() []*throngv1.Receipt {
	return []*throngv1.Receipt{{User: 2, ReadSeq: 11, GotSeq: 12}, {User: maxID, GotSeq: 1}}
}

func people() []*throngv1.Presence {
	return []*throngv1.Presence{
		{User: 2, State: throngv1.PresenceState_PRESENCE_STATE_ONLINE}, {User: maxID, State: throngv1.PresenceState_PRESENCE_STATE_OFFLINE},
	}
}

func requests() map[string]*throngv1.ClientEnvelope {
	send := func(change func(*throngv1.SendRequest)) *throngv1.ClientEnvelope {
		r := &throngv1.SendRequest{Conversation: 4, ClientId: uuid()}
		change(r)
		return &throngv1.ClientEnvelope{Id: 7, Request: &throngv1.ClientEnvelope_Send{Send: r}}
	}
	return map[string]*throngv1.ClientEnvelope{
		"authenticate": {Id: 1, Request: &throngv1.ClientEnvelope_Authenticate{Authenticate: &throngv1.AuthenticateRequest{
			Token: "token", Client: "vectors/1", Device: "phone-1",
		}}},
		"send text": send(func(r *throngv1.SendRequest) {
			r.Body, r.After = &throngv1.SendRequest_Text{Text: "grüß dich, 世界 👋"}, uuid()
		}),
		"send traced text": send(func(r *throngv1.SendRequest) {
			r.Body, r.Traceparent = &throngv1.SendRequest_Text{Text: "where did it go?"}, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		}),
		"send empty text": send(func(r *throngv1.SendRequest) { r.Body = &throngv1.SendRequest_Text{} }),
		"send media":      send(func(r *throngv1.SendRequest) { r.Body = &throngv1.SendRequest_Media{Media: media()} }),
		"send custom":     send(func(r *throngv1.SendRequest) { r.Body = &throngv1.SendRequest_Custom{Custom: custom()} }),
		"send edit": send(func(r *throngv1.SendRequest) {
			r.Body = &throngv1.SendRequest_Edit{Edit: &throngv1.Edit{Target: 7, Body: &throngv1.Edit_Text{Text: "grüß dich"}}}
		}),
		"send caption away": send(func(r *throngv1.SendRequest) {
			r.Body = &throngv1.SendRequest_Edit{Edit: &throngv1.Edit{Target: 7, Body: &throngv1.Edit_Text{}}}
		}),
		"send reply": send(func(r *throngv1.SendRequest) { r.Body, r.ReplyTo = &throngv1.SendRequest_Text{Text: "yes"}, 7 }),
		"send mention": send(func(r *throngv1.SendRequest) {
			r.Body, r.Mentions, r.MentionAll = &throngv1.SendRequest_Text{Text: "@bob"}, []uint64{2, maxID}, true
		}),
		"send recall": send(func(r *throngv1.SendRequest) {
			r.Body = &throngv1.SendRequest_Recall{Recall: &throngv1.Recall{Target: 7, Note: "spam"}}
		}),
		"send pin": send(func(r *throngv1.SendRequest) {
			r.Body = &throngv1.SendRequest_Pin{Pin: &throngv1.Pin{Target: 7, On: true}}
		}),
		"send system": send(func(r *throngv1.SendRequest) { r.Body = &throngv1.SendRequest_System{System: system()} }),
		"list entries": {Id: 7, Request: &throngv1.ClientEnvelope_ListEntries{ListEntries: &throngv1.ListEntriesRequest{
			Conversation: 4, From: 10, To: 1 << 60, Limit: 200, Backward: true,
		}}},
		"focus": {Id: 7, Request: &throngv1.ClientEnvelope_Focus{Focus: &throngv1.FocusRequest{
			Conversations: []uint64{4, maxID},
		}}},
		"set presence": {Id: 7, Request: &throngv1.ClientEnvelope_SetPresence{SetPresence: &throngv1.SetPresenceRequest{
			State: throngv1.PresenceState_PRESENCE_STATE_BUSY, Suspended: true,
		}}},
		"watch": {Id: 7, Request: &throngv1.ClientEnvelope_Watch{Watch: &throngv1.WatchRequest{
			People: []*throngv1.Watched{{User: 2}, {User: maxID, Conversation: 4}}, Conversations: []uint64{4, maxID},
		}}},
		"list online": {Id: 7, Request: &throngv1.ClientEnvelope_ListOnline{ListOnline: &throngv1.ListOnlineRequest{
			Conversation: 4, Limit: 100, After: maxID,
		}}},
		"get receipts": {Id: 7, Request: &throngv1.ClientEnvelope_GetReceipts{GetReceipts: &throngv1.GetReceiptsRequest{
			Conversation: maxID, Seq: 300,
		}}},
		"list receipts": {Id: 7, Request: &throngv1.ClientEnvelope_ListReceipts{ListReceipts: &throngv1.ListReceiptsRequest{
			Conversation: maxID,
		}}},
		"typing":        {Request: &throngv1.ClientEnvelope_Typing{Typing: &throngv1.TypingRequest{Conversation: maxID}}},
		"focus nothing": {Id: 7, Request: &throngv1.ClientEnvelope_Focus{Focus: &throngv1.FocusRequest{}}},
		"mark read":     {Id: 7, Request: &throngv1.ClientEnvelope_MarkRead{MarkRead: &throngv1.MarkReadRequest{Conversation: 4, Seq: 12}}},
		"sync": {Id: 7, Request: &throngv1.ClientEnvelope_Sync{Sync: &throngv1.SyncRequest{
			Cursor: cursor(), Limit: 100, Entries: 20,
		}}},
		"sync fresh": {Id: 7, Request: &throngv1.ClientEnvelope_Sync{Sync: &throngv1.SyncRequest{}}},
		"heartbeat":  {Id: 7, Request: &throngv1.ClientEnvelope_Heartbeat{Heartbeat: &throngv1.HeartbeatRequest{Digest: 1<<64 - 1}}},
		"received": {Request: &throngv1.ClientEnvelope_Received{Received: &throngv1.ReceivedRequest{
			Positions: []*throngv1.Position{{Conversation: 4, Seq: 12}, {Conversation: 5, Seq: 1}},
		}}},
	}
}

func media() *throngv1.Media {
	return &throngv1.Media{
		Type: throngv1.Media_TYPE_VIDEO, Ref: "https://example.com/v.mp4", Mime: "video/mp4", Size: 1 << 40, Width: 1920, Height: 1080,
		DurationMs: 1500, Name: "v.mp4", Caption: "a video", Preview: []byte{0, 255, 128},
	}
}

func custom() *throngv1.Custom {
	return &throngv1.Custom{Type: "com.example.order", Data: []byte{0, 1, 2}, Fallback: "an order"}
}

func system() *throngv1.System {
	return &throngv1.System{Event: "maintenance", Args: map[string]string{"at": "noon", "by": "us"}}
}

func cursor() *throngv1.Cursor { return &throngv1.Cursor{Epoch: 1, Generation: 1<<64 - 1, Pts: 42} }

func ptr[T any](v T) *T { return &v }

func entries() map[string]*throngv1.Entry {
	return map[string]*throngv1.Entry{
		"text":       {Body: &throngv1.Entry_Text{Text: "hello"}},
		"own text":   {Body: &throngv1.Entry_Text{Text: "hello"}, ClientId: uuid()},
		"empty text": {Body: &throngv1.Entry_Text{}},
		"media":      {Body: &throngv1.Entry_Media{Media: media()}},
		"custom":     {Body: &throngv1.Entry_Custom{Custom: custom()}},
		"system":     {Body: &throngv1.Entry_System{System: system()}},
		"created": {Body: &throngv1.Entry_Created{Created: &throngv1.Created{
			Kind: throngv1.Kind_KIND_GROUP, Name: "friends", MemberCount: 12, Members: []uint64{1, 2, 3},
		}}},
		"members changed": {Body: &throngv1.Entry_MembersChanged{MembersChanged: &throngv1.MembersChanged{
			Action: throngv1.MembersChanged_ACTION_MUTED, Count: 2, Users: []uint64{1, maxID}, Role: throngv1.Role_ROLE_ADMIN, UntilMs: timeMS,
		}}},
		"conversation changed": {Body: &throngv1.Entry_ConversationChanged{ConversationChanged: &throngv1.ConversationChanged{
			Name: ptr("new"), Avatar: ptr(""), Open: ptr(false),
		}}},
		"slow mode set": {Body: &throngv1.Entry_ConversationChanged{ConversationChanged: &throngv1.ConversationChanged{SlowModeMs: ptr(uint32(5000))}}},
		"terms set": {Body: &throngv1.Entry_ConversationChanged{ConversationChanged: &throngv1.ConversationChanged{
			Joining: throngv1.Joining_JOINING_PASSWORD.Enum(), Posting: throngv1.Posting_POSTING_ALL.Enum(), QuietUntilMs: ptr(uint64(timeMS)), History: ptr(false),
			Announcement: ptr("hi"),
		}}},
		"banned": {Body: &throngv1.Entry_MembersChanged{MembersChanged: &throngv1.MembersChanged{
			Action: throngv1.MembersChanged_ACTION_REMOVED, Count: 1, Users: []uint64{3}, UntilMs: timeMS, Ban: true, Reason: "spam",
		}}},
		"named": {Body: &throngv1.Entry_MembersChanged{MembersChanged: &throngv1.MembersChanged{
			Action: throngv1.MembersChanged_ACTION_NAMED, Count: 1, Users: []uint64{3}, Name: "Bob",
		}}},
		"tier set": {Body: &throngv1.Entry_ConversationChanged{ConversationChanged: &throngv1.ConversationChanged{
			Tier: throngv1.Tier_TIER_LARGE.Enum(), SlowModeMs: ptr(uint32(0)),
		}}},
		"dissolved":   {Body: &throngv1.Entry_Dissolved{Dissolved: &throngv1.Dissolved{}}},
		"edit":        {Body: &throngv1.Entry_Edit{Edit: &throngv1.Edit{Target: 7, Body: &throngv1.Edit_Text{Text: "grüß dich"}}}},
		"recall":      {Body: &throngv1.Entry_Recall{Recall: &throngv1.Recall{Target: 7, Note: "spam", TargetOrdinal: 6}}},
		"pin":         {Body: &throngv1.Entry_Pin{Pin: &throngv1.Pin{Target: 7, On: true}}},
		"unpin":       {Body: &throngv1.Entry_Pin{Pin: &throngv1.Pin{Target: 7}}},
		"edited text": {Body: &throngv1.Entry_Text{Text: "grüß dich"}, EditedSeq: 300, EditedMs: 1_800_000_000_123, Edits: 2},
		"reply":       {Body: &throngv1.Entry_Text{Text: "yes"}, ReplyTo: 7},
		"mention":     {Body: &throngv1.Entry_Text{Text: "@bob"}, Mentions: []uint64{2, maxID}, MentionAll: true},
		"recalled": {Body: &throngv1.Entry_Tombstone{Tombstone: &throngv1.Tombstone{
			Reason: throngv1.Tombstone_REASON_RECALLED, Seq: 310, By: 3, Note: "spam",
		}}},
		"tombstone": {Body: &throngv1.Entry_Tombstone{Tombstone: &throngv1.Tombstone{Reason: throngv1.Tombstone_REASON_ERASED}}},
		"no body":   {},
	}
}

func events() map[string]*throngv1.ServerEnvelope {
	return map[string]*throngv1.ServerEnvelope{
		"entries": {Content: &throngv1.ServerEnvelope_Entries{Entries: &throngv1.Entries{
			Conversation: 4, Entries: []*throngv1.Entry{{Seq: 1, Ordinal: 1, Sender: 2, TimeMs: timeMS, Body: &throngv1.Entry_Text{Text: "a"}}, {Seq: 2}},
		}}},
		"hint":         {Content: &throngv1.ServerEnvelope_Hint{Hint: &throngv1.Hint{Conversation: 4, Seq: 12, Ordinal: 11, Tier: throngv1.Tier_TIER_LARGE}}},
		"read changed": {Content: &throngv1.ServerEnvelope_ReadChanged{ReadChanged: &throngv1.ReadChanged{Conversation: 4, ReadSeq: 12, ReadOrdinal: 11}}},
		"settings changed": {Content: &throngv1.ServerEnvelope_SettingsChanged{SettingsChanged: &throngv1.SettingsChanged{
			Conversation: 4, Settings: settings(),
		}}},
		"sync hint": {Content: &throngv1.ServerEnvelope_SyncHint{SyncHint: &throngv1.SyncHint{}}},
		"closing": {Content: &throngv1.ServerEnvelope_Closing{Closing: &throngv1.Closing{
			CloseCode: uint32(throngv1.CloseCode_CLOSE_CODE_DRAIN), Reason: "draining", RetryAfterMs: 1500,
		}}},
		"chunk": {Content: &throngv1.ServerEnvelope_Entries{Entries: &throngv1.Entries{
			Conversation: maxID, Profiles: profiles(), Entries: []*throngv1.Entry{
				{Seq: 300, Ordinal: 299, Sender: 2, TimeMs: timeMS, Body: &throngv1.Entry_Text{Text: "hello"}},
				{Seq: 301, Ordinal: 300, Sender: maxID, TimeMs: timeMS, Body: &throngv1.Entry_Text{Text: "grüß dich, 世界 👋"}},
				{Seq: 302, Ordinal: 301, Sender: 2, TimeMs: timeMS + 1, Body: &throngv1.Entry_Text{Text: "hello"}},
			},
		}}},
		"batching": {Content: &throngv1.ServerEnvelope_Batching{Batching: &throngv1.Batching{
			Conversation: 4, IntervalMs: 1000, SendWaitMs: 5000,
		}}},
		"batching over": {Content: &throngv1.ServerEnvelope_Batching{Batching: &throngv1.Batching{Conversation: 4}}},
		"degraded": {Content: &throngv1.ServerEnvelope_Degraded{Degraded: &throngv1.Degraded{
			Level: 5, TypingOff: true, PresenceCounts: true, ReceiptsOff: true, ContentAsHints: true, AdmissionClosed: true,
		}}},
		"relations changed": {Content: &throngv1.ServerEnvelope_RelationsChanged{RelationsChanged: &throngv1.RelationsChanged{Version: 300}}},
		"receipts moved":    {Content: &throngv1.ServerEnvelope_ReceiptsMoved{ReceiptsMoved: &throngv1.ReceiptsMoved{Conversation: maxID, Receipts: receipts()}}},
		"presence changed":  {Content: &throngv1.ServerEnvelope_PresenceChanged{PresenceChanged: &throngv1.PresenceChanged{People: people()}}},
		"typing":            {Content: &throngv1.ServerEnvelope_Typing{Typing: &throngv1.Typing{Conversation: maxID, User: 2}}},
		"degraded over":     {Content: &throngv1.ServerEnvelope_Degraded{Degraded: &throngv1.Degraded{}}},
	}
}

func profiles() []*throngv1.Profile {
	return []*throngv1.Profile{{User: 2, Name: "Ada", Avatar: "a/2", Version: 3}, {User: maxID, Name: "Åsa"}}
}

func settings() *throngv1.ConversationSettings {
	return &throngv1.ConversationSettings{Pinned: true, Muted: true, Archived: true, Draft: "to be", MarkedUnread: true, Hidden: []*throngv1.HiddenSpan{{From: 300, To: maxID, BeforeOrdinal: 298, LastOrdinal: 400}}}
}

func answers() map[string]*throngv1.Response {
	return map[string]*throngv1.Response{
		"send": {Result: &throngv1.Response_Send{Send: &throngv1.SendResponse{Seq: 12, Ordinal: 11, TimeMs: timeMS, Repeat: true}}},
		"error": {Result: &throngv1.Response_Error{Error: &throngv1.Error{
			Code: throngv1.Code_CODE_RATE_LIMITED, Reason: "rate_limited", Message: "wait", RetryAfterMs: 250,
		}}},
		"authenticate": {Result: &throngv1.Response_Authenticate{Authenticate: &throngv1.AuthenticateResponse{
			User: 2, Device: 3, HeartbeatMs: 30_000, ExpiresMs: timeMS, TimeMs: timeMS, Epoch: 1,
			Limits: &throngv1.Limits{TextChars: 100_000, TextBytes: 400_000, FrameBytes: 524_288, RangeEntries: 200, RequestsInFlight: 64, FocusConversations: 8},
		}}},
		"list entries": {Result: &throngv1.Response_ListEntries{ListEntries: &throngv1.ListEntriesResponse{
			Conversation: 4, Entries: []*throngv1.Entry{{Seq: 3, Ordinal: 2, Body: &throngv1.Entry_Text{Text: "c"}}},
			Withheld: []*throngv1.Span{{From: 1, To: 2}}, Covered: &throngv1.Span{From: 1, To: 3}, HeadSeq: 3, HeadOrdinal: 2,
			Profiles: profiles(),
		}}},
		"set presence": {Result: &throngv1.Response_SetPresence{SetPresence: &throngv1.SetPresenceResponse{}}},
		"watch": {Result: &throngv1.Response_Watch{Watch: &throngv1.WatchResponse{
			People: people(), Counts: []*throngv1.OnlineCount{{Conversation: 4, Online: 300}},
		}}},
		"get receipts": {Result: &throngv1.Response_GetReceipts{GetReceipts: &throngv1.GetReceiptsResponse{
			Read: []uint64{2}, Got: []uint64{2, maxID}, ReadCount: 1, GotCount: 300, Of: 5_000, Sampled: true, ReadHidden: true,
		}}},
		"list receipts": {Result: &throngv1.Response_ListReceipts{ListReceipts: &throngv1.ListReceiptsResponse{Receipts: receipts(), ReadHidden: true}}},
		"list online":   {Result: &throngv1.Response_ListOnline{ListOnline: &throngv1.ListOnlineResponse{People: people(), Next: maxID, Online: 300}}},
		"focus": {Result: &throngv1.Response_Focus{Focus: &throngv1.FocusResponse{Heads: []*throngv1.Head{
			{Conversation: 4, Seq: 12, Ordinal: 11, Tier: throngv1.Tier_TIER_LARGE}, {Conversation: maxID, Seq: 1, Tier: throngv1.Tier_TIER_SMALL},
		}}}},
		"slow mode": {Result: &throngv1.Response_Error{Error: &throngv1.Error{
			Code: throngv1.Code_CODE_RATE_LIMITED, Reason: "slow_mode", Message: "wait", RetryAfterMs: 4750,
		}}},
		"mark read": {Result: &throngv1.Response_MarkRead{MarkRead: &throngv1.MarkReadResponse{ReadSeq: 12, ReadOrdinal: 11, Unread: 1}}},
		"sync": {Result: &throngv1.Response_Sync{Sync: &throngv1.SyncResponse{
			Reset_: true, Conversations: []*throngv1.Conversation{conversation(), direct()}, Cursor: cursor(), More: true, TotalUnread: 4,
			Profiles: profiles(),
		}}},
		"heartbeat": {Result: &throngv1.Response_Heartbeat{Heartbeat: &throngv1.HeartbeatResponse{
			Cursor: cursor(), Heads: []*throngv1.Head{{Conversation: 4, Seq: 12, Ordinal: 11, Tier: throngv1.Tier_TIER_LARGE, Recalled: []uint64{9, 4}}},
			Digest: 9, TimeMs: timeMS, TotalUnread: 4,
		}}},
	}
}

func conversation() *throngv1.Conversation {
	return &throngv1.Conversation{
		Id: 4, Kind: throngv1.Kind_KIND_GROUP, Name: "friends", Avatar: "a/4", Description: "old ones", MemberCount: 12,
		Role: throngv1.Role_ROLE_OWNER,
		Head: &throngv1.Head{
			Conversation: 4, Seq: 12, Ordinal: 11, Tier: throngv1.Tier_TIER_SMALL,
			Last: &throngv1.Entry{Seq: 12, Ordinal: 11, Sender: 2, TimeMs: timeMS, Body: &throngv1.Entry_Text{Text: "l"}},
		},
		ReadSeq: 8, ReadOrdinal: 7, Unread: 4, FirstSeq: 3, Entries: []*throngv1.Entry{{Seq: 12}}, Withheld: []*throngv1.Span{{From: 10, To: 11}},
		Settings: settings(), Dissolved: true, MutedUntilMs: timeMS, SlowModeMs: 5000,
		Joining: throngv1.Joining_JOINING_PASSWORD, Posting: throngv1.Posting_POSTING_ADMINS, QuietUntilMs: timeMS, History: true,
		Announcement: "hi", SinceSeq: 5, Pins: []uint64{11, 300, 4},
	}
}

func direct() *throngv1.Conversation {
	return &throngv1.Conversation{Id: 5, Kind: throngv1.Kind_KIND_DIRECT, Peer: 9}
}
