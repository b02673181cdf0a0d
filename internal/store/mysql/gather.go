package mysql

import (
	"time"

	"github.com/throng-im/throng/internal/gather"
)

const (
	// gatheredAtOnce is how many questions of one kind are under way together, and gatheredMost what one of them asks for.
	gatheredAtOnce = 2
	gatheredMost   = 256
	// gatheredCrowd callers of one question are a storm: the next one begins when there are gatheredMost, or gatherPause after the last began.
	// A statement costs a database as much as twenty of its rows, and who comes in a storm waits for the processor anyway.
	gatheredCrowd = 16
	gatherPause   = 50 * time.Millisecond
)

// Gather has many callers ask the databases together.
func Gather[K comparable, V any](ask gather.Ask[K, V]) *gather.Many[K, V] {
	return gather.NewMany(gatheredAtOnce, gatheredMost, ask).Pausing(gatheredCrowd, gatherPause)
}
