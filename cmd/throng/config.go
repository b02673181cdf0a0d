package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/throng-im/throng/internal/config"
)

func configCommand(e *environment) *cobra.Command {
	var check configCheckCmd
	var show configPrintCmd
	checking := leaf("check", "Validate the configuration without starting anything.", "", func() error { return check.Run(e) })
	check.register(e, checking.Flags())
	printing := leaf("print", "Print every effective value and where it is from; secrets are hidden.", "", func() error { return show.Run(e) })
	show.register(e, printing.Flags())
	doc := leaf("doc", "Print the reference page (Markdown).", "", func() error { return configDocCmd{}.Run(e) })
	return group("config", "Check or print the configuration, or print its reference page.", checking, printing, doc)
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
