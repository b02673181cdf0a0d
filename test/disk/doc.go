// Package disk gives the real store, and the real binary, every kind of bad disk: operations that fail, files that were
// damaged, disks that are full; and clocks that jump. What was acknowledged must stand, and nothing else may be shown.
package disk
