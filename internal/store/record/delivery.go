package record

import (
	"encoding/binary"
	"slices"

	"github.com/throng-im/throng/internal/chat"
	"github.com/throng-im/throng/internal/cluster"
)

// deliveryVersion begins a delivery between nodes. Another one says that nothing of what follows is as it is here.
const deliveryVersion = 1

// What a delivery has beyond its kind and conversation stands in fields, each a number that says what it is, a length and that many
// bytes. A node passes over fields and kinds that it does not know, and over what a newer node put at the end of a field: while a
// deployment is upgraded, nodes of two versions deliver to each other. Numbers are never used again.
const (
	deliveryUsers = iota + 1
	deliveryDevice
	deliveryEntry
	deliveryHead
	deliveryMemberWas
	deliveryFrom
	deliveryRead
	deliverySettings
	deliveryDevices
	deliveryReason
	deliveryLanes
	deliverySession
	deliveryNode
	deliveryToken
	deliveryTold
	deliveryUser
	deliveryListed
)

// AppendDelivery writes a delivery for another node.
func AppendDelivery(b []byte, d *cluster.Delivery) []byte {
	b = appendNumbers(append(b, deliveryVersion), uint64(d.Kind), uint64(d.Conversation))
	w := fieldWriter{b: b}
	if d.Users != nil {
		w.field(deliveryUsers, func(b []byte) []byte { return appendUsers(b, d.Users) })
	}
	w.number(deliveryDevice, uint64(d.Device))
	if d.Entry != nil {
		w.field(deliveryEntry, func(b []byte) []byte {
			return AppendEntry(appendNumbers(b, uint64(d.Entry.Conversation), uint64(d.Entry.Seq)), d.Entry)
		})
	}
	if d.Head != (chat.Head{}) {
		w.field(deliveryHead, func(b []byte) []byte { return AppendHead(binary.AppendUvarint(b, uint64(d.Head.Conversation)), d.Head) })
	}
	w.number(deliveryMemberWas, uint64(d.MemberWas))
	w.number(deliveryFrom, uint64(d.From))
	if d.Read != (chat.Read{}) {
		w.field(deliveryRead, func(b []byte) []byte { return appendNumbers(b, uint64(d.Read.Seq), uint64(d.Read.Ordinal)) })
	}
	if d.Settings != (chat.Settings{}) {
		w.field(deliverySettings, func(b []byte) []byte {
			s := d.Settings
			b = append(b, flag(s.Pinned), flag(s.Muted), flag(s.Archived), flag(s.MarkedUnread))
			b = appendString(b, s.Draft)
			if s.Hidden != "" {
				b = appendString(b, string(s.Hidden))
			}
			return b
		})
	}
	if d.Devices != nil {
		w.field(deliveryDevices, func(b []byte) []byte {
			b = binary.AppendUvarint(b, uint64(len(d.Devices)))
			for _, id := range d.Devices {
				b = binary.AppendUvarint(b, uint64(id))
			}
			return b
		})
	}
	if d.Reason != "" {
		w.field(deliveryReason, func(b []byte) []byte { return append(b, d.Reason...) })
	}
	w.number(deliveryLanes, d.Lanes)
	w.number(deliverySession, d.Session)
	if d.Node != "" {
		w.field(deliveryNode, func(b []byte) []byte { return append(b, d.Node...) })
	}
	w.number(deliveryToken, d.Token)
	if d.Told != nil {
		w.field(deliveryTold, func(b []byte) []byte { return append(b, d.Told...) })
	}
	w.number(deliveryUser, uint64(d.User))
	w.number(deliveryListed, d.Version)
	return w.b
}

// fieldWriter appends fields.
type fieldWriter struct {
	b       []byte
	scratch []byte
}

func (w *fieldWriter) field(what uint64, write func(b []byte) []byte) {
	w.scratch = write(w.scratch[:0])
	w.b = appendNumbers(w.b, what, uint64(len(w.scratch)))
	w.b = append(w.b, w.scratch...)
}

// number appends a field unless it is 0, as which a missing one is read.
func (w *fieldWriter) number(what, n uint64) {
	if n != 0 {
		w.field(what, func(b []byte) []byte { return binary.AppendUvarint(b, n) })
	}
}

// DecodeDelivery reads a delivery of another node. It is nil, without an error, where the delivery is of a kind, or of a version, that
// this node does not know: it is to be passed over.
func DecodeDelivery(value []byte) (*cluster.Delivery, error) {
	r := NewReader(value)
	version, kind := r.byte(), r.Number()
	d := &cluster.Delivery{Kind: cluster.DeliveryKind(kind), Conversation: chat.ConversationID(r.Number())}
	switch {
	case version > deliveryVersion:
		return nil, nil //nolint:nilnil // see above
	case version == 0 || kind == 0 || r.broken:
		return nil, ErrDamaged("delivery")
	case kind > uint64(cluster.DeliverHidden):
		return nil, nil //nolint:nilnil // see above
	}
	for r.More() {
		what := r.Number()
		field := NewReader(r.raw(r.Number()))
		if !r.broken {
			field.delivery(what, d)
		}
		if r.broken || field.broken {
			return nil, ErrDamaged("delivery")
		}
	}
	if d.Kind == cluster.DeliverEntry && d.Entry == nil {
		return nil, ErrDamaged("delivery")
	}
	return d, nil
}

// delivery reads a field of a delivery.
func (r *Reader) delivery(what uint64, d *cluster.Delivery) {
	switch what {
	case deliveryUsers:
		if d.Users = r.users(); d.Users == nil {
			d.Users = []chat.UserID{} // nil would be everybody
		}
	case deliveryDevice:
		d.Device = chat.DeviceID(r.Number())
	case deliveryEntry:
		e := r.Entry(chat.ConversationID(r.Number()), chat.Seq(r.Number()))
		d.Entry = &e
	case deliveryHead:
		d.Head = r.Head(chat.ConversationID(r.Number()))
	case deliveryMemberWas:
		d.MemberWas = chat.Seq(r.Number())
	case deliveryFrom:
		d.From = chat.Seq(r.Number())
	case deliveryRead:
		d.Read = chat.Read{Seq: chat.Seq(r.Number()), Ordinal: chat.Ordinal(r.Number())}
	case deliverySettings:
		d.Settings = chat.Settings{Pinned: r.byte() != 0, Muted: r.byte() != 0, Archived: r.byte() != 0, MarkedUnread: r.byte() != 0}
		if d.Settings.Draft = r.string(); r.More() {
			d.Settings.Hidden = chat.Hidden(r.string())
		}
	case deliveryDevices:
		d.Devices = make([]chat.DeviceID, r.count())
		for i := range d.Devices {
			d.Devices[i] = chat.DeviceID(r.Number())
		}
	case deliveryReason:
		d.Reason = chat.Reason(r.raw(uint64(len(r.b))))
	case deliveryLanes:
		d.Lanes = r.Number()
	case deliverySession:
		d.Session = r.Number()
	case deliveryNode:
		d.Node = cluster.Node(r.raw(uint64(len(r.b))))
	case deliveryToken:
		d.Token = r.Number()
	case deliveryTold:
		d.Told = slices.Clone(r.raw(uint64(len(r.b))))
	case deliveryUser:
		d.User = chat.UserID(r.Number())
	case deliveryListed:
		d.Version = r.Number()
	default:
		// of a newer node
	}
}
