package cluster

import "github.com/throng-im/throng/internal/chat"

// Devices know which session of a device is the newest, over all nodes: a device has one. It is the part of the gateway of one node; no
// method blocks, and all may be called from any goroutine. Sessions have numbers that rise on their node.
//
// The adapter tells behind these calls what has been replaced, as [Replaced], perhaps more than once. By when a session opened it goes by a
// clock of its own.
//
//   - DEV-1 Of a device's sessions on several nodes the one that opened last stays: nobody is told that it was replaced. That the others
//     were, is told on their node, or on the one of the newer session.
//   - DEV-2 Who misses that is told again: the node of a session that was replaced is told as long as it is open there.
//   - DEV-3 Of a node's own sessions of a device the one with the highest number counts, in whatever order the node says that they are
//     open or closed. Nobody is told of those before it.
//   - DEV-4 A session that is closed replaces nothing from then on, and says nothing against the next one.
//   - DEV-5 Other devices, and the devices of other users, have nothing to do with it.
//
// Where there is one node there is nobody to ask: a gateway sees to its own sessions, and has no Devices.
type Devices interface {
	// Opened says that the newest session of a device on this node is this one.
	Opened(user chat.UserID, device chat.DeviceID, session uint64)
	// Closed says that a session is open no more.
	Closed(user chat.UserID, device chat.DeviceID, session uint64)
}

// Replaced says that a session of a device, and those before it on its node, have been replaced by a newer one.
type Replaced struct {
	Node    Node
	User    chat.UserID
	Device  chat.DeviceID
	Session uint64
}
