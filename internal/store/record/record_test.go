package record_test

import (
	"bytes"
	"testing"

	"github.com/throng-im/throng/internal/account"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/store/record"
)

// FuzzRecord is F7: no bytes make a decoder panic or allocate without bound, and what decodes encodes to something that
// decodes to the same.
func FuzzRecord(f *testing.F) {
	name, open := "n", true
	for _, b := range []chat.Body{
		chat.Text{Text: "hello"},
		chat.Media{Type: chat.MediaFile, Ref: "r", Preview: []byte{1}},
		chat.Custom{Type: "t", Data: []byte{2}},
		chat.System{Event: "e", Args: map[string]string{"a": "b"}},
		chat.Created{Kind: chat.KindGroup, Members: []chat.UserID{1, 2}},
		chat.MembersChanged{Action: chat.MemberAdded, Users: []chat.UserID{1}},
		chat.Changed{Name: &name, Open: &open},
		chat.Dissolved{},
		chat.Tombstone{Reason: chat.TombstoneErased},
	} {
		f.Add(record.AppendEntry(nil, &chat.Entry{Ordinal: 7, Sender: 3, TimeMS: 1 << 40, ClientID: chat.ClientID{9}, Body: b}))
	}
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, value []byte) {
		readRows(value)
		e, err := record.DecodeEntry(record.KeyEntry(5, 6), value)
		if err != nil {
			return
		}
		once := record.AppendEntry(nil, &e)
		again, err := record.DecodeEntry(record.KeyEntry(5, 6), once)
		if err != nil {
			t.Fatalf("%+v does not decode once encoded: %v", e, err)
		}
		if twice := record.AppendEntry(nil, &again); !bytes.Equal(once, twice) {
			t.Fatalf("%+v became %+v", e, again)
		}
	})
}

// readRows decodes bytes as each kind of row in turn; it must never do worse than fail.
func readRows(value []byte) {
	for _, read := range []func(r *record.Reader){
		func(r *record.Reader) { r.Head(1) },
		func(r *record.Reader) { r.Part(1) },
		func(r *record.Reader) { r.Repeat() },
		func(r *record.Reader) { r.Conversation(1) },
		func(r *record.Reader) { r.Event() },
		func(r *record.Reader) { r.Row(1) },
		func(r *record.Reader) { r.Settings(true) },
		func(r *record.Reader) { r.End() },
		func(r *record.Reader) { r.Account(1) },
		func(r *record.Reader) { r.Device(1, 1) },
		func(r *record.Reader) { r.Invitation(account.Hash{}) },
		func(r *record.Reader) { r.Relation(1) },
		func(r *record.Reader) { r.Owner() },
		func(r *record.Reader) { r.Link(1, 1) },
	} {
		r := record.NewReader(value)
		read(&r)
	}
}

// An event is what it was after a row of it; one of an earlier version, which names no member change, has none.
func TestEvents(t *testing.T) {
	t.Parallel()
	head := chat.Head{Conversation: 5, Seq: 9, MemberSeq: 4}
	for _, ev := range []chat.Event{
		{Head: head, Was: chat.TierLarge, MemberWas: 4, Device: 3},
		{Head: head, Reader: 7, Device: 3, Read: chat.Read{Seq: 9, Ordinal: 6}},
		{Head: head, Was: chat.TierSmall, MemberWas: 1 << 40, Reader: 7, Read: chat.Read{Seq: 9, Ordinal: 6}},
	} {
		row := record.AppendEvent(nil, ev)
		r := record.NewReader(row)
		if got, _ := r.Event(); got != ev || !r.Done() {
			t.Errorf("%+v became %+v", ev, got)
		}
		if ev.MemberWas == 0 {
			continue
		}
		ev.MemberWas = 0
		if old := record.AppendEvent(nil, ev); !bytes.HasPrefix(row[1:], old[1:]) || row[0] != old[0]|1<<4 {
			t.Errorf("the row %x is no longer one of before, %x, with a flag and a number", row, old)
		}
	}
}
