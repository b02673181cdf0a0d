//go:build !unix

package gateway

import "net"

// NewTransport wraps a connection whose handshake is over.
func NewTransport(c net.Conn) Transport { return blocking{c} }
