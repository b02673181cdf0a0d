// Package api is the HTTP side of the server: the Connect services of proto/throng/v1, the OpenAPI document, health, and
// the route on which the gateway's sessions begin.
//
// In the life of a message it is the second door beside the gateway: a request passes the layers below, becomes a call of a
// domain service, and its answer or error goes back in the words of docs/spec/errors.md.
//
//	request ─ id, headers, recover ─ origin ─ route ─ token ─ limit ─ Connect (decode, call, encode) ─ answer
//	             server.go           origin.go  access.go  auth.go      service files, errors.go, writer.go
//
// [Backend] is what sessions and HTTP requests have in common: reading, marking, syncing and heartbeats in the words of the
// schema. The wiring gives it to the gateway.
//
// It imports wire and the domain packages whose values it passes; the few methods that it calls are declared in ports.go.
package api
