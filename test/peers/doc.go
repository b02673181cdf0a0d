// Package peers has WebSocket clients that others wrote talk to the real server: Node's ws, Debian's python3-websockets, and Chromium. The
// scenarios are what a person would write who has read docs/spec and knows nothing of our code: connect, sign in, send, receive,
// fragments, compression, pings, close codes, large messages, foreign origins. The SDK's link talks to ws as a server in turn.
//
// The tests need these programs, so they are behind the build tag peers, which `make test` sets; a program that is not there fails the
// test with a line that says how to get it. node/scenarios.js is what Node and Chromium share, python/peer.py says the same in Python.
package peers
