package record_test

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/throng-im/throng/internal/assert"
	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
	"github.com/throng-im/throng/internal/store/record"
)

func deliveries() []*cluster.Delivery {
	head := chat.Head{
		Conversation: 7, Kind: chat.KindGroup, Tier: chat.TierLarge, Open: true, Fixed: chat.TierLarge, SlowModeMS: 500,
		Seq: 9, Ordinal: 8, MemberSeq: 3, Members: 1_000_000, TimeMS: 1 << 41,
	}
	text := &chat.Entry{Conversation: 7, Seq: 9, Ordinal: 8, Sender: 2, TimeMS: 1 << 41, ClientID: chat.ClientID{1, 2}, Body: chat.Text{Text: "hällo"}}
	joined := &chat.Entry{Conversation: 7, Seq: 10, Sender: 2, Body: chat.MembersChanged{Action: chat.MemberJoined, Users: []chat.UserID{2}}}
	return []*cluster.Delivery{
		{Kind: cluster.DeliverEntry, Conversation: 7, Users: []chat.UserID{1, 2, chat.MaxID}, Device: 44, Entry: text, Head: head, MemberWas: 3},
		{Kind: cluster.DeliverEntry, Conversation: 7, Entry: joined, Head: head},
		{Kind: cluster.DeliverEntry, Conversation: 7, Users: []chat.UserID{}, Entry: joined, Head: head},
		{Kind: cluster.DeliverRead, Conversation: 7, Users: []chat.UserID{4}, Device: 1, Read: chat.Read{Seq: 5, Ordinal: 4}},
		{Kind: cluster.DeliverSettings, Conversation: 7, Users: []chat.UserID{4}, Settings: chat.Settings{
			Pinned: true, Muted: true, Archived: true, MarkedUnread: true, Draft: "d",
		}},
		{Kind: cluster.DeliverSync, Conversation: 7, Users: []chat.UserID{4}},
		{Kind: cluster.DeliverEnter, Conversation: chat.MaxID, Users: []chat.UserID{4}, From: 12},
		{Kind: cluster.DeliverLeave, Conversation: 7, Users: []chat.UserID{4}, From: 3, MemberWas: 2},
		{Kind: cluster.DeliverDisband, Conversation: 7, From: 3},
		{Kind: cluster.DeliverRevoke, Users: []chat.UserID{4}, Devices: []chat.DeviceID{8, 9}, Reason: chat.ReasonSignedOut},
		{Kind: cluster.DeliverForget, Conversation: 7},
		{Kind: cluster.DeliverWake, Lanes: 1<<63 | 1},
		{Kind: cluster.DeliverReplaced, Users: []chat.UserID{4}, Devices: []chat.DeviceID{8}, Session: 1<<63 | 7},
		{Kind: cluster.DeliverAsk, Conversation: 7, From: 9, Node: "A", Token: 1 << 63},
		{Kind: cluster.DeliverTell, Node: "B", Token: 1 << 63, Told: []byte("{}")},
		{Kind: cluster.DeliverTyping, Conversation: 7, User: 3, Device: 4, Users: []chat.UserID{1, 2}, MemberWas: 9},
		{Kind: cluster.DeliverRelations, Users: []chat.UserID{4}, Version: 1 << 52},
		{Kind: cluster.DeliverPresence, Told: []byte{1, 7, 2, 9}},
	}
}

func TestDeliveriesComeAsTheyWent(t *testing.T) {
	t.Parallel()
	told, kinds := map[string]bool{}, map[cluster.DeliveryKind]bool{}
	for _, d := range deliveries() {
		got, err := record.DecodeDelivery(record.AppendDelivery(nil, d))
		assert.NoError(t, "decoding", err)
		assert.Equal(t, "delivery", got, d)
		kinds[d.Kind] = true
		v := reflect.ValueOf(*d)
		for i := range v.NumField() {
			told[v.Type().Field(i).Name] = told[v.Type().Field(i).Name] || !v.Field(i).IsZero()
		}
	}
	for name, yes := range told {
		assert.True(t, "a delivery above has the field "+name, yes)
	}
	for k := cluster.DeliverEntry; k <= cluster.DeliverPresence; k++ {
		assert.True(t, "each kind is there", kinds[k])
	}
}

// What a newer node says that this one does not know is passed over.
func TestDeliveriesOfNewerNodes(t *testing.T) {
	t.Parallel()
	for _, d := range deliveries() {
		b := record.AppendDelivery(nil, d)
		got, err := record.DecodeDelivery(append(bytes.Clone(b), 99, 3, 'n', 'e', 'w'))
		assert.NoError(t, "a field that is not known", err)
		assert.Equal(t, "the others", got, d)

		kind := bytes.Clone(b)
		kind[1] = 100
		got, err = record.DecodeDelivery(kind)
		assert.True(t, "a kind that is not known", got == nil && err == nil)

		version := bytes.Clone(b)
		version[0] = 2
		got, err = record.DecodeDelivery(version)
		assert.True(t, "a version that is not known", got == nil && err == nil)

		for n := range b {
			if got, err := record.DecodeDelivery(b[:n]); err == nil && n < 3 {
				t.Errorf("%d bytes of a delivery are %+v", n, got)
			}
		}
	}
	// The end of a field: a read position with a third number.
	b := record.AppendDelivery(nil, &cluster.Delivery{Kind: cluster.DeliverRead})
	got, err := record.DecodeDelivery(append(b, 7, 3, 5, 4, 1))
	assert.NoError(t, "a longer field", err)
	assert.Equal(t, "what is known of it", got.Read, chat.Read{Seq: 5, Ordinal: 4})
}

// FuzzDelivery: no bytes make the decoder panic or allocate without bound, and what decodes goes on as it came.
func FuzzDelivery(f *testing.F) {
	for _, d := range deliveries() {
		f.Add(record.AppendDelivery(nil, d))
	}
	f.Add([]byte{})
	f.Add([]byte{2, 1, 1})
	f.Add(append([]byte{1, 1, 1}, bytes.Repeat([]byte{0xff}, 40)...))
	f.Fuzz(func(t *testing.T, value []byte) {
		d, err := record.DecodeDelivery(value)
		if err != nil || d == nil {
			return
		}
		once := record.AppendDelivery(nil, d)
		again, err := record.DecodeDelivery(once)
		if err != nil || again == nil {
			t.Fatalf("%+v does not decode once encoded: %v", d, err)
		}
		if twice := record.AppendDelivery(nil, again); !bytes.Equal(once, twice) {
			t.Fatalf("%+v became %+v", d, again)
		}
	})
}
