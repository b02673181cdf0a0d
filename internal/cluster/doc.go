// Package cluster declares how the nodes of a deployment find and reach one another: [Routes] know on which nodes users and
// large conversations have connections, a [Bus] carries a [Delivery] to a node,
// and a [Registry] says which nodes there are. A [Scheduler] tells clients from it which gateways to try.
//
// In the life of a message it is the last hop before the gateway: fanout asks the routes for nodes, puts one delivery per
// node on the bus, and the node's gateway finds the connections. One process is a cluster of one node: the same calls
// are then made in memory (store/local).
//
// It imports chat.
package cluster
