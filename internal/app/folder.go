package app

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// formatVersion is the version of the data folder that this program writes. Older ones are upgraded when they are opened.
const formatVersion = 1

// Folder is an open data folder. It belongs to one process at a time.
type Folder struct {
	// immutable after construction
	Path  string
	Fresh bool // it was made by this opening
	lock  *os.File
}

// format is what the file FORMAT holds.
type format struct {
	Format int `json:"format"`
}

// OpenFolder locks a data folder, or makes it, and checks that this program may write to it. The caller closes it.
func OpenFolder(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w; name another one with --data", err)
	}
	lock, err := lockFolder(path)
	if err != nil {
		return nil, err
	}
	f := &Folder{Path: path, lock: lock}
	if err := f.checkFormat(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close gives the folder back.
func (f *Folder) Close() error {
	if err := f.lock.Close(); err != nil {
		return fmt.Errorf("unlocking the data folder: %w", err)
	}
	return nil
}

// InUseError says that another process has the folder.
type InUseError struct {
	Path string
	PID  int // 0 where it is unknown
}

// Error implements error.
func (e *InUseError) Error() string {
	who := "another process"
	if e.PID > 0 {
		who = "process " + strconv.Itoa(e.PID)
	}
	return fmt.Sprintf("the data folder %s is in use by %s; stop it first, or name another folder with --data", e.Path, who)
}

func lockFolder(path string) (*os.File, error) {
	name := filepath.Join(path, "lock")
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // in the folder that the operator named
	if err != nil {
		return nil, fmt.Errorf("opening the lock of the data folder: %w; is it yours to write to?", err)
	}
	if err := lockSoon(f); err != nil {
		text, _ := os.ReadFile(name) //nolint:gosec // as above; without a number the message is shorter
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		_ = f.Close()
		return nil, &InUseError{Path: path, PID: pid}
	}
	// The number only serves the message above: the lock is the operating system's, and ends with the process.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// lockSoon tries for a moment: a process that ends, or one that is just being started and holds copies of its parent's
// files, lets go at once.
func lockSoon(f *os.File) error {
	limit := time.NewTimer(lockPatience)
	defer limit.Stop()
	again := time.NewTicker(lockPatience / 20)
	defer again.Stop()
	for {
		err := tryLock(f)
		if err == nil {
			return nil
		}
		select {
		case <-limit.C:
			return err
		case <-again.C:
		}
	}
}

const lockPatience = 400 * time.Millisecond

// checkFormat refuses newer folders, upgrades older ones and marks new ones.
func (f *Folder) checkFormat() error {
	name := filepath.Join(f.Path, "FORMAT")
	text, err := os.ReadFile(name) //nolint:gosec // in the folder that the operator named
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if foreign := f.foreign(); foreign != "" {
			return fmt.Errorf("%s is not a data folder of Throng, it holds %s; name an empty or a new one with --data", f.Path, foreign)
		}
		f.Fresh = true
		return writeFormat(name, formatVersion)
	case err != nil:
		return fmt.Errorf("reading the format of the data folder: %w", err)
	}
	var v format
	if err := json.Unmarshal(text, &v); err != nil || v.Format < 1 {
		return fmt.Errorf("%s is damaged; restore the folder from a backup, or write {\"format\":%d} into the file if you know that it is of this version", name, formatVersion)
	}
	if v.Format > formatVersion {
		return fmt.Errorf("the data folder %s has format %d, this program knows formats up to %d; use the newer program that wrote it", f.Path, v.Format, formatVersion)
	}
	return f.upgrade(name, v.Format)
}

// foreign names something in the folder that is not ours; a fresh folder may hold the lock and secrets put there before.
func (f *Folder) foreign() string {
	entries, err := os.ReadDir(f.Path)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == "lock", name == "secrets", name == "lost+found", strings.HasPrefix(name, "."), strings.HasSuffix(name, ".toml"):
		default:
			return name
		}
	}
	return ""
}

// upgrade brings a folder up to the current format, one version at a time; each step is idempotent and the mark is
// written after it.
func (f *Folder) upgrade(name string, from int) error {
	steps := map[int]func() error{}
	for v := from; v < formatVersion; v++ {
		step, ok := steps[v]
		if !ok {
			return fmt.Errorf("the data folder %s has format %d, which is too old; start the version in between first", f.Path, from)
		}
		if err := step(); err != nil {
			return fmt.Errorf("upgrading the data folder from format %d: %w", v, err)
		}
		if err := writeFormat(name, v+1); err != nil {
			return err
		}
	}
	return nil
}

func writeFormat(name string, version int) error {
	text, err := json.Marshal(format{Format: version})
	if err != nil {
		return fmt.Errorf("writing the format: %w", err)
	}
	return writeFile(name, append(text, '\n'))
}

// writeFile puts a file in place atomically and durably, readable by its owner alone.
func writeFile(name string, content []byte) error {
	temp := name + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // in the folder that the operator named
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temp, name) //nolint:gosec // as above
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// Secret returns the 32 random bytes of that name, drawing them on first use.
func (f *Folder) Secret(name string) ([]byte, error) {
	dir := filepath.Join(f.Path, "secrets")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the secrets: %w", err)
	}
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path) //nolint:gosec // in the folder that the operator named
	if errors.Is(err, fs.ErrNotExist) {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		return secret, writeFile(path, []byte(base64.RawURLEncoding.EncodeToString(secret)+"\n"))
	}
	if err != nil {
		return nil, fmt.Errorf("reading the secret %s: %w", name, err)
	}
	secret, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) < 32 {
		return nil, fmt.Errorf("the secret %s is damaged; restore it from a backup, or remove the file, which ends all sign-ins", path)
	}
	return secret, nil
}
