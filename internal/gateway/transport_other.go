//go:build !unix

package gateway

import "net"

// newTransport wraps a connection.
func newTransport(c net.Conn) Transport { return stream{c} }
