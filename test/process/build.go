package process

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Builder builds the binary when it is first wanted. It may be used from any goroutine; the zero value is ready.
type Builder struct {
	// Tags are build tags, such as one of a mutant.
	Tags string
	// Built is a binary that is there already; then none is built.
	Built string

	once sync.Once
	dir  string
	path string
	err  error
}

// Binary returns the path of the binary.
func (b *Builder) Binary(ctx context.Context) (string, error) {
	b.once.Do(func() { b.path, b.err = b.build(ctx) })
	return b.path, b.err
}

func (b *Builder) build(ctx context.Context) (string, error) {
	if b.Built != "" {
		return b.Built, nil
	}
	var err error
	if b.dir, err = os.MkdirTemp("", "throng-test-"); err != nil {
		return "", fmt.Errorf("making a folder for the binary: %w", err)
	}
	path := filepath.Join(b.dir, "throng")
	build := exec.CommandContext(ctx, "go", "build", "-tags", b.Tags, "-o", path, "github.com/throng-im/throng/cmd/throng")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the binary: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return path, nil
}

// Remove removes the binary.
func (b *Builder) Remove() error {
	if b.dir == "" {
		return nil
	}
	if err := os.RemoveAll(b.dir); err != nil {
		return fmt.Errorf("removing the binary: %w", err)
	}
	return nil
}
