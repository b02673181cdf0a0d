package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/throng-im/throng/bench/report"
)

// helpWidth is how wide the help is, in columns: every terminal has as many.
const helpWidth = 80

// section is a part of the list of commands.
type section struct {
	title    string
	commands []*cobra.Command
}

// showSections is the help of a command that has others below it. Those are listed with the ones below them, so that one
// page has them all.
func showSections(cmd *cobra.Command, sections []section) {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s COMMAND [flags]\n\n%s\n", cmd.CommandPath(), strings.Join(report.Wrap(cmd.Short, helpWidth), "\n"))
	lists := make([]list, 0, len(sections)+1)
	for _, s := range sections {
		l := list{title: s.title}
		for _, c := range s.commands {
			l.rows = append(l.rows, listed(c)...)
		}
		lists = append(lists, l)
	}
	showLists(&b, append(lists, flagList(cmd)))
	fmt.Fprintf(&b, "\n%s COMMAND --help says more about one of them.\n", cmd.CommandPath())
	_ = say(cmd.OutOrStdout(), strings.TrimSuffix(b.String(), "\n"))
}

func listed(c *cobra.Command) (rows []row) {
	for _, below := range c.Commands() {
		rows = append(rows, listed(below)...)
	}
	if len(rows) > 0 {
		return rows
	}
	return []row{{strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" "), c.Short}}
}

// showCommand is the help of one command.
func showCommand(cmd *cobra.Command, arguments []argument) {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s\n\n%s\n", useLine(cmd), strings.Join(report.Wrap(cmd.Short, helpWidth), "\n"))
	if cmd.Long != "" {
		fmt.Fprintf(&b, "\n%s\n", cmd.Long)
	}
	l := list{title: "Arguments"}
	for _, a := range arguments {
		l.rows = append(l.rows, row{a.name, a.help})
	}
	showLists(&b, []list{l, flagList(cmd)})
	_ = say(cmd.OutOrStdout(), strings.TrimSuffix(b.String(), "\n"))
}

func useLine(cmd *cobra.Command) string { return cmd.UseLine() + " [flags]" }

func flagList(cmd *cobra.Command) list {
	l := list{title: "Flags"}
	cmd.InheritedFlags() // puts those of the root among the command's own, where nothing has parsed it
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		if kind := placeholder(f); kind != "" {
			name += " " + kind
		}
		l.rows = append(l.rows, row{name, f.Usage})
	})
	return l
}

// placeholder is what stands for the flag's value.
func placeholder(f *pflag.Flag) string {
	switch kind := f.Value.Type(); kind {
	case "bool":
		return ""
	case "duration":
		return "TIME"
	case "int":
		return "N"
	default:
		return kind
	}
}

// list is a titled part of a help: names, and what they are.
type list struct {
	title string
	rows  []row
}

type row struct{ name, help string }

// showLists prints lists, their texts all as far to the left as the longest name lets them.
func showLists(b *strings.Builder, lists []list) {
	const indent = 2
	left := 0
	for _, l := range lists {
		for _, r := range l.rows {
			left = max(left, len(r.name))
		}
	}
	at := indent + left + gap
	for _, l := range lists {
		if len(l.rows) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n%s:\n", l.title)
		for _, r := range l.rows {
			text := strings.Join(report.Wrap(r.help, helpWidth-at), "\n"+strings.Repeat(" ", at))
			fmt.Fprintf(b, "%*s%-*s%s\n", indent, "", left+gap, r.name, text)
		}
	}
}

// say prints a line for whom asked for it.
func say(w io.Writer, text string) error {
	if _, err := fmt.Fprintln(w, text); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}
