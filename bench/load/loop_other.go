//go:build !linux

package load

import "errors"

// newLoop says that this system has no epoll.
func newLoop(*Fleet, int, place) (part, error) { return nil, errors.ErrUnsupported }
