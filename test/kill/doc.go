// Package kill ends the real binary with SIGKILL, again and again, while clients send over real WebSockets, and holds
// everything that clients were told against what the server knows afterwards.
package kill
