// Package websocket is RFC 6455, the server's side, without I/O: bytes that somebody read go in, events come out; answers are
// appended to slices that somebody writes. So one code serves event loops, goroutines and tests.
//
//	bytes ──ParseRequest──► *http.Request ──Rules.Check──► Agreement ──AppendAnswer──► 101
//	                                            └─ refused: a status and an error
//	bytes ──Reader.Next──► Event (message, ping, pong, close) or Breach (the code to close with)
//	payload with Headroom in front ──Seal──► frame         AppendControl, AppendClose ──► small frames
//
// [Reader] parses in place, in the buffer of whoever read, and unmasks there. Of its own it keeps an incomplete frame or the
// fragments of a message, allocated as they arrive and dropped when they are complete: between messages a connection holds one
// nil pointer. It is strict: what the RFC lets a server refuse is refused, with the code that the RFC names, at the first byte
// that shows it.
//
// permessage-deflate (RFC 7692) is agreed only without context takeover on both sides: a message is compressed once for all
// who take it, and no connection holds a window. What is inflated is bounded before it is stored.
//
// The package imports gobwas/ws for its constants, header checks and masking, and of ours only chat.
package websocket
