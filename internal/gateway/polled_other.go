//go:build !linux

package gateway

import "github.com/throng-im/throng/internal/eventloop"

// newPolled is not called: there are no listeners for loops on this system.
func newPolled(*loop, *eventloop.Listener) waiter { return newParked() }
