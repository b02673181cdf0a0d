// Command wsecho sends back every WebSocket message, by the gateway's own connection code, for suites that test the protocol from
// outside:
//
//	go run ./test/wsecho -listen 127.0.0.1:9001
//	go run ./test/wsecho -listen 127.0.0.1:9001 -goroutines
package main
