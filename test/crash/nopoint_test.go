//go:build !failpoint

package crash_test

// arm does nothing where the build has no failpoints.
func arm(*cutter) (disarm func()) { return func() {} }
