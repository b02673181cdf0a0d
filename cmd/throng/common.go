package main

import (
	"fmt"

	"github.com/throng-im/throng/internal/config"
)

// sources are the flags that say where the configuration comes from.
type sources struct {
	Config string `help:"Configuration file (TOML)." type:"path" env:"THRONG_CONFIG" placeholder:"FILE"`
	Data   string `help:"Data folder. Default: data." type:"path" placeholder:"DIR"`
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
