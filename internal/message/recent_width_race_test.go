//go:build race

package message_test

// stormWidth is how many pulls are under way at once. The race detector follows 8,128 goroutines at most.
const stormWidth = 4_000
