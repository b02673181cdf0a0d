package mysql

import "github.com/throng-im/throng/internal/gather"

const (
	// gatheredAtOnce is how many questions of one kind are under way together, and gatheredMost what one of them asks for.
	gatheredAtOnce = 2
	gatheredMost   = 128
)

// Gather has many callers ask the databases together.
func Gather[K comparable, V any](ask gather.Ask[K, V]) *gather.Many[K, V] {
	return gather.NewMany(gatheredAtOnce, gatheredMost, ask)
}
