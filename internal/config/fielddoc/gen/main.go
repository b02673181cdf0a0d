package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/throng-im/throng/internal/config"
	"github.com/throng-im/throng/internal/config/fielddoc"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	root, err := fielddoc.Root(".")
	if err != nil {
		return err
	}
	docs, err := fielddoc.Extract(root, config.Structs())
	if err != nil {
		return err
	}
	source, err := fielddoc.Source(docs)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := config.Markdown(&page, docs); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, "docs", "operations"), 0o750); err != nil {
		return fmt.Errorf("making the folder of the page: %w", err)
	}
	for name, content := range map[string][]byte{
		filepath.Join("internal", "config", "fields_gen.go"): source,
		filepath.Join("docs", "operations", "config.md"):     page.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(root, name), content, 0o644); err != nil { //nolint:gosec // part of the repository
			return fmt.Errorf("writing: %w", err)
		}
	}
	return nil
}
