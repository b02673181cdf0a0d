// Package live shows on a terminal how a run is going: a bar, a rate and a latency on one line that fits; and elsewhere a line for
// each phase.
//
// It imports report for its way of writing numbers.
package live
