package cluster

import "github.com/throng-im/throng/internal/chat"

// Devices know which session of a device is the newest, over all nodes: a device has one. It is the part of the gateway of one node; no
// method blocks, and all may be called from any goroutine. Sessions have numbers that rise on their node.
//
// The adapter tells behind these calls what has been replaced, on this node or another, as [Replaced]. The newest by the time of its
// opening stays, by the adapter's own clock. Who is told may miss it: then the node of the older session is told when it next reports.
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
