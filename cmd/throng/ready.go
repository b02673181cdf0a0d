package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

type readyCmd struct {
	URL string
}

func readyCommand(e *environment) *cobra.Command {
	c := readyCmd{URL: "http://127.0.0.1:8080"}
	return leaf("ready", "Ask a server whether it is ready; for health checks.", "", func() error { return c.Run(e) },
		argument{name: "URL", help: "Server. Default: " + c.URL + ".", optional: true, value: textValue{&c.URL, ""}})
}

// Run asks a server whether it is ready: for containers without a shell.
func (c readyCmd) Run(e *environment) error {
	const patience = 2 * time.Second
	ctx, cancel := context.WithTimeout(e.ctx, patience)
	defer cancel()
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is no address; write it like http://127.0.0.1:8080", c.URL)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.URL, "/")+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("the address: %w", err)
	}
	resp, err := (&http.Client{}).Do(req)
	if cause := new(url.Error); errors.As(err, &cause) {
		return fmt.Errorf("no server answers at %s: %w", c.URL, cause.Err)
	} else if err != nil {
		return fmt.Errorf("asking %s: %w", c.URL, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		const sentence = 500 // bytes of it that are shown
		why, _ := io.ReadAll(io.LimitReader(resp.Body, sentence))
		return fmt.Errorf("%s answers %s: %s", c.URL, resp.Status, strings.TrimSpace(string(why)))
	}
	fmt.Fprintln(e.out, "ready")
	return nil
}
