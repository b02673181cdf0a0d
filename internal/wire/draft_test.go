package wire_test

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/wire"
	throngv1 "github.com/throng-im/throng/proto/throng/v1"
)

func sortedKeys[V any](m map[int32]V) []int32 { return slices.Sorted(maps.Keys(m)) }

func TestDraft(t *testing.T) {
	t.Parallel()
	text := func(change func(*throngv1.SendRequest)) *throngv1.SendRequest {
		r := &throngv1.SendRequest{Conversation: 4, ClientId: clientID[:], Body: &throngv1.SendRequest_Text{Text: "hi"}}
		change(r)
		return r
	}
	for _, c := range []struct {
		name   string
		actor  wire.Actor
		req    *throngv1.SendRequest
		reason chat.Reason
	}{
		{"SEND-1 text", wire.Actor{User: 5}, text(func(*throngv1.SendRequest) {}), ""},
		{"SEND-7 after", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.After = clientID[:] }), ""},
		{"SEND-2 no conversation", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.Conversation = 0 }), chat.ReasonIDInvalid},
		{"SEND-2 conversation beyond 2^53", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.Conversation = 1 << 53 }), chat.ReasonIDInvalid},
		{"SEND-2 no client id", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.ClientId = nil }), chat.ReasonClientIDInvalid},
		{"SEND-2 nil client id", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.ClientId = make([]byte, 16) }), chat.ReasonClientIDInvalid},
		{"SEND-2 short client id", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.ClientId = make([]byte, 15) }), chat.ReasonClientIDInvalid},
		{"SEND-2 10 KiB client id", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.ClientId = make([]byte, 10<<10) }), chat.ReasonClientIDInvalid},
		{"SEND-7 bad after", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.After = []byte{1} }), chat.ReasonClientIDInvalid},
		{"SEND-3 no body", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.Body = nil }), chat.ReasonBodyInvalid},
		{"SEND-3 media by script", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.Body = mediaAt("javascript:alert(1)") }), chat.ReasonBodyInvalid},
		{"SEND-3 media by data", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.Body = mediaAt("DATA:text/html,x") }), chat.ReasonBodyInvalid},
		{"SEND-3 media by http", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.Body = mediaAt("http://10.0.0.1/x") }), chat.ReasonBodyInvalid},
		{"SEND-3 media by https", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.Body = mediaAt("https://example.com/x") }), ""},
		{"SEND-3 media by blob", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.Body = mediaAt("b/1f2e") }), ""},
		{"SEND-4 system by a user", wire.Actor{User: 5}, text(func(r *throngv1.SendRequest) { r.Body = &throngv1.SendRequest_System{System: &throngv1.System{}} }), chat.ReasonForbidden},
		{"SEND-4 system by a back end", wire.Actor{Server: true}, text(func(r *throngv1.SendRequest) { r.Body = &throngv1.SendRequest_System{System: &throngv1.System{}} }), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d, err := c.actor.Draft(c.req)
			if c.reason != "" {
				if chat.AsError(err) == nil || chat.AsError(err).Reason != c.reason {
					t.Fatalf("got %v, want %s", err, c.reason)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.Sender != c.actor.User || d.Conversation != 4 || d.ClientID != clientID || d.Body == nil {
				t.Errorf("got %+v", d)
			}
		})
	}
}

func mediaAt(ref string) *throngv1.SendRequest_Media {
	return &throngv1.SendRequest_Media{Media: &throngv1.Media{Type: throngv1.Media_TYPE_IMAGE, Ref: ref}}
}

