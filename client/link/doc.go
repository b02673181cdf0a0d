// Package link is one WebSocket connection to a Throng server, without any logic: [Dial] opens it, [Link] reads and writes whole
// frames, [FrameScanner] reads what frames of throng.v1.proto hold without allocating.
//
// The SDK's Client is built on it. It is also for programs that look at millions of deliveries themselves, like the load
// engine: such a program authenticates, heartbeats and heals gaps on its own.
//
// The handshake is gobwas/ws; frames are read from one buffer and lent to the caller, so that a message costs no
// allocation and no copy. The package imports the generated schema only.
package link
