package pebble

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// pebble builds Pebble's options. The repeat check needs filters on the last level as well, which it asks for by itself.
func (o Options) pebble(cache *pebble.Cache, fatal func(error)) *pebble.Options {
	p := &pebble.Options{
		Cache:                       cache,
		FS:                          o.FS,
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                o.MemTableBytes,
		MemTableStopWritesThreshold: 4,
		LBaseMaxBytes:               64 << 20,
		L0CompactionThreshold:       4,
		L0StopWritesThreshold:       24,
		Logger:                      engineLogger{log: o.Logger, fatal: fatal},
	}
	for i := range p.Levels {
		p.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		p.Levels[i].BlockSize = 32 << 10
	}
	return p
}

// engineLogger hands Pebble's messages to ours. Pebble calls Fatalf when a log write or sync fails and may not go on.
type engineLogger struct {
	log   *slog.Logger
	fatal func(error)
}

// Infof drops what Pebble tells of its daily work.
func (l engineLogger) Infof(string, ...any) {}

// Errorf logs what Pebble will try again.
func (l engineLogger) Errorf(format string, args ...any) {
	l.log.Error("storage engine", "error", fmt.Sprintf(format, args...))
}

// Fatalf never returns to Pebble.
func (l engineLogger) Fatalf(format string, args ...any) {
	err := errors.New(fmt.Sprintf(format, args...)) //nolint:revive // args may hold no error to wrap
	l.log.Error("storage engine cannot go on", "error", err)
	l.fatal(err)
}

// fatal returns what ends the goroutine that met a failure after which Pebble may not go on.
func (s *Store) fatal(told func(error)) func(error) {
	return func(err error) {
		if s.engine != nil { // nil while Pebble opens
			s.fail(err)
		}
		if told == nil {
			panic(err)
		}
		told(err)
		runtime.Goexit()
	}
}
