package disk_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// image is the files of a folder, by path.
type image map[string][]byte

func readImage(fs vfs.FS, dir string) (image, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	out := make(image)
	for _, name := range names {
		f, err := fs.Open(path.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", name, err)
		}
		b, err := io.ReadAll(f)
		if closing := f.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		out[path.Join(dir, name)] = b
	}
	return out, nil
}

// disk writes the files to a new disk.
func (m image) disk() (*vfs.MemFS, error) {
	fs := vfs.NewMem()
	if err := fs.MkdirAll("data", 0o755); err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	for name, b := range m {
		f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			return nil, fmt.Errorf("making %s: %w", name, err)
		}
		_, err = f.Write(b)
		if closing := f.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", name, err)
		}
	}
	return fs, nil
}

// class is what a file is for.
func class(name string) string {
	base := path.Base(name)
	switch {
	case strings.HasSuffix(base, ".log"):
		return "log"
	case strings.HasSuffix(base, ".sst"):
		return "table"
	case strings.HasPrefix(base, "MANIFEST"):
		return "manifest"
	case strings.HasPrefix(base, "OPTIONS"):
		return "options"
	default:
		return "marker"
	}
}

// lastLog is the log that was being written.
func (m image) lastLog() string {
	last := ""
	for name := range m {
		if class(name) == "log" && name > last {
			last = name
		}
	}
	return last
}

// mutation damages one file.
type mutation struct {
	file string
	what string
	at   int
	bit  byte
}

func (m mutation) String() string { return fmt.Sprintf("%s: %s at %d", m.file, m.what, m.at) }

// draw chooses where to damage what: half of the time near the ends of a file or of one of its records.
func (m image) draw(rng *rand.Rand) mutation {
	names := slices.Sorted(maps.Keys(m))
	var out mutation
	for {
		out.file = names[rng.IntN(len(names))]
		// A damaged block of a table costs the engine a long search for the bit that turned over: fewer of those.
		share := map[string]int{"log": 12, "table": 2, "manifest": 12, "options": 3, "marker": 3}[class(out.file)]
		if len(m[out.file]) > 0 && rng.IntN(12) < share {
			break
		}
	}
	b := m[out.file]
	marks := []int{0, len(b)}
	if c := class(out.file); c == "log" || c == "manifest" {
		marks = append(marks, boundaries(b)...)
	}
	out.at = rng.IntN(len(b))
	if rng.IntN(2) == 0 {
		out.at = min(max(marks[rng.IntN(len(marks))]+rng.IntN(24)-8, 0), len(b)-1)
	}
	switch k := rng.IntN(10); {
	case k < 6:
		out.what, out.bit = "a bit turned over", 1<<rng.IntN(8)
	case k < 7:
		out.what = "a sector of zeros"
	default:
		out.what = "cut off"
		out.at = min(max(marks[rng.IntN(len(marks))]+rng.IntN(3)-1, 0), len(b)-1) // at a record's end, or one byte beside it
	}
	return out
}

// apply returns the damaged image.
func (m image) apply(d mutation) image {
	out := maps.Clone(m)
	b := slices.Clone(m[d.file])
	switch d.what {
	case "cut off":
		b = b[:d.at]
	case "a sector of zeros":
		clear(b[d.at:min(len(b), d.at+512)])
	default:
		b[d.at] ^= d.bit
	}
	out[d.file] = b
	return out
}

// The layout of logs and manifests: blocks of 32 KiB, in each of which chunks follow each other: checksum (4), length (2),
// type (1), and where the type says so the log's number (4) and the synced offset (8).
const (
	logBlock    = 32 << 10
	logHeader   = 7
	recycled    = 5 // first of the types with a number
	withOffset  = 9 // first of the types with an offset as well
	numberBytes = 4
	offsetBytes = 8
)

// boundaries are where chunks end.
func boundaries(b []byte) []int {
	var out []int
	for at := 0; at+logHeader <= len(b); {
		if left := logBlock - at%logBlock; left < logHeader {
			at += left
			continue
		}
		kind := b[at+6]
		if kind == 0 {
			break
		}
		size := logHeader + int(binary.LittleEndian.Uint16(b[at+4:]))
		if kind >= recycled {
			size += numberBytes
		}
		if kind >= withOffset {
			size += offsetBytes
		}
		at += size
		out = append(out, at)
	}
	return out
}
