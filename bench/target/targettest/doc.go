// Package targettest is a server for tests of the load: the model of the protocol in memory, reached over TCP, with as much of the
// HTTP services as the load needs. The model can lose, repeat and reorder, which the load must notice.
package targettest
