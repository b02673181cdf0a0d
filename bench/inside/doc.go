// Package inside is a server in the load's own process, reached over connections that have no sockets: for sizes that a machine's
// descriptors do not allow. Everything but the sockets is real: admission, tokens, sessions, routes, loops and frames, the log and its
// disk. What is said to it as to a back end goes over HTTP.
package inside
