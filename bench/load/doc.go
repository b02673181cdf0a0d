// Package load is thousands of clients in one process: raw epoll loops that own their sockets, speak throng.v1.proto for real, and
// look at every delivery at every receiver. Linux only; elsewhere New answers an error.
//
//	fleet     ─ the clients as one: connect, send, pull, count, close        Driver ─ who decides what is sent next
//	loop      ─ one thread, one epoll, a dense slice of its connections      dial   ─ connecting, and again with back-off
//	receive   ─ frames out of bytes                                          frame  ─ frames into bytes
//	check     ─ what a receiver has of its conversation: a loss, a repetition, a wrong order, a damaged text
//
// A connection costs 48 bytes and no goroutine. Sockets are edge triggered, one read an event; after a batch a loop rests for a
// millisecond, so that what arrives meanwhile is read together and the server keeps the processor. Texts are compared with the
// first copy that a loop has seen, which is held against its checksum; two receivers that were told different things for one seq
// are found out.
//
//	down ──dial──► greeting ──101──► authenticating ──answer──► open ──cut──► down, and again after a while where that is wanted
//
// Locks: a loop's mu, then the driver's, then a mailbox's. The package imports client/link, and bench/text and report.
package load
