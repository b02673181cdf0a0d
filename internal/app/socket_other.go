//go:build !linux

package app

import (
	"fmt"
	"path/filepath"
)

// socketPath is the name of the socket, which has to fit the address of one.
func socketPath(dir string) (name string, done func(), err error) {
	name = filepath.Join(dir, socketName)
	if len(name) > 100 {
		return "", nil, fmt.Errorf("the path of the data folder is too long for its admin socket (%s); use a shorter one", name)
	}
	return name, func() {}, nil
}
