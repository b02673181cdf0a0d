// Package local holds the adapters of a cluster of one node: routes, bus and registry in this process's memory. Nothing in it
// survives the process, and nothing needs to: connections do not either.
package local
