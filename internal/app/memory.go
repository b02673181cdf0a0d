package app

import "github.com/throng-im/throng/internal/gateway"

// OpenMemory opens a connection without a socket, which is real in everything else: [gateway.Server.OpenMemory]. It may be called once
// the app is ready.
func (a *App) OpenMemory(h gateway.Hello, sink gateway.Sink, key uint64) (*gateway.Memory, error) {
	return a.core.gateway.OpenMemory(h, sink, key)
}
