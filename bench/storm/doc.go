// Package storm gives a server too much of everything: the scenario throng bench storm.
//
//	reconnect ─ the server is killed under thousands of sessions, and all of them come back; well-behaved clients, or bad ones
//	send      ─ five times as many messages as it can take: those that it takes must stay near its best
//	push      ─ many messages at once for everybody of one group
//	pull      ─ everybody asks for the same page at the same moment
//
// In all of them nothing that was acknowledged may be lost, and health checks must be answered in time. The server's limits are its usual
// ones for connecting, for each client has an address of its own.
package storm
