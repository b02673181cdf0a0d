// Package eventloop is what the gateway needs of the kernel below package net: a poller on epoll, listeners that several loops
// share a port by, and reads, writes and accepts that never block and do not tell the scheduler.
//
//	Listen(n) ──► n Listeners on one port (SO_REUSEPORT), one per loop
//	Poller: Add(fd, key) ──► Wait ──► Events with the key     Wake ends a Wait from any goroutine
//
// Sockets are watched edge-triggered: an event says that something has changed since the last look, so that whoever gets it reads until
// nothing is left (a short read) before it waits again.
//
// A call that cannot block takes microseconds; giving the processor away for it and taking it back costs a good part of them
// (measured: 0.7 to 2 µs a write). Only the waiting itself tells the scheduler.
//
// Poller and listeners exist on Linux; elsewhere [Listen] says so, and the gateway runs on goroutines. It imports nothing of ours.
package eventloop
