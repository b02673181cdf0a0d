// Command wsecho serves the gateway's connection code with an echo in place of sessions, for test suites of others: handshake, framing,
// compression and the end of a connection are what sessions have. Every path is an echo.
package main
