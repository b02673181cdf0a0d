// Package eventloop is what the gateway needs of the kernel below package net: writes that never block and do not tell the
// scheduler. Loops that poll for themselves will live here too.
//
// It imports nothing of ours.
package eventloop
