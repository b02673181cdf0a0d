// Command testsum reads `go test -json` and prints what a person wants of it: a line per package, the output of what failed, what
// was skipped and why, and the slowest tests. It exits 1 when a test failed, and when one was skipped that -skips does not
// name, because a test that did not run has proved nothing.
package main
