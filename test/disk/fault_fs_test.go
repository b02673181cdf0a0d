package disk_test

import (
	"io"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// fault is how an operation of the disk fails.
type fault struct {
	name string
	err  error
	// once: the disk works again after it. short: half of the write reaches the disk. sync: syncs fail, and nothing else.
	once, short, sync bool
}

// faulty is a disk on which the n-th operation that changes it fails.
type faulty struct {
	vfs.FS
	fault
	n int64

	// atomic
	ops, hits, syncs atomic.Int64 // syncs: hits on the sync of a log or another file's
}

func newFaulty(fs vfs.FS, f fault, n int64) *faulty {
	d := &faulty{fault: f, n: n}
	d.FS = errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if d.short || !d.counts(op) || !d.due() {
			return nil
		}
		if strings.HasSuffix(op.Path, ".log") && isSync(op.Kind) {
			d.syncs.Add(1)
		}
		return d.err
	}))
	return d
}

func isSync(k errorfs.OpKind) bool {
	return k == errorfs.OpFileSync || k == errorfs.OpFileSyncData || k == errorfs.OpFileSyncTo
}

// counts says which operations are numbered. A folder whose sync fails makes Pebble panic on a goroutine of its own: that
// ends a process, as it should, and would end this test.
func (d *faulty) counts(op errorfs.Op) bool {
	if op.Kind.ReadOrWrite() != errorfs.OpIsWrite || op.Kind == errorfs.OpFileClose || isSync(op.Kind) && op.Path == "data" {
		return false
	}
	return !d.sync || isSync(op.Kind)
}

// due numbers an operation and reports whether it fails.
func (d *faulty) due() bool {
	at := d.ops.Add(1)
	if at != d.n && (d.once || at < d.n) {
		return false
	}
	d.hits.Add(1)
	return true
}

// Create implements vfs.FS.
func (d *faulty) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.cut(d.FS.Create(name, c))
}

// ReuseForWrite implements vfs.FS.
func (d *faulty) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return d.cut(d.FS.ReuseForWrite(from, to, c))
}

func (d *faulty) cut(f vfs.File, err error) (vfs.File, error) {
	if err != nil || !d.short {
		return f, err
	}
	return &shortFile{File: f, disk: d}, nil
}

// shortFile writes half of what does not fit, as a file system does when the last block is taken.
type shortFile struct {
	vfs.File
	disk *faulty
}

// Write implements io.Writer.
func (f *shortFile) Write(p []byte) (int, error) {
	if !f.disk.due() {
		return f.File.Write(p)
	}
	n, err := f.File.Write(p[:len(p)/2])
	if err == nil {
		err = f.disk.err
	}
	return n, err
}

// faults are those that every operation meets.
func faults() []fault {
	return []fault{
		{name: "EIO once", err: syscall.EIO, once: true},
		{name: "ENOSPC from then on", err: syscall.ENOSPC},
		{name: "short write, ENOSPC from then on", err: syscall.ENOSPC, short: true},
		{name: "short write once", err: io.ErrShortWrite, short: true, once: true},
		{name: "a sync fails once", err: syscall.EIO, once: true, sync: true},
	}
}
