package pebble

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// markerFS makes a folder's entries durable before a marker that may name one of them appears in it. Pebble's manifest and
// the marker that points to it otherwise become durable with one sync of the folder, and a power cut before it may leave
// the marker alone: a folder that does not open. Pebble v2.1.7 has the hole (its issue 5825, mended in its pull request
// 5915, which is in no release yet); T1 met it. A manifest is begun at each start and every 128 MiB of itself, so the
// extra sync costs nothing that can be seen.
type markerFS struct {
	vfs.FS
}

// Create syncs the folder first where the file is a marker.
func (fs markerFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(fs.PathBase(name), "marker.") {
		if err := syncDir(fs.FS, fs.PathDir(name)); err != nil {
			return nil, fmt.Errorf("syncing the folder of %s: %w", name, err)
		}
	}
	return fs.FS.Create(name, category) //nolint:wrapcheck // Pebble tells its file systems' errors apart
}

// Unwrap is how Pebble looks for a file system below.
func (fs markerFS) Unwrap() vfs.FS { return fs.FS }

// syncDir makes the entries of a folder durable.
func syncDir(fs vfs.FS, name string) error {
	dir, err := fs.OpenDir(name)
	if err != nil {
		return err //nolint:wrapcheck // the caller says what was being done
	}
	return errors.Join(dir.Sync(), dir.Close())
}
