// Package way answers where an entry went: what the log still knows of it, whether its event waits to be published, who has read it, and
// which steps each node of the deployment remembers ([trace.Tracer]). It is behind `throng trace`.
//
//	Finder.Find ─→ log, directory, outbox: what stands, however old the entry is
//	            ─→ Nodes.Ask ─ over the bus → every other node's memory, which holds the latest entries
//
// What nobody knows any more is said to be unknown. An engine or a node that does not answer costs its part of the answer and no more.
// No content of a message is ever in a report.
package way
