//go:build !next

package redis

// later makes the scripts those of the next version (docs/decisions/0027-mixed-versions.md).
func later(*scripts) {}
