package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

type readyCmd struct {
	URL string `arg:"" optional:"" default:"http://127.0.0.1:8080" help:"Server."`
}

// Run asks a server whether it is ready: for containers without a shell.
func (c readyCmd) Run(e *environment) error {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(e.ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.URL, "/")+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("the address: %w", err)
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return fmt.Errorf("asking: %w", err)
	}
	err = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("%s answers %s", c.URL, resp.Status), err)
	}
	fmt.Fprintln(e.out, "ready")
	return err //nolint:wrapcheck // closing a body that nobody read
}
