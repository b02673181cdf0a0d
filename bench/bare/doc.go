// Package bare is the physical limit: a process that does nothing but write. It takes clients like a server, answers their handshake
// and their token without looking at either, and then writes each frame that comes through its standard input to all of them: two epoll
// loops that share a port, plain write(2) from a dense list of descriptors, nothing else. What a server delivers is measured
// against it, with the same load on the same machine in the same run.
//
//	process ─ the parent's end: start, write, processor time        mouth ─ messages as frames with the bytes of a server's
//	loop    ─ the process itself (Linux)                            expected ─ what it has to reach for a run to count
package bare
