// Package memnet is a network inside the process, with the faults of real ones, for tests under virtual time.
//
// A [Network] has one listener; clients dial it through a [Link], which is what a device's way to the server is like at the
// moment: its latency, and whether it is up, silent (packets vanish, nobody is told) or refusing. Connections are ordered
// byte streams with bounded buffers and deadlines, as TCP's are; there are no system calls in them, so the goroutines that
// wait on them count as idle for testing/synctest.
package memnet
