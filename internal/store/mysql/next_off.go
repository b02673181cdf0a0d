//go:build !next

package mysql

// laterSteps are migrations of the next version (docs/decisions/0027-mixed-versions.md), behind those of this one.
func laterSteps(int, int) []step { return nil }
