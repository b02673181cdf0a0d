// Package target is the server under load: one that runs anyway, or a process of its own that is started for the run, killed,
// started again, and looked at from outside (processor, memory, metrics). It also makes the people and groups of a run through
// the API.
//
//	server  ─ start, kill, start again, stop       metrics ─ what it says of itself
//	people  ─ users and their tokens in bulk       group   ─ a group of any size
//
// A started server has no rate limits, because the load is meant, and room for all connections from one machine; Raised says
// it for the report. The package imports client and the schema.
package target
