// Package proxyproto reads the header that a balancer puts in front of a connection to say whom it comes from: the PROXY
// protocol, versions 1 and 2. It does no I/O and imports nothing of ours.
package proxyproto
