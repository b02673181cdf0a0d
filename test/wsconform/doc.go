// Package wsconform asks a WebSocket server whether it keeps to RFC 6455, RFC 7692 and RFC 3629. It is written from these texts
// only, with frames put together byte by byte: no WebSocket library and nothing of internal/websocket takes part, so a mistake
// there is not repeated here.
//
//	Cases(target) ──► Case ──Play──► a raw connection: handshake, bytes, what comes back ──► Result
//
// A [Case] carries the section of the RFC that it is about and, for reading reports side by side, the number of the group of the
// Autobahn testsuite that asks the same. Each is played twice: in writes as large as they come, and chopped into writes of one
// byte. A [Result] is Strict, or Lenient where the RFC allows what the server did and does not recommend it, or Failed.
//
// The tests play all cases against the gateway's connection code with an echo behind it, over sockets and over TLS, and what makes
// sense without an echo against the real server. Other servers that echo on any path are asked with
//
//	go run ./test/wsconform/ask 127.0.0.1:9001
//
// and test/wsecho is ours for the suites of others.
package wsconform
