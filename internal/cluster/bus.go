package cluster

import (
	"context"

	"github.com/throng-im/throng/internal/chat"
)

// Bus carries deliveries to nodes.
//
//   - BUS-1 Deliveries of one caller to one node arrive in the order in which they were handed over, or not at all.
//   - BUS-2 Deliver may block while the node is behind (back-pressure), until ctx ends.
//   - BUS-3 A delivery to a node that nobody listens for is dropped without an error.
//   - BUS-4 After stop has returned, the receiver is not called any more.
//   - BUS-5 Post hands parcels over as Deliver does, in their order, and says in Err of each how that went. One that fails does not keep
//     those to other nodes back.
type Bus interface {
	Deliver(ctx context.Context, node Node, d *Delivery) error
	// Post delivers many at once, to any nodes: together they take about as long as one.
	Post(ctx context.Context, parcels []Parcel)
	// Listen makes r the receiver of what is delivered to the node.
	Listen(node Node, r Receiver) (stop func())
}

// Receiver takes the deliveries of a node, one at a time per sender. d is shared and immutable; it may be kept.
type Receiver interface {
	Receive(ctx context.Context, d *Delivery) error
}

// Parcel is a delivery to a node, and how it went.
type Parcel struct {
	Node     Node
	Delivery *Delivery
	Err      error
}

// PostEach is [Bus.Post] for a bus that gains nothing by taking parcels together.
func PostEach(ctx context.Context, parcels []Parcel, deliver func(ctx context.Context, node Node, d *Delivery) error) {
	for i := range parcels {
		p := &parcels[i]
		p.Err = deliver(ctx, p.Node, p.Delivery)
	}
}

// DeliveryKind says what a delivery tells.
type DeliveryKind uint8

// The kinds of delivery.
const (
	// DeliverEntry is a committed entry: Entry and Head are set. Users names its receivers; nil goes to all subscribers.
	DeliverEntry DeliveryKind = iota + 1
	// DeliverRead is a read position of the user in Users, for the user's devices other than Device.
	DeliverRead
	// DeliverSettings are settings of the user in Users, for the user's devices other than Device.
	DeliverSettings
	// DeliverSync asks the devices of Users to sync.
	DeliverSync
	// DeliverEnter subscribes the devices of Users to a conversation, from seq From on.
	DeliverEnter
	// DeliverLeave ends the subscriptions of the devices of Users to a conversation, who left it with the entry at seq From.
	DeliverLeave
	// DeliverDisband ends all subscriptions to a conversation, which has become small with the entry at seq From.
	DeliverDisband
	// DeliverRevoke ends sessions of the user in Users, and whatever a node remembers of the account: those of Devices, or all
	// where there are none. Reason says why. It goes to every node.
	DeliverRevoke
	// DeliverForget says that content of a conversation has gone without an entry: nodes let go of what they remember of it. It
	// goes to every node.
	DeliverForget
	// DeliverWake says that events wait in the lanes of Lanes. It goes to the nodes that relay them.
	DeliverWake
	// DeliverReplaced ends the sessions of the user in Users with the device in Devices up to Session, a number of the node that it goes
	// to: the device has a newer one elsewhere.
	DeliverReplaced
	// DeliverAsk asks a node what it remembers of the entry at seq From of a conversation. Node is who asks, and Token tells its questions
	// apart.
	DeliverAsk
	// DeliverTell is the answer, with the asker's Token: Node is who answers, and Told what it remembers.
	DeliverTell
	// DeliverTyping says that User is typing in a conversation. Users names its receivers; nil goes to those subscribers who have it open,
	// once they are as of the member change at MemberWas. It may be dropped anywhere.
	DeliverTyping
	// DeliverRelations says that the list of relations of the user in Users has come to Version.
	DeliverRelations
	// DeliverPresence says how users are there whom sessions of the node watch: Told has it, in presence's own words. What
	// sessions of Users watch is to be looked at again.
	DeliverPresence
	// DeliverReceipts says where members of a conversation stand now: Told has it, in receipt's own words. It is for those sessions of Users that
	// have the conversation in view, and may be dropped anywhere.
	DeliverReceipts
	// DeliverHidden says that the user in Users has deleted entries of a conversation for oneself: nodes let go of what they remember of that reader. It
	// goes to every node.
	DeliverHidden
)

// Delivery is one thing to tell to connections. It is immutable once it was handed to a bus.
type Delivery struct {
	Kind         DeliveryKind
	Conversation chat.ConversationID
	Users        []chat.UserID
	// Device is where it came from: that device knows already. 0 is none.
	Device chat.DeviceID
	Entry  *chat.Entry
	Head   chat.Head
	// MemberWas, of an entry, an enter, a leave and of typing, is the seq of the last member change before it; 0 is none, or not known.
	MemberWas chat.Seq
	From      chat.Seq
	Read      chat.Read
	Settings  chat.Settings
	Devices   []chat.DeviceID
	Reason    chat.Reason
	Lanes     uint64 // a bit for each
	Session   uint64
	Node      Node
	Token     uint64
	Told      []byte
	User      chat.UserID
	Version   uint64
}
