// Package bench puts a server under load and checks what it delivers: the command throng bench. Each scenario is a package of its
// own; this one reads the command line, shows how a run is going, and writes what came of it as a table, JSON and a page.
//
//	send     many conversations: acknowledgements and deliveries     load    thousands of sockets on raw epoll loops
//	connect  how fast, how much memory, how idle                     target  the server: started, killed, looked at, filled
//	fanout   one group, everybody online                             text    what a message says, so that receivers can check it
//	limit    the same with a bare loop in place of the server        report  latencies, machine, table, page
//	storm    too much of everything                                  live    the view of a run
//	mega     a group of a million; million: all of it on sockets, at many gateways of a cluster
//	slow     receivers that stop reading
//	fair     one-to-one chats beside a group of a million
//
// The load shares the machine with the server, so it is lean, and says what it used. The packages import client and the schema, and of
// internal only what the in-memory transport and the bare loop need.
package bench
