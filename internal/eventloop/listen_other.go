//go:build !linux

package eventloop

import (
	"context"
	"errors"
	"net"
)

// Listener is one loop's share of a port's callers, where the system has that.
type Listener struct{}

// Listen says that this system is served by goroutines.
func Listen(context.Context, string, int, Options) ([]*Listener, error) {
	return nil, errors.ErrUnsupported
}

// Addr is where it listens.
func (*Listener) Addr() net.Addr { return nil }

// Close does not listen any more.
func (*Listener) Close() error { return nil }

// Hangup closes a socket.
func Hangup(int) error { return errors.ErrUnsupported }

// Conn gives a socket to package net.
func Conn(int) (*net.TCPConn, error) { return nil, errors.ErrUnsupported }