// The bodies of drafts and of entries read off the wire are those that were told.
func TestBodiesRoundTrip(t *testing.T) {
	t.Parallel()
	for name, body := range bodies() {
		in := &chat.Entry{Conversation: 7, Seq: 8, Ordinal: 6, Sender: 5, TimeMS: 4, ClientID: clientID, Body: body}
		told := wire.Entry(in, wire.Whole(true))
		out, err := wire.EntryFrom(told)
		if err != nil {
			t.Fatal(err)
		}
		if again := wire.Entry(&out, wire.Whole(true)); !proto.Equal(told, again) {
			t.Errorf("%s: got %v, want %v", name, again, told)
		}
		if !chat.Countable(body) {
			continue
		}
		req := &throngv1.SendRequest{Conversation: 7, ClientId: clientID[:]}
		switch b := told.GetBody().(type) {
		case *throngv1.Entry_Text:
			req.Body = &throngv1.SendRequest_Text{Text: b.Text}
		case *throngv1.Entry_Media:
			req.Body = &throngv1.SendRequest_Media{Media: b.Media}
		case *throngv1.Entry_Custom:
			req.Body = &throngv1.SendRequest_Custom{Custom: b.Custom}
		case *throngv1.Entry_System:
			req.Body = &throngv1.SendRequest_System{System: b.System}
		}
		d, err := (wire.Actor{User: 5, Server: true}).Draft(req)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		in.Body = d.Body
		if again := wire.Entry(in, wire.Whole(true)); !proto.Equal(told, again) {
			t.Errorf("%s: drafted %v, want %v", name, again, told)
		}
	}
}

// Only the first members of a large change travel.
func TestMemberPreview(t *testing.T) {
	t.Parallel()
	users := make([]chat.UserID, 1000)
	for i := range users {
		users[i] = chat.UserID(i + 1)
	}
	got := wire.Entry(&chat.Entry{Body: chat.MembersChanged{Action: chat.MemberAdded, Users: users}}, wire.Part{}).GetMembersChanged()
	if got.GetCount() != 1000 || len(got.GetUsers()) != chat.MemberPreview {
		t.Errorf("count %d, %d named", got.GetCount(), len(got.GetUsers()))
	}
}

// Client ids go to their own sender alone, in pages and in views.
func TestClientIDsStayWithTheSender(t *testing.T) {
	t.Parallel()
	entries := []chat.Entry{{Seq: 1, Sender: 5, ClientID: clientID, Body: chat.Text{Text: "a"}}, {Seq: 2, Sender: 6, ClientID: clientID, Body: chat.Text{Text: "b"}}}
	view := wire.Conversation(5, &wire.View{Entries: entries, Last: &entries[1]})
	page := wire.ListEntries(5, 7, &wire.Page{Entries: entries})
	for _, list := range [][]*throngv1.Entry{view.GetEntries(), page.GetEntries()} {
		if len(list[0].GetClientId()) == 0 || len(list[1].GetClientId()) != 0 {
			t.Errorf("got %v", list)
		}
	}
	if len(view.GetHead().GetLast().GetClientId()) != 0 {
		t.Error("the head tells another's client id")
	}
	for _, e := range wire.Entries(entries, 0) {
		if len(e.GetClientId()) != 0 {
			t.Error("nobody's reader gets a client id")
		}
	}
}

// F5: ids have one form, and nothing else is one.
func FuzzIDs(f *testing.F) {
	for _, s := range []string{"1", "0", "01", "+1", " 1", "9007199254740991", "9007199254740992", "18446744073709551616", "-1", "1e3"} {
		f.Add(s, []byte(s))
	}
	f.Fuzz(func(t *testing.T, s string, b []byte) {
		if n, err := chat.ParseID(s); err == nil {
			if strconv.FormatUint(n, 10) != s || n == 0 || n > chat.MaxID {
				t.Fatalf("%q is taken as %d", s, n)
			}
			if _, err := wire.UserID(n); err != nil {
				t.Fatal(err)
			}
		}
		id, err := chat.ParseClientID(b)
		if (err == nil) != (len(b) == 16 && string(b) != string(make([]byte, 16))) {
			t.Fatalf("%x: %v", b, err)
		}
		if err == nil && string(id[:]) != string(b) {
			t.Fatalf("%x became %v", b, id)
		}
	})
}

func TestDraftFromJSON(t *testing.T) {
	t.Parallel()
	req := new(throngv1.SendRequest)
	if err := protojson.Unmarshal([]byte(`{"conversation":"12","clientId":"AY8CAwQFBgcICQoLDA0ODw==","text":""}`), req); err != nil {
		t.Fatal(err)
	}
	d, err := (wire.Actor{User: 1}).Draft(req)
	if err != nil || d.Body != (chat.Text{}) || d.ClientID != clientID {
		t.Errorf("an empty text is a body, which the log refuses: got %+v, %v", d, err)
	}
}
