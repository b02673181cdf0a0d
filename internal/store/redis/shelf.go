package redis

import "github.com/throng-im/throng/internal/timeline"

// Shelf is where the timelines keep what this engine may lose; an adapter of an engine that keeps it is passed in. The port, with
// its rules, is declared beside the other ports of timelines, so that neither adapter knows the other; porttest.Shelf holds an
// adapter to it.
type Shelf = timeline.Shelf
