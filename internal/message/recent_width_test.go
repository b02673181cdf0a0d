//go:build !race

package message_test

// stormWidth is how many pulls are under way at once.
const stormWidth = 100_000
