package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/throng-im/throng/internal/config"
)

// sources are the flags that say where the configuration comes from.
type sources struct {
	Config string
	Data   string
}

// register adds the flags.
func (s *sources) register(e *environment, f *pflag.FlagSet) {
	s.registerConfig(e, f, "Configuration file (TOML). Default: $THRONG_CONFIG.")
	path(f, &s.Data, "data", "DIR", "Data folder. Default: data.")
}

// registerConfig adds --config; THRONG_CONFIG stands for it where it is missing.
func (s *sources) registerConfig(e *environment, f *pflag.FlagSet, help string) {
	const variable = "THRONG_CONFIG="
	path(f, &s.Config, "config", "FILE", help)
	if i := slices.IndexFunc(e.env, func(v string) bool { return strings.HasPrefix(v, variable) }); i >= 0 {
		s.Config = fullPath(strings.TrimPrefix(e.env[i], variable))
	}
}

// load returns the effective configuration; further flags are given by path.
func (s sources) load(e *environment, flags map[string]string) (*config.Loaded, error) {
	if flags == nil {
		flags = make(map[string]string)
	}
	if s.Data != "" {
		flags["data"] = s.Data
	}
	l, err := config.Load(config.Options{File: s.Config, Env: e.env, Flags: flags})
	if err != nil {
		return nil, err
	}
	for _, w := range l.Warnings {
		fmt.Fprintln(e.errOut, "warning:", w)
	}
	return l, nil
}

// progress is what a command tells while it is at work: one line that is written over where a person looks on, and lines elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	begun    bool // a line has no end yet
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// passing tells what the next one takes the place of.
func (p *progress) passing(text string) {
	if p.terminal {
		fmt.Fprintf(p.w, "\r%s\x1b[K", text)
		p.begun = true
	}
}

// now tells how far it has come, which the next one takes the place of on a terminal, and stays elsewhere.
func (p *progress) now(text string) {
	if p.terminal {
		p.passing(text)
		return
	}
	fmt.Fprintln(p.w, text)
}

// stays tells what is to be read later.
func (p *progress) stays(text string) {
	p.passing("")
	p.begun = false
	fmt.Fprintln(p.w, text)
}

// end ends the line, if there is one: others write now.
func (p *progress) end() {
	if p.begun {
		p.begun = false
		fmt.Fprintln(p.w)
	}
}
