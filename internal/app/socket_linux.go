package app

import (
	"fmt"
	"os"
	"path/filepath"
)

// socketPath is a name for the socket that fits the 107 bytes of a socket's address, however long the folder's own is: a
// longer one goes through a descriptor of the folder. done releases it.
func socketPath(dir string) (name string, done func(), err error) {
	name = filepath.Join(dir, socketName)
	if len(name) <= 100 {
		return name, func() {}, nil
	}
	d, err := os.Open(dir) //nolint:gosec // the data folder
	if err != nil {
		return "", nil, fmt.Errorf("opening the data folder: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.Fd(), socketName), func() { _ = d.Close() }, nil
}
