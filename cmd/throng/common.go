package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

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
