// Package million puts everybody of one group online over sockets at several gateways: the scenario throng bench mega with --cluster.
//
//	config  ─ what is asked for, and what a run is judged by
//	cluster ─ a node that follows the log and makes the group, and gateways, on engines that run already
//	ground  ─ who is there before the run: users, the group, devices; kept in a file, so that the next run finds them
//	side    ─ gateways, and bare loops in their place: connect, one message after the other, everybody writes, look at every receiver
//	report  ─ what came of it
//
// Sockets are bounded by what a process may open. So there are as many gateways, each a process of this binary, and as many bare loops; the
// clients are one process whose loops have descriptors of their own. Each loop's clients are at one gateway.
package million
