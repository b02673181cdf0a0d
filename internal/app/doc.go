// Package app builds a whole server out of the parts and gives it a life: [New] wires it, Run starts, serves and stops
// it. It is a type and not a program, so that tests start several in one process.
//
// The data folder is the app's: a lock keeps a second process out, FORMAT names the version of what is in it, secrets/ holds
// what was drawn at random at the first start, db/ is the embedded engine's, admin.sock is where the operator's commands
// reach the running server.
//
// Only this package imports adapters, and only its wiring.go knows which of them the configuration chose.
package app
