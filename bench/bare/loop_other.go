//go:build !linux

package bare

import (
	"context"
	"errors"
	"io"
)

// Serve says that this system has no epoll.
func Serve(context.Context, io.Reader, io.Writer) error { return errors.ErrUnsupported }
