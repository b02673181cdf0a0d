// Package session is what the server knows of one device's connection: a state machine without I/O. Requests, answers,
// deliveries and the passing of time go in; envelopes ([Outbox]), calls to be made ([Call]) and in the end a close code
// ([Ending]) come out. The gateway is its shell.
//
//	new ──authenticate──► authenticating ──token good, routes registered──► subscribing ──subscriptions known──► open ──► ended
//
// # Duties of the shell
//
//   - It calls a session from one goroutine, the loop that owns it, and hands it requests in the order in which they came.
//   - After each input it makes the calls that [Session.Calls] names and brings their answers back: CallAuthenticate to
//     Authenticated, CallSubscribe to Subscribed, CallSend to Sent, CallRequest to Answered. Before that it
//     puts in force what the session is [Session.Refocused] on.
//   - When the transport takes bytes it writes what [Outbox.Take] gives, then what [Outbox.TakeShared] gives; it tells [Outbox.Hold]
//     what the transport still holds, and Drained once that is nothing.
//   - It reads no further frame while the session is Congested.
//   - It calls Tick at the time that the last Tick named, and closes the connection once the session has Ended.
//
// # What costs what
//
// An entry is encoded at most once per subprotocol, with and without the client id ([Parcel]), whoever needs it first. A delivery to a
// receiver for whom nothing else waits is the message that is made once for all; one that gets company is copied into the
// receiver's next frame. Neither allocates. Buffers belong to the loop ([Env]): a session for which nothing waits holds none.
//
// Content of large conversations ([Shared]) is the same for all receivers: where nothing waits, the shell writes the message that it has
// made for everybody; where something does, a reference waits and no copy.
//
// The package imports account (its values only), chat, cluster, pressure, websocket and wire.
package session
