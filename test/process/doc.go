// Package process runs the real binary for tests: it builds it once, starts it on a folder, kills it and starts it again.
// What it starts listens on the loopback only, and ends with its test.
package process
