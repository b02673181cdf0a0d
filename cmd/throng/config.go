package main

import (
	"fmt"

	"github.com/throng-im/throng/internal/config"
)

type configCmd struct {
	Check configCheckCmd `cmd:"" help:"Validate the configuration without starting anything."`
	Print configPrintCmd `cmd:"" help:"Print every effective value and where it is from; secrets are hidden."`
	Doc   configDocCmd   `cmd:"" help:"Print the reference page (Markdown)."`
}

type configCheckCmd struct {
	sources
}

// Run validates the configuration.
func (c configCheckCmd) Run(e *environment) error {
	if _, err := c.load(e, nil); err != nil {
		return err
	}
	fmt.Fprintln(e.out, "the configuration is valid")
	return nil
}

type configPrintCmd struct {
	sources
}

// Run prints the effective configuration.
func (c configPrintCmd) Run(e *environment) error {
	l, err := c.load(e, nil)
	if err != nil {
		return err
	}
	return l.Print(e.out)
}

type configDocCmd struct{}

// Run prints the reference page.
func (configDocCmd) Run(e *environment) error {
	return config.Markdown(e.out, config.FieldDocs())
}
