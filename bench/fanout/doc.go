// Package fanout loads one group of which everybody is online: the scenario throng bench fanout, and, against the bare loop alone,
// throng bench limit.
//
//	config ─ what is asked for       run   ─ the rounds: the server, the bare loop, the server, …
//	side   ─ one of the two, measured in the same way: connect, warm up, measure, look at every receiver
//	report ─ what came of it
//
// Server, bare loop and load are processes of their own. The two sides take turns on the same number of sockets of the same load, so
// that what the machine does besides falls on both.
package fanout
